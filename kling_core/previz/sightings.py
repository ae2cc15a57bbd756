"""Who is seen when, and how much of them: told by the plan alone, before a single picture is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kling_core.plan.blocking import Blocking, SubjectTrack
from kling_core.plan.plan import PlannedShot

_NEAREST = 0.3  # metres from the camera plane
_GRID = 6  # points a side that a region is probed at


@dataclass(frozen=True)
class _Region:
    """Part of a person: a rectangle in fractions of the head's or the body's box, and what must be seen of it.

    share: of the rectangle. turned: how far (degrees) the face may look away from the camera. pixels: height of the
    head in the film.
    """

    box: str
    at: tuple[float, float, float, float]
    share: float
    turned: float = 180.0
    pixels: float = 0.0


_CROWN, _TORSO, _LEGS = (0.0, -0.15, 1.0, 0.45), (0.2, 0.36, 0.8, 0.72), (0.2, 0.76, 0.8, 0.95)
_SHOWN_BY = {
    "hair style": _Region("head", _CROWN, 0.6),
    "hair colour": _Region("head", _CROWN, 0.6),
    "hat": _Region("head", _CROWN, 0.6),
    "skin": _Region("head", (0.2, 0.3, 0.8, 0.9), 0.5, 105.0),
    "glasses": _Region("head", (0.15, 0.25, 0.85, 0.6), 0.6, 75.0, 16.0),
    "eyes": _Region("head", (0.15, 0.3, 0.85, 0.6), 0.6, 65.0, 32.0),
    "beard": _Region("head", (0.25, 0.7, 0.75, 1.1), 0.6, 90.0, 12.0),
    "top": _Region("body", _TORSO, 0.25),
    "pattern": _Region("body", _TORSO, 0.4),
    "trousers": _Region("body", _LEGS, 0.4),
}


@dataclass(frozen=True)
class Sighting:
    """One person in one frame. frame: of the film. head, body: screen boxes (x0, y0, x1, y1), unclipped. facing:
    radians, the body's, 0 = towards the camera. shown: the attributes that this view can show."""

    frame: int
    head: tuple[float, float, float, float]
    body: tuple[float, float, float, float]
    facing: float
    time_of_day: str
    shown: frozenset[str]


def sightings(shot: PlannedShot, blocking: Blocking, subject: str, size: tuple[int, int]) -> list[Sighting]:
    """Every frame of the shot in which anything can be told of `subject`. size: width and height of the film in
    pixels."""
    track = blocking.track(subject)
    if track is None:
        return []
    shown = _shown(track, blocking, size)
    return [
        Sighting(
            shot.start + frame, tuple(track.head[frame]), tuple(track.body[frame]), float(track.facing[frame]),
            shot.time_of_day, frozenset(name for name in shown if shown[name][frame]),
        )
        for frame in range(len(track.yaw))
        if any(shown[name][frame] for name in shown)
    ]  # fmt: skip


def spread(seen: list[Sighting], count: int) -> list[Sighting]:
    """At most `count` of them, evenly over the time."""
    if len(seen) <= count:
        return list(seen)
    return [seen[at] for at in np.linspace(0, len(seen) - 1, count).round().astype(int)]


def _shown(track: SubjectTrack, blocking: Blocking, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """[F] bool by attribute."""
    pixels = (track.head[:, 3] - track.head[:, 1]) * size[1]
    turned = np.degrees(np.arccos(np.cos(track.facing + track.gaze)))
    clear: dict[tuple, np.ndarray] = {}
    shown = {}
    for name, region in _SHOWN_BY.items():
        part = (region.box, region.at)
        if part not in clear:
            clear[part] = _clear_share(getattr(track, region.box), region.at, track, blocking)
        shown[name] = (
            (track.depth > _NEAREST) & (clear[part] >= region.share)
            & (turned <= region.turned) & (pixels >= region.pixels)
        )  # fmt: skip
    return shown


def _clear_share(
    box: np.ndarray, at: tuple[float, float, float, float], track: SubjectTrack, blocking: Blocking
) -> np.ndarray:
    """Which share of a part of the boxes [F, 4] is on screen and behind nobody and nothing. [F]"""
    steps = (np.arange(_GRID) + 0.5) / _GRID
    across, down = np.meshgrid(at[0] + (at[2] - at[0]) * steps, at[1] + (at[3] - at[1]) * steps)
    x = box[:, :1] + (box[:, 2:3] - box[:, :1]) * across.ravel()
    y = box[:, 1:2] + (box[:, 3:] - box[:, 1:2]) * down.ravel()
    clear = (x > 0) & (x < 1) & (y > 0) & (y < 1)
    for other in blocking.subjects:
        if other.subject != track.subject:
            nearer = (other.depth < track.depth) & (other.depth > 0)
            covers = _in_ellipse(x, y, other.head) | _in_ellipse(x, y, _clothed(other.body))
            clear &= ~(nearer[:, None] & covers)
    for occluder in blocking.occluders:
        nearer = (occluder.depth < track.depth) & (occluder.depth > 0)
        trunk = occluder.trunk
        covers = (x > trunk[:, :1]) & (x < trunk[:, 2:3]) & (y > trunk[:, 1:2]) & (y < trunk[:, 3:])
        clear &= ~(nearer[:, None] & covers)
    return clear.mean(1)


def _clothed(body: np.ndarray) -> np.ndarray:
    """The part of body boxes [F, 4] below the head."""
    top = body[:, 1] + 0.3 * (body[:, 3] - body[:, 1])
    return np.stack([body[:, 0], top, body[:, 2], body[:, 3]], -1)


def _in_ellipse(x: np.ndarray, y: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Whether points [F, P] lie in the ellipses inscribed in boxes [F, 4]."""
    middle = (box[:, :2] + box[:, 2:]) / 2
    half = np.maximum((box[:, 2:] - box[:, :2]) / 2, 1e-6)
    return ((x - middle[:, :1]) / half[:, :1]) ** 2 + ((y - middle[:, 1:]) / half[:, 1:]) ** 2 < 1
