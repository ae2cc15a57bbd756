from comfy_api.latest import io

from . import sockets


class BindSubject(io.ComfyNode):
    """Elements -> the cast of a scene."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        from kling_core.storyboard.storyboard import MAX_ELEMENTS

        return io.Schema(
            node_id="KlingCoreBindSubject",
            display_name="BindSubject",
            category=sockets.CATEGORY,
            description="Binds elements to a scene, so that they keep their looks and voices in every shot.",
            search_aliases=["kling bind subject", "cast", "character consistency", "reference to video"],
            inputs=[
                io.Autogrow.Input(
                    "elements",
                    template=io.Autogrow.TemplatePrefix(
                        sockets.Element.Input("element"), prefix="element", min=1, max=MAX_ELEMENTS
                    ),
                    tooltip="Characters, items and scenes of this film. Refer to them by @name in the script.",
                ),
                io.Boolean.Input(
                    "bind", display_name="Bind subject", default=True, label_on="bound", label_off="unbound",
                    tooltip="Off makes the same film with strangers: compare from the same seed.",
                ),
                io.Float.Input(
                    "strength", default=1.0, min=0.0, max=2.0, step=0.05,
                    tooltip="1 = as trained, above 1 = exaggerated, 0 = not bound.",
                ),
            ],
            outputs=[sockets.Cast.Output("cast", display_name="CAST")],
        )

    @classmethod
    def execute(cls, elements: dict, bind: bool, strength: float) -> io.NodeOutput:
        from kling_core.elements.element import Binding, Cast

        cast = Cast(tuple(Binding(element, strength) for element in elements.values()))
        return io.NodeOutput(cast if bind else cast.unbound())
