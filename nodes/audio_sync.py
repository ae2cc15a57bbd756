from comfy_api.latest import io

from . import convert, sockets


class AudioSync(io.ComfyNode):
    """Latents and plan -> the film's sound: the lines at their times and places, over the ambience."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KlingCoreAudioSync",
            display_name="AudioSync",
            category=sockets.CATEGORY,
            description="Puts every line at its time and its speaker's place, over the ambience, at -16 LUFS.",
            search_aliases=["kling audio", "lip sync", "dialogue", "soundtrack", "audio decode"],
            inputs=[
                io.Latent.Input("latent"),
                sockets.Plan.Input("plan"),
            ],
            outputs=[
                io.Audio.Output("audio", display_name="AUDIO"),
                io.String.Output("report", tooltip="Who says what, and when."),
            ],
        )

    @classmethod
    def execute(cls, latent: dict, plan) -> io.NodeOutput:
        from kling_core.render import soundtrack

        latents, scene = convert.latents(latent)
        convert.require_plan(scene, plan)
        samples = soundtrack(scene.backbone, plan, scene.speech, latents, scene.retake)
        return io.NodeOutput(convert.audio(samples, plan.grid.audio_rate), convert.sound_report(scene))
