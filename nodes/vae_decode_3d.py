from contextlib import closing

from comfy_api.latest import io

from . import convert, host, sockets


class VAEDecode3D(io.ComfyNode):
    """Latents -> the film's pictures, shot by shot."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KlingCoreVAEDecode3D",
            display_name="VAEDecode3D",
            category=sockets.CATEGORY,
            description="Decodes the pictures of a VideoSampler's latent shot by shot, so that cuts stay exact.",
            search_aliases=["kling decode", "vae decode video", "latent to video"],
            inputs=[
                io.Latent.Input("latent"),
                io.Int.Input(
                    "memory_budget", display_name="memory budget (MB)", default=1024, min=128, max=262144, step=128,
                    tooltip="Most memory that decoding may take beside the film itself.",
                ),
            ],
            outputs=[
                io.Image.Output("images", display_name="IMAGE"),
                io.Float.Output("fps", tooltip="Frames a second, for Create Video."),
            ],
        )

    @classmethod
    def execute(cls, latent: dict, memory_budget: int) -> io.NodeOutput:
        latents, scene = convert.latents(latent)
        budget = memory_budget * convert.MEGABYTE
        chunks = scene.backbone.decode_video(latents, scene.plan, scene.cast, scene.speech, memory_budget=budget)
        # An interrupt leaves the decoder in the middle of a film.
        with closing(chunks):
            film = convert.film(chunks, scene.plan.frames, host.HostProgress(scene.plan.frames))
        return io.NodeOutput(film, float(scene.plan.grid.fps))
