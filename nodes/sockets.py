"""Socket types of our own, and the category all nodes share."""

from comfy_api.latest import io

CATEGORY = "Kling Core"

Element = io.Custom("KLING_ELEMENT")
Cast = io.Custom("KLING_CAST")
Storyboard = io.Custom("KLING_STORYBOARD")
Backbone = io.Custom("KLING_BACKBONE")
Plan = io.Custom("KLING_PLAN")
