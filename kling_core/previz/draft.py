"""The animatic: the stage's own crisp render of a plan, at any size, with the mouths that the sound asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from kling_core.elements.element import Cast
from kling_core.plan.plan import Plan
from kling_core.plan.references import Reference
from kling_core.previz.conditioning import looks_of, mouth_curves
from kling_core.previz.stage.scene import SUPERSAMPLING, draw_shot
from kling_core.sound.speech import SpokenLine

PORTION_PIXELS = 4_000_000
"""Drawn at a time, supersampled: keeps memory small at any length and size, and whoever waits soon sees a frame."""


def draft(
    plan: Plan, cast: Cast, width: int, height: int, speech: tuple[SpokenLine, ...] = (), *,
    supersampling: int = SUPERSAMPLING,
) -> Iterator[np.ndarray]:  # fmt: skip
    """uint8 [T, height, width, 3], a few frames of one shot at a time. supersampling: samples a pixel, each way."""
    looks, mouths = looks_of(cast), mouth_curves(plan, speech)
    step = max(1, PORTION_PIXELS // (width * height * supersampling**2))
    for shot, blocking in zip(plan.shots, plan.blocking):
        for first in range(0, shot.frames, step):
            frames = slice(first, min(first + step, shot.frames))
            here = {name: curve[shot.start : shot.stop][frames] for name, curve in mouths.items()}
            yield draw_shot(
                shot, blocking.slice(frames), looks, here, width, height, supersampling=supersampling
            ).numpy()


def guide_frames(
    plan: Plan, cast: Cast, guide: Reference, speech: tuple[SpokenLine, ...] = (), *,
    stop_if_cancelled: Callable[[], None] = lambda: None,
) -> np.ndarray:  # fmt: skip
    """The draft as a moving guide has it: uint8 [T, H, W, 3] of its size, the plan's own frames of its seconds.

    One sample a pixel: its edges are not wanted in the film, and finer ones take five times as long. stop_if_cancelled:
    called every few frames; it may raise the host's interrupt.
    """
    width, height = guide.size
    frames = np.empty((round(guide.seconds[1] * plan.grid.fps), height, width, 3), np.uint8)
    done = 0
    for portion in draft(plan, cast, width, height, speech, supersampling=1):
        portion = portion[: len(frames) - done]
        stop_if_cancelled()
        frames[done : done + len(portion)] = portion
        done += len(portion)
        if done == len(frames):
            break
    return frames
