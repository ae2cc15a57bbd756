from comfy_api.latest import io

from . import convert, host, sockets

BACKBONES_OWN = 0


class VideoSampler(io.ComfyNode):
    """Storyboard and cast -> one take: the latents of all shots, picture and sound."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KlingCoreVideoSampler",
            display_name="VideoSampler",
            category=sockets.CATEGORY,
            description="Samples all shots of a scene, picture and sound, in one generation.",
            search_aliases=["kling sampler", "text to video", "reference to video", "image to video", "multi shot"],
            inputs=[
                sockets.Backbone.Input("backbone"),
                sockets.Storyboard.Input("storyboard"),
                sockets.Cast.Input("cast", optional=True, tooltip="Whoever the script calls by @name."),
                io.Image.Input("first_frame", optional=True, tooltip="The film begins with this picture."),
                io.Image.Input("last_frame", optional=True, tooltip="The film ends with this picture."),
                io.Int.Input("seed", default=0, min=0, max=2**64 - 1, control_after_generate=True),
                io.Int.Input(
                    "steps", default=BACKBONES_OWN, min=BACKBONES_OWN, max=100,
                    tooltip="0 = as many as the backbone is made for.",
                ),
                io.Float.Input(
                    "guidance", default=1.0, min=1.0, max=10.0, step=0.1,
                    tooltip="How closely people follow their references. 1 = off, and about twice as fast.",
                ),
                io.Float.Input(
                    "structure", default=0.0, min=0.0, max=1.0, step=0.05, optional=True,
                    tooltip="How closely the picture follows the stage's own draft. 0 = pure generation.",
                ),
                io.Latent.Input(
                    "take", optional=True,
                    tooltip="An earlier take of this scene. All shots but those in retake stay as they are.",
                ),
                io.String.Input(
                    "retake", default="", optional=True, tooltip="The shots of the take to make anew, as in: 3, 5",
                ),
            ],
            outputs=[
                io.Latent.Output("latent", display_name="LATENT"),
                sockets.Plan.Output("plan", display_name="PLAN"),
                io.String.Output(
                    "notes", tooltip="What the model is told otherwise than the script has it, or cannot be told."
                ),
            ],
        )

    @classmethod
    def execute(
        cls, backbone, storyboard, seed: int, steps: int, guidance: float,
        cast=None, first_frame=None, last_frame=None, structure: float = 0.0, take=None, retake: str = "",
    ) -> io.NodeOutput:
        from dataclasses import replace

        from kling_core.elements.element import Cast
        from kling_core.render import render

        steps = steps or backbone.defaults.steps
        scene = render(
            storyboard, cast or Cast(), backbone,
            seed=seed,
            retake=convert.retake(take, retake, len(storyboard.shots)),
            structure=structure,
            settings=replace(backbone.defaults, steps=steps, reference_guidance=guidance),
            first_frame=None if first_frame is None else convert.picture(first_frame),
            last_frame=None if last_frame is None else convert.picture(last_frame),
            progress=host.HostProgress(steps),
        )
        return io.NodeOutput(convert.latent(scene), scene.plan, "\n".join(scene.notes))
