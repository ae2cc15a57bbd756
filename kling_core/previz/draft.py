"""The animatic: the stage's own crisp render of a plan, at any size, with the mouths that the sound asks for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kling_core.elements.element import Cast
from kling_core.plan.plan import Plan
from kling_core.previz.conditioning import looks_of, mouth_curves
from kling_core.previz.stage.scene import draw_shot
from kling_core.sound.speech import SpokenLine


def draft(
    plan: Plan, cast: Cast, width: int, height: int, speech: tuple[SpokenLine, ...] = ()
) -> Iterator[np.ndarray]:
    """uint8 [T, height, width, 3], one shot at a time."""
    looks, mouths = looks_of(cast), mouth_curves(plan, speech)
    for shot, blocking in zip(plan.shots, plan.blocking):
        here = {name: curve[shot.start:shot.stop] for name, curve in mouths.items()}
        yield draw_shot(shot, blocking, looks, here, width, height).numpy()
