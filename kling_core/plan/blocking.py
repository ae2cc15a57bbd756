"""Where everybody is: world positions and camera of a shot, and from them each subject's place on screen.

World: metres, y up, subjects stand on y = 0 and face +z when their yaw is 0; yaw turns them about y, positive towards
+x (screen right for a camera that looks along -z). Screen: x right, y down, both in [0, 1].

Blocking uses one nominal body for everybody, so that it can be computed from the plan alone, before anything is drawn,
and is the same for every backbone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kling_core.plan.camera_path import CameraPath
from kling_core.plan.plan import Performance, PlannedShot

BODY_HEIGHT = 1.72
HEAD_CENTRE = 1.38
HEAD_RADIUS = 0.30
BODY_RADIUS = 0.36
MOUTH_DROP = 0.13


@dataclass(frozen=True)
class SubjectTrack:
    """One subject over a shot of F frames.

    position: [F, 3] metres. yaw: [F] radians. phase: [F] radians of the walking or waving cycle. body, head:
    [F, 4] screen boxes (x0, y0, x1, y1), unclipped. depth: [F] metres from the camera plane, above 0 in front of it.
    facing: [F] radians, the yaw as the camera sees it (0 = towards the camera, positive = towards screen right).
    mouth: [F, 2] screen point.
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

    @property
    def subject(self) -> str:
        return self.performance.subject


@dataclass(frozen=True)
class OccluderTrack:
    """A tree or pillar that somebody passes behind. position: [3] metres; trunk: [F, 4] screen box; depth: [F]."""

    kind: str
    position: np.ndarray
    trunk: np.ndarray
    depth: np.ndarray


@dataclass(frozen=True)
class Blocking:
    """The blocking of one shot: its camera and the track of every subject and occluder, over its frames."""

    camera: CameraPath
    subjects: tuple[SubjectTrack, ...]
    occluders: tuple[OccluderTrack, ...]

    def track(self, subject: str) -> SubjectTrack | None:
        return next((track for track in self.subjects if track.subject == subject), None)


@dataclass(frozen=True)
class Marks:
    """Where the subjects stand and how they move, before anybody looks through the camera."""

    position: np.ndarray
    yaw: np.ndarray
    phase: np.ndarray


# Where people stand across the frame, as a fraction of the half width that the shot size shows.
_SPOTS = {1: (0.0,), 2: (-0.42, 0.42), 3: (-0.62, 0.0, 0.62)}
_NAMED_SPOT = {"left": -0.45, "center": 0.0, "right": 0.45}
# Half of the width (metres) that each shot size shows at the subject's distance, for a 16:9 picture.
_HALF_WIDTH = {"wide": 1.95, "full": 1.75, "medium": 1.2, "close": 0.72, "extreme close": 0.46, "insert": 0.72}
_WALK_SPEED = 0.55
_WALK_CYCLE = 1.5
_WAVE_CYCLE = 1.6


def block_shot(shot: PlannedShot, fps: int, aspect: float, seed: int = 0) -> Blocking:
    """Stage a shot: marks for its subjects, a camera on them, and the screen boxes that follow.

    aspect is width / height. `seed` varies what the director left open (small offsets of stance), never what is
    written. Deterministic.
    """
    rng = np.random.default_rng([seed, shot.index, 7])
    time = np.arange(shot.frames) / fps
    marks = [_marks(shot, number, time, rng) for number in range(len(shot.performances))]
    occluders = _occluders(shot, marks)
    targets = np.stack([mark.position for mark in marks]) if marks else np.zeros((1, shot.frames, 3))
    camera = CameraPath.for_shot(shot, targets, aspect, fps)
    tracks = tuple(
        _project_subject(performance, mark, camera) for performance, mark in zip(shot.performances, marks)
    )
    return Blocking(camera, tracks, tuple(_project_occluder(kind, at, camera) for kind, at in occluders))


