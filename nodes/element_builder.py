from comfy_api.latest import io

from . import convert, sockets

DO_NOT_SAVE, SAVE, REPLACE = "do not save", "save", "save, replace"


class ElementBuilder(io.ComfyNode):
    """Pictures, a clip and a voice -> an element."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        from kling_core.elements.element import KINDS

        return io.Schema(
            node_id="KlingCoreElementBuilder",
            display_name="ElementBuilder",
            category=sockets.CATEGORY,
            description="Makes a reusable character, item or scene out of pictures or a clip, and an optional voice.",
            search_aliases=["kling element", "character", "subject reference", "voice reference"],
            inputs=[
                io.Image.Input("front", optional=True, tooltip="One picture is enough; front is the best one to give."),
                io.Image.Input("side", optional=True),
                io.Image.Input("back", optional=True),
                io.Image.Input("detail", optional=True, tooltip="The face, or whatever must stay recognisable."),
                io.Audio.Input("voice", optional=True, tooltip="5 to 30 s of one speaker."),
                io.String.Input(
                    "name", default="mira", tooltip="The script calls the element @name. Up to 20 characters."
                ),
                io.Combo.Input("kind", options=list(KINDS), default=KINDS[0]),
                io.String.Input(
                    "description", default="", multiline=True,
                    tooltip="What pictures do not tell. Up to 100 characters.",
                ),
                io.Combo.Input(
                    "library", options=[DO_NOT_SAVE, SAVE, REPLACE], default=DO_NOT_SAVE,
                    tooltip="A saved element is there for other workflows: Load Element lists it.",
                ),
                io.Video.Input("clip", optional=True, tooltip="3 to 8 s of it in motion, for models that take films."),
            ],
            outputs=[
                sockets.Element.Output("element", display_name="ELEMENT"),
                io.String.Output(
                    "findings", tooltip="What may go wrong with these pictures, and its remedy."
                ),
            ],
        )

    @classmethod
    def execute(
        cls, name: str, kind: str, description: str, library: str,
        front=None, side=None, back=None, detail=None, voice=None, clip=None,
    ) -> io.NodeOutput:
        from kling_core.elements.intake import build_element
        from kling_core.elements.library import Library

        given = {"front": front, "side": side, "back": back, "detail": detail}
        views = {view: convert.picture(image) for view, image in given.items() if image is not None}
        recording = None if voice is None else convert.recording(voice)
        film = None if clip is None else convert.clip(clip)
        element = build_element(name, views, voice=recording, clip=film, kind=kind, description=description)
        if library != DO_NOT_SAVE:
            Library().add(element, overwrite=library == REPLACE)
        return io.NodeOutput(element, "\n".join(element.findings))
