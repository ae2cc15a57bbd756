import comfy.samplers
from comfy_api.latest import io

from . import sockets
from .backbones import OWN_SCHEDULER

ROUTINGS = {
    "assist": "Text of a shot for that shot, references for the shots they are cast in, voices softly.",
    "bound": "As assist, and every rule hard: people see their own references only.",
    "off": "Exactly as the stock nodes sample it.",
}
CHECKPOINTS = {
    "auto": "References if the cast brings any.",
    "references": "Ref2VA, or a LoRA that makes it so; of Wan, Phantom.",
    "frames": "FL2VA, a first and a last frame only.",
}
SHOTS = ("full", "transition", "sparse")


class Backbone(io.ComfyNode):
    """MODEL, CLIP and VAE of a large model -> the backbone that VideoSampler takes."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KlingCoreBackbone",
            display_name="Backbone",
            category=sockets.CATEGORY,
            description="Directs a large model that ComfyUI has loaded. It tells its family itself.",
            search_aliases=["kling minimax h3", "kling ltx", "kling wan", "large model", "backbone"],
            inputs=[
                io.Model.Input("model"),
                io.Clip.Input("clip"),
                io.Vae.Input("vae"),
                io.Vae.Input("audio_vae", optional=True, tooltip="For families that make sound."),
                io.Model.Input(
                    "low_noise", optional=True, tooltip="The second expert of Wan 2.2: model is the high-noise one."
                ),
                io.Combo.Input("sampler", options=list(comfy.samplers.KSampler.SAMPLERS), default="euler"),
                io.Combo.Input("scheduler", options=[OWN_SCHEDULER, *comfy.samplers.KSampler.SCHEDULERS]),
                io.Int.Input("steps", default=20, min=1, max=100, tooltip="Of a VideoSampler whose own steps are 0."),
                io.Float.Input("cfg", default=1.0, min=1.0, max=30.0, step=0.1, tooltip="1 = no negative branch."),
                io.Int.Input(
                    "short_edge", default=0, min=0, max=4096, step=16,
                    tooltip="Of the picture, in pixels. 0 = what the family is trained on.",
                ),
                io.Combo.Input(
                    "routing", options=list(ROUTINGS), default="assist",
                    tooltip=" ".join(f"{name}: {what}" for name, what in ROUTINGS.items()),
                ),
                io.Combo.Input(
                    "shots", options=list(SHOTS), default="full",
                    tooltip="What shots see of each other. sparse is faster from three shots on, and changes the film.",
                ),
                io.Combo.Input(
                    "checkpoint", options=list(CHECKPOINTS), default="auto", optional=True,
                    tooltip="Of MiniMax H3 and of Wan's Phantom, whose files look like others. "
                    + " ".join(f"{name}: {what}" for name, what in CHECKPOINTS.items()),
                ),
                io.Boolean.Input(
                    "id_lora", default=False, optional=True,
                    tooltip="LTX: an ID-LoRA is loaded. Whoever speaks most gets the voice of their element.",
                ),
                io.Boolean.Input(
                    "moving_guide", default=False, optional=True,
                    tooltip="MiniMax H3 Ref2VA: camera, cuts and positions follow a puppet film of the storyboard, "
                    "which goes along as a reference video. It adds about a quarter of the film's tokens, and takes "
                    "one of the three clips and its seconds of their 15.",
                ),
                io.Sigmas.Input(
                    "sigmas", optional=True,
                    tooltip="Of any scheduler node, in place of scheduler and steps: for distilled weights and LoRAs "
                    "that come with noise levels of their own.",
                ),
            ],
            outputs=[
                sockets.Backbone.Output("backbone", display_name="BACKBONE"),
                io.String.Output("found", tooltip="What the model is, what it can do, and its licence."),
            ],
        )

    @classmethod
    def execute(
        cls, model, clip, vae, sampler: str, scheduler: str, steps: int, cfg: float, short_edge: int, routing: str,
        shots: str, audio_vae=None, low_noise=None, checkpoint: str = "auto", id_lora: bool = False,
        moving_guide: bool = False, sigmas=None,
    ) -> io.NodeOutput:
        from .backbones import backbone_of
        from .backbones.contracts import Connected, Options
        from .backbones.policies import policy

        backbone = backbone_of(
            Connected(model, clip, vae, audio_vae, low_noise),
            Options(
                sampler, scheduler, cfg, steps, short_edge, policy(routing, shots), checkpoint, id_lora, moving_guide,
                sigmas,
            ),
        )
        return io.NodeOutput(backbone, backbone.found)
