from comfy_api.latest import io

from . import convert, host, sockets


class ContinuityReport(io.ComfyNode):
    """A film and its plan -> what was measured, in words, and a contact sheet that marks what failed."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KlingCoreContinuityReport",
            display_name="ContinuityReport",
            category=sockets.CATEGORY,
            description="Measures a film against its plan: identity, cuts, lips, voices and camera, shot by shot.",
            search_aliases=["kling check", "continuity", "quality", "measure film", "contact sheet"],
            inputs=[
                io.Image.Input("images", tooltip="The whole film, as VAEDecode3D gives it."),
                sockets.Plan.Input("plan"),
                sockets.Cast.Input("cast", optional=True, tooltip="The same cast as the VideoSampler's."),
                io.Audio.Input("audio", optional=True, tooltip="The film's sound, to tell whose voice is in a line."),
                io.Boolean.Input(
                    "photographic", default=False, label_on="real people", label_off="puppets",
                    tooltip="What the film shows: real people are told by their faces and voices.",
                ),
            ],
            outputs=[
                io.String.Output("report", tooltip="What was measured, and which shots to take again."),
                io.Image.Output("sheet", tooltip="A contact sheet; shots that failed have a red frame and the reason."),
            ],
        )

    @classmethod
    def execute(cls, images, plan, photographic: bool, cast=None, audio=None) -> io.NodeOutput:
        from kling_core.contact_sheet import film_sheet
        from kling_core.continuity.check import MEASUREMENTS, check
        from kling_core.continuity.report import report_text
        from kling_core.elements.element import Cast
        from kling_core.sound.speech import speak

        cast, frames = cast or Cast(), convert.pictures(images)
        sound, rate = (None, None) if audio is None else convert.recording(audio)
        report = check(
            frames, sound, rate, plan, cast, speak(plan, cast),
            photographic=photographic, progress=host.HostProgress(MEASUREMENTS),
        )  # fmt: skip
        sheet = film_sheet(frames, plan, cast, report.marks)
        return io.NodeOutput(report_text(report, plan), convert.image(sheet[None]))