def _marks(shot: PlannedShot, number: int, time: np.ndarray, rng: np.random.Generator) -> Marks:
    performance = shot.performances[number]
    count = len(shot.performances)
    frames = len(time)
    spots = _SPOTS.get(count) or np.linspace(-0.7, 0.7, count)
    spot = _NAMED_SPOT[performance.position] if performance.position else spots[number]
    crowd = max(1.0, 0.62 * count / (2 * _HALF_WIDTH[shot.size]) * 1.6)
    x = spot * _HALF_WIDTH[shot.size] * crowd + rng.uniform(-0.04, 0.04)
    z = rng.uniform(-0.08, 0.08)
    if shot.angle == "over shoulder" and count > 1:
        # The listener (second subject) stands near the camera with the back to it, the speaker looks past it.
        x, z = (-0.24, 0.0) if number == 0 else (0.42, 0.95)
    position = np.tile(np.array([x, 0.0, z]), (frames, 1))
    yaw = np.full(frames, _stance_yaw(shot, number, x, rng))
    phase = np.zeros(frames)
    start = rng.uniform(0, 2 * np.pi)
    if performance.verb == "walk":
        side = -1.0 if performance.toward in ("left", "away left") else 1.0
        yaw[:] = side * 1.15
        middle = time - time.mean()
        position[:, 0] += side * _WALK_SPEED * middle
        phase = start + 2 * np.pi * _WALK_CYCLE * time
    elif performance.verb == "wave":
        phase = start + 2 * np.pi * _WAVE_CYCLE * time
    elif performance.verb == "turn":
        turn = 2.6 * np.clip(time / max(time[-1], 1e-6), 0, 1)
        yaw = yaw + (turn if yaw[0] <= 0 else -turn)
    elif performance.verb == "nod":
        phase = start + 2 * np.pi * 1.2 * time
    return Marks(position, yaw, phase)


def _stance_yaw(shot: PlannedShot, number: int, x: float, rng: np.random.Generator) -> float:
    performance = shot.performances[number]
    if shot.angle == "over shoulder" and len(shot.performances) > 1:
        return 0.3 if number == 0 else np.pi - 0.35
    toward = performance.toward
    if toward in ("left", "right"):
        return -0.9 if toward == "left" else 0.9
    if toward in shot.subjects or len(shot.performances) == 2:
        # Two people half turn to each other, so that both faces stay in view.
        return -0.55 * np.sign(x) if x else 0.0
    return rng.uniform(-0.35, 0.35)


def _occluders(shot: PlannedShot, marks: list[Marks]) -> list[tuple[str, np.ndarray]]:
    found = []
    for performance, mark in zip(shot.performances, marks):
        if performance.behind and not found:
            middle = mark.position[len(mark.position) // 2]
            found.append((performance.behind, middle + np.array([0.0, 0.0, 0.75])))
    return found


def _project_subject(performance: Performance, mark: Marks, camera: CameraPath) -> SubjectTrack:
    head = mark.position + np.array([0.0, HEAD_CENTRE, 0.0])
    forward = np.stack([np.sin(mark.yaw), np.zeros_like(mark.yaw), np.cos(mark.yaw)], -1)
    mouth = head + forward * HEAD_RADIUS + np.array([0.0, -MOUTH_DROP, 0.0])
    head_xy, depth, per_metre = camera.project(head)
    mouth_xy, _, _ = camera.project(mouth)
    half = HEAD_RADIUS * per_metre
    head_box = np.concatenate([head_xy - half, head_xy + half], -1)
    half_body = BODY_RADIUS * per_metre[:, :1]
    foot_xy, _, _ = camera.project(mark.position)
    top_xy, _, _ = camera.project(mark.position + np.array([0.0, BODY_HEIGHT, 0.0]))
    centre = (foot_xy[:, :1] + top_xy[:, :1]) / 2
    body_box = np.concatenate([centre - half_body, top_xy[:, 1:], centre + half_body, foot_xy[:, 1:]], -1)
    seen_from = np.arctan2(camera.eye[:, 0] - mark.position[:, 0], camera.eye[:, 2] - mark.position[:, 2])
    facing = (mark.yaw - seen_from + np.pi) % (2 * np.pi) - np.pi
    return SubjectTrack(
        performance, mark.position, mark.yaw, mark.phase, body_box, head_box, depth, facing, mouth_xy
    )


TRUNK_RADIUS = {"tree": 0.11, "pillar": 0.17}


def _project_occluder(kind: str, position: np.ndarray, camera: CameraPath) -> OccluderTrack:
    frames = len(camera.eye)
    foot = np.tile(position, (frames, 1))
    foot_xy, depth, per_metre = camera.project(foot)
    top_xy, _, _ = camera.project(foot + np.array([0.0, 2.6, 0.0]))
    half = TRUNK_RADIUS[kind] * per_metre[:, :1]
    trunk = np.concatenate([foot_xy[:, :1] - half, top_xy[:, 1:], foot_xy[:, :1] + half, foot_xy[:, 1:]], -1)
    return OccluderTrack(kind, position, trunk, depth)
