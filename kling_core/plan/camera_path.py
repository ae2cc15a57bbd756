"""The camera of a shot as a path: where it is, where it looks, how wide it sees, in every frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from kling_core.plan.plan import PlannedMove, PlannedShot

FIELD_OF_VIEW = np.radians(35.0)  # vertical, a short telephoto: faces keep their shape in close shots

# Height of the look-at point, and metres of world that the picture's height spans there, for each shot size.
_AIM_HEIGHT = {"wide": 0.92, "full": 0.9, "medium": 1.16, "close": 1.34, "extreme close": 1.37, "insert": 0.9}
_SPAN = {"wide": 2.2, "full": 1.95, "medium": 1.36, "close": 0.86, "extreme close": 0.58, "insert": 0.8}
_ANGLE_LIFT = {"eye": 0.06, "low": -0.32, "high": 0.55, "over shoulder": 0.12, "pov": 0.06}


@dataclass(frozen=True)
class CameraPath:
    """A pinhole camera over F frames.

    eye: [F, 3] metres. right, up, forward: [F, 3] unit vectors. tangent: [F], tan of half the vertical field of view.
    aspect: width / height of the picture.
    """

    eye: np.ndarray
    right: np.ndarray
    up: np.ndarray
    forward: np.ndarray
    tangent: np.ndarray
    aspect: float

    @classmethod
    def for_shot(cls, shot: "PlannedShot", targets: np.ndarray, aspect: float, fps: int) -> "CameraPath":
        """Frame `targets` ([subjects, F, 3] metres, feet) as the shot's size and angle ask, then apply its moves."""
        frames = targets.shape[1]
        aim = targets[:, frames // 2].mean(0)
        if shot.angle == "over shoulder" and len(targets) > 1:
            aim = targets[0, frames // 2] * 0.8 + targets[1, frames // 2] * 0.2
            aim[2] = targets[0, frames // 2, 2]
        span = _SPAN[shot.size]
        if len(targets) > 1 and shot.angle != "over shoulder":
            reach = np.ptp(targets[:, frames // 2, 0]) + 1.0
            span = max(span, reach / max(aspect, 0.5))
        if aspect < 1:
            # A tall picture is framed by its width, or wide shots of two people would cut both.
            span = span / max(aspect, 0.56) * 0.72
        aim = aim + np.array([0.0, _AIM_HEIGHT[shot.size], 0.0])
        distance = span / 2 / np.tan(FIELD_OF_VIEW / 2)
        rig = _Rig(frames, aim, distance, _ANGLE_LIFT[shot.angle] * span)
        for number, move in enumerate(shot.camera):
            rig.apply(move, _share_of_shot(number, len(shot.camera), frames), targets, fps)
        return rig.path(aspect)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Screen position of world points [F, 3].

        Returns screen [F, 2] (0..1 inside the picture), depth [F] metres, and screen units a metre there [F, 2].
        Points behind the camera get the depth they have (negative) and a position far off screen.
        """
        relative = points - self.eye
        depth = (relative * self.forward).sum(-1)
        safe = np.maximum(depth, 0.05)
        per_metre = 0.5 / (safe * self.tangent)
        per_metre = np.stack([per_metre / self.aspect, per_metre], -1)
        x = 0.5 + (relative * self.right).sum(-1) * per_metre[:, 0]
        y = 0.5 - (relative * self.up).sum(-1) * per_metre[:, 1]
        return np.stack([x, y], -1), depth, per_metre

    def rays(self, screen: np.ndarray) -> np.ndarray:
        """Unit directions [F, N, 3] through screen points [N, 2] in [0, 1]."""
        x = (screen[:, 0] * 2 - 1)[None, :, None] * self.tangent[:, None, None] * self.aspect
        y = (1 - screen[:, 1] * 2)[None, :, None] * self.tangent[:, None, None]
        direction = self.forward[:, None] + x * self.right[:, None] + y * self.up[:, None]
        return direction / np.linalg.norm(direction, axis=-1, keepdims=True)

    def slice(self, frames: np.ndarray | slice) -> "CameraPath":
        return CameraPath(
            self.eye[frames], self.right[frames], self.up[frames], self.forward[frames], self.tangent[frames],
            self.aspect,
        )


def _share_of_shot(number: int, moves: int, frames: int) -> np.ndarray:
    """Progress 0..1 of move `number` over the frames: moves in a row share the shot equally, with soft ends."""
    time = np.linspace(0, 1, frames) if frames > 1 else np.zeros(1)
    progress = np.clip(time * moves - number, 0, 1)
    return progress * progress * (3 - 2 * progress)


class _Rig:
    """A camera being moved: orbit angle, distance, offsets and rotations as functions of time."""

    def __init__(self, frames: int, aim: np.ndarray, distance: float, lift: float):
        self.frames = frames
        self.aim = np.tile(aim, (frames, 1))
        self.distance = np.full(frames, distance)
        self.lift = np.full(frames, lift)
        self.azimuth = np.zeros(frames)
        self.shift = np.zeros((frames, 3))
        self.pan = np.zeros(frames)
        self.tilt = np.zeros(frames)
        self.roll = np.zeros(frames)
        self.zoom = np.ones(frames)

    def apply(self, move: "PlannedMove", progress: np.ndarray, targets: np.ndarray, fps: int) -> None:
        amount, direction = move.amount, move.direction
        negative = -1.0 if direction in ("left", "down", "out", "counterclockwise") else 1.0
        if move.kind == "dolly":
            # Centred on the framing that was asked for, and never through the subject.
            travel = negative * amount * (progress - 0.5 if amount < self.distance[0] else progress * 0.5)
            self.distance = np.maximum(self.distance - travel, 0.35 * self.distance[0])
        elif move.kind == "truck":
            self.shift[:, 0] += negative * amount * (progress - 0.5)
        elif move.kind == "pedestal":
            self.shift[:, 1] += negative * amount * (progress - 0.5)
        elif move.kind == "pan":
            self.pan += negative * np.radians(amount) * (progress - 0.5)
        elif move.kind == "tilt":
            self.tilt += negative * np.radians(amount) * (progress - 0.5)
        elif move.kind == "roll":
            self.roll += negative * np.radians(amount) * progress
        elif move.kind == "zoom":
            factor = amount if negative > 0 else 1 / amount
            self.zoom *= factor ** (progress - 0.5 if amount <= 2 else progress)
        elif move.kind == "orbit":
            self.azimuth += negative * np.radians(amount) * (progress - 0.5)
        elif move.kind == "follow":
            lead = targets[0] - targets[0, self.frames // 2]
            self.aim += lead * np.array([1.0, 0.0, 1.0])
        elif move.kind == "handheld":
            time = np.arange(self.frames) / fps
            sway = np.stack([np.sin(time * 2.3), np.sin(time * 3.1 + 1), 0 * time], -1)
            self.shift += 0.03 * amount * sway
            self.roll += 0.008 * amount * np.sin(time * 1.7)

    def path(self, aspect: float) -> CameraPath:
        back = np.stack([np.sin(self.azimuth), np.zeros(self.frames), np.cos(self.azimuth)], -1)
        side = np.stack([np.cos(self.azimuth), np.zeros(self.frames), -np.sin(self.azimuth)], -1)
        shift = side * self.shift[:, :1] + np.array([0.0, 1.0, 0.0]) * self.shift[:, 1:2]
        eye = self.aim + back * self.distance[:, None] + shift
        eye[:, 1] = np.maximum(eye[:, 1] + self.lift, 0.12)
        forward = _unit(self.aim + shift - eye)
        right = _unit(np.cross(forward, np.array([0.0, 1.0, 0.0])))
        forward = _unit(forward * np.cos(self.pan)[:, None] + right * np.sin(self.pan)[:, None])
        right = _unit(np.cross(forward, np.array([0.0, 1.0, 0.0])))
        up = np.cross(right, forward)
        forward = _unit(forward * np.cos(self.tilt)[:, None] + up * np.sin(self.tilt)[:, None])
        up = np.cross(right, forward)
        cos, sin = np.cos(self.roll)[:, None], np.sin(self.roll)[:, None]
        right, up = right * cos + up * sin, up * cos - right * sin
        tangent = np.tan(FIELD_OF_VIEW / 2) / self.zoom
        return CameraPath(eye, right, up, forward, tangent, aspect)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)
