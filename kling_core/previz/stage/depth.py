"""How far away everything on the stage is: what control videos of depth are made of."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from kling_core.plan.blocking import Blocking
from kling_core.plan.plan import PlannedShot
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.places import backdrop_depth, join
from kling_core.previz.stage.renderer import View, trace
from kling_core.previz.stage.scene import standing


def shot_depth(
    shot: PlannedShot, blocking: Blocking, looks: Mapping[str, Look], width: int, height: int
) -> torch.Tensor:
    """[F, height, width] metres along the camera's axis, renderer.FAR where there is sky. looks: by subject."""
    view = View(blocking.camera, width, height)
    behind = backdrop_depth(shot.place, view.eye, view.directions())
    groups, _ = standing(shot, blocking, looks, view.frames)
    return torch.minimum(trace(join(groups), view)[0].depth, behind) if groups else behind
