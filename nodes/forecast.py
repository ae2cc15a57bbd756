from comfy_api.latest import io

from . import sockets


class Forecast(io.ComfyNode):
    """Backbone, storyboard and cast -> the plan, and what sampling it will take, before anything runs."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KlingCoreForecast",
            display_name="Forecast",
            category=sockets.CATEGORY,
            description="Says before anything runs what a scene will take: tokens, references, memory and time.",
            search_aliases=["kling tokens", "memory estimate", "out of memory", "plan"],
            inputs=[
                sockets.Backbone.Input("backbone"),
                sockets.Storyboard.Input("storyboard"),
                sockets.Cast.Input("cast", optional=True, tooltip="Whoever the script calls by @name."),
            ],
            outputs=[
                io.String.Output("forecast", tooltip="What it takes, and what to change if it does not fit."),
                io.String.Output("plan", tooltip="Shots, cuts, lines and what had to move to fit the grid."),
            ],
        )

    @classmethod
    def execute(cls, backbone, storyboard, cast=None) -> io.NodeOutput:
        from kling_core.elements.element import Cast
        from kling_core.plan.report import plan_text
        from kling_core.plan.resolve import plan as resolve

        cast = cast or Cast()
        plan = resolve(storyboard, cast, backbone.grid, backbone.limits)
        return io.NodeOutput(backbone.forecast(plan, cast), plan_text(plan))
