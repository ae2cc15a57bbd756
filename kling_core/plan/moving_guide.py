"""The moving guide: the stage's own film of a plan as a reference video, so that camera, cuts and blocking follow it.

It is filmed on the plan's own frames, so that a codec on the same lattice lays its latents out as those of the film,
shot by shot, and routing can show each shot its own part. Half the film's short edge is enough to see who stands where
and how the camera moves, and a quarter of the tokens of the film: what rides through every step at full size would
double the longest part of the sequence, and draw the eye to the puppets' looks, which are not wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.plan.references import Reference

if TYPE_CHECKING:
    from kling_core.plan.plan import Plan, PlannedShot
    from kling_core.plan.reference_limits import ReferenceLimits

SCALE = 0.5
"""Of the film's sides."""


def moving_guide(size: tuple[int, int], frames: int, limits: "ReferenceLimits") -> Reference:
    """The reference for a film of `size`, width and height in pixels, and `frames` frames: all of it, or as much from
    its start as one video may last. limits: of a family that takes videos."""
    across, down = (max(round(side * SCALE / limits.stride), 1) * limits.stride for side in size)
    longest = min(limits.each_video[1], limits.video_seconds)
    shown = limits.video_frames(min(frames / limits.fps, longest))
    tokens = limits.video_tokens((across, down), shown)
    return Reference("video", 1, None, (), (across, down), (0.0, shown / limits.fps), tokens=tokens)


def is_guided(shot: "PlannedShot", plan: "Plan", guide: Reference | None) -> bool:
    """Whether a guide, if there is one, lasts until some of a shot."""
    return guide is not None and shot.start < round(guide.seconds[1] * plan.grid.fps)
