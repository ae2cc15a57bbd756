"""The stage's depth of a whole plan, as the control videos that depth-guided models were trained on look."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from kling_core.elements.element import Cast
from kling_core.plan.plan import Plan
from kling_core.previz.conditioning import looks_of
from kling_core.previz.draft import PORTION_PIXELS
from kling_core.previz.stage.depth import shot_depth


def depth_film(
    plan: Plan, cast: Cast, width: int, height: int, *, stop_if_cancelled: Callable[[], None] = lambda: None
) -> np.ndarray:
    """uint8 [T, height, width]: 255 is what is nearest in a shot, 0 what is farthest.

    Inverse depth, as the estimators give it whose pictures such models learned from (MiDaS, arXiv 1907.01341), and
    spread over each shot by itself: over the whole film one close-up would leave every wide shot black. Over all frames
    of a shot, so that nothing flickers while the camera moves. stop_if_cancelled: called every few frames; it may raise
    the host's interrupt.
    """
    looks = looks_of(cast)
    step = max(1, PORTION_PIXELS // (width * height))
    film = []
    for shot, blocking in zip(plan.shots, plan.blocking):
        starts = range(0, shot.frames, step)
        nearness = []
        for start in starts:
            stop_if_cancelled()
            portion = blocking.slice(slice(start, min(start + step, shot.frames)))
            nearness.append(1 / shot_depth(shot, portion, looks, width, height))
        nearness = torch.cat(nearness)
        low, high = nearness.aminmax()
        film.append(((nearness - low) / (high - low).clamp(min=1e-9) * 255).round().byte().numpy())
    return np.concatenate(film)
