"""Where everybody is: world positions and camera of a shot, and from them each subject's place on screen.

World: metres, y up, subjects stand on y = 0 and face +z when their yaw is 0; yaw turns them about y, positive towards
+x (screen right for a camera that looks along -z). Screen: x right, y down, both in [0, 1].

Blocking uses one nominal body for everybody, taller or shorter by a factor, so that it can be computed from the plan
alone, before anything is drawn, and is the same for every backbone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType

import numpy as np

from kling_core.plan.camera_path import CameraPath
from kling_core.plan.marks import Marks, make_marks, partner_of
from kling_core.plan.plan import Performance, PlannedShot

BODY_HEIGHT = 1.72
HEAD_CENTRE = 1.38
HEAD_RADIUS = 0.30
BODY_RADIUS = 0.36
MOUTH_DROP, MOUTH_FORWARD = 0.14, 0.24  # from the head's centre

_UMBRELLA_ROOM = 0.1


@dataclass(frozen=True)
class SubjectTrack:
    """One subject over a shot of F frames.

    position: [F, 3] metres. yaw: [F] radians. phase: [F] radians of the walking or waving cycle. body, head:
    [F, 4] screen boxes (x0, y0, x1, y1), unclipped. depth: [F] metres from the camera plane, above 0 in front of it.
    facing: [F] radians, the body's yaw as the camera sees it (0 = towards the camera, positive = towards screen right).
    mouth: [F, 2] screen point. shift: [F, 3] metres of the nominal body that hips, chest and head are away from where
    they are in somebody who stands straight, in the body's own frame. gaze, nod: [F] radians that the head is turned
    from the body (positive as yaw) and tipped forward. time: [F] seconds since the start of the shot. wind: [F] in
    -1..1, what the air does to hair and cloth, positive towards +x. height: factor of the nominal body. variation: in
    0..1, tells people apart who do the same (blinking, wind).
    """

    performance: Performance
    position: np.ndarray
    yaw: np.ndarray
    phase: np.ndarray
    body: np.ndarray
    head: np.ndarray
    depth: np.ndarray
    facing: np.ndarray
    mouth: np.ndarray
    shift: np.ndarray
    gaze: np.ndarray
    nod: np.ndarray
    time: np.ndarray
    wind: np.ndarray
    height: float = 1.0
    variation: float = 0.0

    @property
    def subject(self) -> str:
        return self.performance.subject

    def slice(self, frames: np.ndarray | slice) -> "SubjectTrack":
        """The track in some frames only."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: it[frames] for name, it in values.items() if isinstance(it, np.ndarray)})


@dataclass(frozen=True)
class OccluderTrack:
    """A tree or pillar that somebody passes behind. position: [3] metres; trunk: [F, 4] screen box; depth: [F]."""

    kind: str
    position: np.ndarray
    trunk: np.ndarray
    depth: np.ndarray

    def slice(self, frames: np.ndarray | slice) -> "OccluderTrack":
        """The track in some frames only."""
        return replace(self, trunk=self.trunk[frames], depth=self.depth[frames])


@dataclass(frozen=True)
class Blocking:
    """The blocking of one shot: its camera and the track of every subject and occluder, over its frames."""

    camera: CameraPath
    subjects: tuple[SubjectTrack, ...]
    occluders: tuple[OccluderTrack, ...]

    def track(self, subject: str) -> SubjectTrack | None:
        return next((track for track in self.subjects if track.subject == subject), None)

    def slice(self, frames: np.ndarray | slice) -> "Blocking":
        """The blocking of some frames only: an array of frame numbers, or a slice of them."""
        return Blocking(
            self.camera.slice(frames),
            tuple(track.slice(frames) for track in self.subjects),
            tuple(track.slice(frames) for track in self.occluders),
        )


def block_shot(
    shot: PlannedShot, fps: int, aspect: float, seed: int = 0, heights: Mapping[str, float] = MappingProxyType({})
) -> Blocking:
    """Stage a shot: marks for its subjects, a camera on them, and the screen boxes that follow.

    aspect is width / height. `seed` varies what the director left open (small offsets of stance), never what is
    written. heights: by subject, factors of the nominal body, 1 where missing. Deterministic.
    """
    time = np.arange(shot.frames) / fps
    marks = make_marks(shot, time, heights, seed)
    occluders = _occluders(shot, marks)
    targets = np.stack([_framed(shot, mark) for mark in marks]) if marks else np.zeros((1, shot.frames, 3))
    camera = CameraPath.for_shot(shot, targets, aspect, fps)
    tracks = tuple(
        _project_subject(_played(shot, number), mark, camera) for number, mark in enumerate(marks)
    )
    return Blocking(camera, tracks, tuple(_project_occluder(kind, at, camera) for kind, at in occluders))


