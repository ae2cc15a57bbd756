"""One picture a shot, as the stage draws the plan: what a shot list looks like before anything is sampled."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kling_core.elements.element import Cast
from kling_core.plan.plan import Plan
from kling_core.previz.conditioning import looks_of
from kling_core.previz.stage.scene import draw_shot


def stills(plan: Plan, cast: Cast, width: int, height: int) -> Iterator[np.ndarray]:
    """The middle frame of every shot, uint8 [height, width, 3], all mouths at rest."""
    looks = looks_of(cast)
    for shot, blocking in zip(plan.shots, plan.blocking):
        middle = np.array([shot.frames // 2])
        yield draw_shot(shot, blocking.slice(middle), looks, {}, width, height)[0].numpy()
