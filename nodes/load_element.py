from comfy_api.latest import io, ui

from . import convert, sockets

DEMO = "demo: "


class LoadElement(io.ComfyNode):
    """An element out of the library, or one of the demo's people."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        from kling_core.demo import DEMO_NAMES
        from kling_core.elements.library import Library

        return io.Schema(
            node_id="KlingCoreLoadElement",
            display_name="Load Element",
            category=sockets.CATEGORY,
            description="Loads an element out of the library. The demo's people are always there.",
            search_aliases=["kling library", "character library", "element library"],
            inputs=[
                io.Combo.Input(
                    "element", options=[*Library().names(), *(DEMO + name for name in DEMO_NAMES)],
                    tooltip="ElementBuilder and `kling element build` add to this list. Press R to read it again.",
                ),
            ],
            outputs=[sockets.Element.Output("element", display_name="ELEMENT")],
            has_intermediate_output=True,
        )

    @classmethod
    def fingerprint_inputs(cls, element: str) -> int | None:
        """Changes when the library's file does, so that an element built anew is read anew."""
        from kling_core.elements.library import SUFFIX, Library

        path = Library().folder / f"{element}{SUFFIX}"
        return path.stat().st_mtime_ns if path.is_file() else None

    @classmethod
    def execute(cls, element: str) -> io.NodeOutput:
        from kling_core.demo import demo_cast
        from kling_core.elements.library import Library

        if element.startswith(DEMO):
            loaded = demo_cast()[element.removeprefix(DEMO)]
        else:
            loaded = Library().get(element)
        pictures = convert.image(next(iter(loaded.views.values()))[None])
        return io.NodeOutput(loaded, ui=ui.PreviewImage(pictures, cls=cls))
