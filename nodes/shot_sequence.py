from typing import get_args

from comfy_api.latest import io

from . import convert, sockets

FROM_SCRIPT = "from the script"
EXAMPLE = """Shot 1 (3s, wide): @mira and @leo stand in the park.
Shot 2 (3s, close-up, slow push-in): Mira says, "Look at that tree!\""""


class ShotSequence(io.ComfyNode):
    """A script, or one text a shot -> the storyboard."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        from kling_core.storyboard.storyboard import MAX_SECONDS, MAX_SHOTS, PLACES, Aspect

        return io.Schema(
            node_id="KlingCoreShotSequence",
            display_name="ShotSequence",
            category=sockets.CATEGORY,
            description="Turns a script into a storyboard of one to six shots, 3 to 15 seconds in all.",
            search_aliases=["kling storyboard", "multi shot", "script", "director", "shot list"],
            inputs=[
                io.String.Input(
                    "script", multiline=True, default=EXAMPLE,
                    tooltip='Shot 1 (3s, wide, slow push-in): @mira walks past a tree. Mira says, "Look at that."',
                ),
                io.Combo.Input(
                    "aspect", options=list(get_args(Aspect)), default="16:9",
                    tooltip="Of the picture, unless the script says.",
                ),
                io.Float.Input(
                    "seconds", default=0.0, min=0.0, max=MAX_SECONDS, step=0.5,
                    tooltip="Length of the film, unless the script says. 0 = as long as its shots.",
                ),
                io.Combo.Input(
                    "place", options=[FROM_SCRIPT, *PLACES], default=FROM_SCRIPT,
                    tooltip="Where it plays, unless the script says.",
                ),
                io.Autogrow.Input(
                    "shots",
                    template=io.Autogrow.TemplatePrefix(io.String.Input("shot"), prefix="shot", min=0, max=MAX_SHOTS),
                    optional=True,
                    tooltip="One text a shot, in place of the script.",
                ),
                sockets.Cast.Input("cast", optional=True, tooltip="For the preview only. Without it, strangers play."),
            ],
            outputs=[
                sockets.Storyboard.Output("storyboard", display_name="STORYBOARD"),
                io.Image.Output("preview", tooltip="The stage's own drawing of the middle of every shot."),
            ],
        )

    @classmethod
    def execute(
        cls, script: str, aspect: str, seconds: float, place: str, shots: dict[str, str] | None = None, cast=None
    ) -> io.NodeOutput:
        from kling_core.preview import preview
        from kling_core.storyboard.script import parse_script

        text = convert.script(list(shots.values())) if shots else script
        place = None if place == FROM_SCRIPT else place
        storyboard = parse_script(text, aspect=aspect, seconds=seconds or None, place=place)
        return io.NodeOutput(storyboard, convert.image(preview(storyboard, cast)))