def _played(shot: PlannedShot, number: int) -> Performance:
    """The performance, standing where it takes two and there is only one."""
    performance = shot.performances[number]
    alone = performance.verb == "embrace" and partner_of(shot, number) is None
    return replace(performance, verb="stand") if alone else performance


def _framed(shot: PlannedShot, mark: Marks) -> np.ndarray:
    """What the camera aims from, [F, 3]: the feet, moved by as much as the head is off its usual height; half as much
    in sizes that show the feet too. Umbrellas want room above."""
    rise = HEAD_CENTRE * (mark.height - 1) + mark.shift[:, 1].mean() * mark.height
    share = 0.5 if shot.size in ("wide", "full", "insert") else 1.0
    room = _UMBRELLA_ROOM if any(one.carried == "umbrella" for one in shot.performances) else 0.0
    return mark.position + np.array([0.0, share * rise + room, 0.0])


def _occluders(shot: PlannedShot, marks: list[Marks]) -> list[tuple[str, np.ndarray]]:
    found = []
    for performance, mark in zip(shot.performances, marks):
        if performance.behind and not found:
            middle = mark.position[len(mark.position) // 2]
            found.append((performance.behind, middle + np.array([0.0, 0.0, 0.75])))
    return found


def _project_subject(performance: Performance, mark: Marks, camera: CameraPath) -> SubjectTrack:
    head = mark.shift + np.array([0.0, HEAD_CENTRE, 0.0])
    head_xy, depth, per_metre = camera.project(mark.place(head))
    mouth_xy, _, _ = camera.project(mark.place(head + _mouth_from_head(mark)))
    half = HEAD_RADIUS * mark.height * per_metre
    head_box = np.concatenate([head_xy - half, head_xy + half], -1)
    half_body = BODY_RADIUS * mark.height * per_metre[:, :1]
    foot_xy, _, _ = camera.project(mark.position)
    top_xy, _, _ = camera.project(mark.place(mark.shift + np.array([0.0, BODY_HEIGHT, 0.0])))
    centre = (foot_xy[:, :1] + top_xy[:, :1]) / 2
    body_box = np.concatenate([centre - half_body, top_xy[:, 1:], centre + half_body, foot_xy[:, 1:]], -1)
    seen_from = np.arctan2(camera.eye[:, 0] - mark.position[:, 0], camera.eye[:, 2] - mark.position[:, 2])
    facing = (mark.yaw - seen_from + np.pi) % (2 * np.pi) - np.pi
    return SubjectTrack(
        performance, mark.position, mark.yaw, mark.phase, body_box, head_box, depth, facing, mouth_xy,
        mark.shift, mark.gaze, mark.nod, mark.time, mark.wind, mark.height, mark.variation,
    )


def _mouth_from_head(mark: Marks) -> np.ndarray:
    """[F, 3] metres in the body's frame: the nod tips the head about its centre, then the gaze turns it."""
    up = -MOUTH_DROP * np.cos(mark.nod) - MOUTH_FORWARD * np.sin(mark.nod)
    ahead = MOUTH_FORWARD * np.cos(mark.nod) - MOUTH_DROP * np.sin(mark.nod)
    return np.stack([np.sin(mark.gaze) * ahead, up, np.cos(mark.gaze) * ahead], -1)


TRUNK_RADIUS = {"tree": 0.11, "pillar": 0.17}


def _project_occluder(kind: str, position: np.ndarray, camera: CameraPath) -> OccluderTrack:
    frames = len(camera.eye)
    foot = np.tile(position, (frames, 1))
    foot_xy, depth, per_metre = camera.project(foot)
    top_xy, _, _ = camera.project(foot + np.array([0.0, 2.6, 0.0]))
    half = TRUNK_RADIUS[kind] * per_metre[:, :1]
    trunk = np.concatenate([foot_xy[:, :1] - half, top_xy[:, 1:], foot_xy[:, :1] + half, foot_xy[:, 1:]], -1)
    return OccluderTrack(kind, position, trunk, depth)
