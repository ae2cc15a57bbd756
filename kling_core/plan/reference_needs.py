"""For how long the shots of a plan show each element, from which side, and let it speak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from kling_core.elements.element import Cast
    from kling_core.plan.blocking import SubjectTrack
    from kling_core.plan.plan import Plan, PlannedShot

_SIDE, _BACK = 0.8, 2.0  # radians between the camera and where the body faces: 46 and 115 degrees
_CLOSE = ("close", "extreme close", "insert")


@dataclass(frozen=True)
class Need:
    """Seconds. seen: on screen. spoken: of lines. views: by view, for how long the camera sees that side; "detail" for
    close shots of it."""

    seen: float = 0.0
    spoken: float = 0.0
    views: Mapping[str, float] = field(default_factory=dict)


def needs(plan: "Plan", cast: "Cast") -> dict[str, Need]:
    """What the plan needs of every element of the cast, in cast order."""
    return {name: _need(plan, name, cast[name].kind) for name in cast.names}


def _need(plan: "Plan", name: str, kind: str) -> Need:
    fps, seen, views = plan.grid.fps, 0.0, {}
    for shot, blocking in zip(plan.shots, plan.blocking, strict=True):
        track = blocking.track(name)
        if track is not None:
            found = _views_of_track(shot, track)
        elif name in shot.things:
            found = {"front": shot.frames, "detail": shot.frames * (kind == "item" and shot.size in _CLOSE)}
        else:
            continue
        seen += shot.frames / fps
        for view, frames in found.items():
            views[view] = views.get(view, 0.0) + frames / fps
    spoken = sum(line.stop - line.start for line in plan.lines if line.speaker == name)
    return Need(seen, spoken, views)


def _views_of_track(shot: "PlannedShot", track: "SubjectTrack") -> dict[str, int]:
    """Frames by view."""
    away = np.abs(track.facing)
    back = int((away > _BACK).sum())
    side = int((away > _SIDE).sum()) - back
    face = shot.frames - back
    return {"front": face - side, "side": side, "back": back, "detail": face * (shot.size in _CLOSE)}
