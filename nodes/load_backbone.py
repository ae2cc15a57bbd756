from comfy_api.latest import io

from . import host, sockets


class LoadBackbone(io.ComfyNode):
    """The embedded model, ready to sample."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KlingCoreLoadBackbone",
            display_name="Load Backbone",
            category=sockets.CATEGORY,
            description="Loads previz, the model that comes with Kling Core and runs on a laptop's CPU.",
            search_aliases=["kling model", "previz", "backbone loader"],
            inputs=[
                io.Combo.Input(
                    "device", options=["auto", "cpu"], default="auto",
                    tooltip="auto = the device that ComfyUI itself uses.",
                ),
            ],
            outputs=[sockets.Backbone.Output("backbone", display_name="BACKBONE")],
        )

    @classmethod
    def execute(cls, device: str) -> io.NodeOutput:
        from kling_core.previz.backbone import Previz

        return io.NodeOutput(Previz.load(device=host.device() if device == "auto" else device))
