"""How a body holds itself over time: where hands and feet are, in the nominal body's own frame.

Local frame: metres, y up, feet at y = 0, the face looks along +z; "left" is -x. Every verb says where hands and feet
go; elbows and knees follow from two bones of fixed length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kling_core.plan.blocking import SubjectTrack
from kling_core.plan.marks import BOUNCE, GAZE_OF_AIM

SHOULDER = np.array([0.22, 1.0, 0.0])
HIP = np.array([0.12, 0.52, 0.0])
ARM_LENGTH, LEG_LENGTH = 0.47, 0.5
BALL_RADIUS, BALL_AT = 0.13, (0.44, 0.24)
PEDAL_AXLE, CRANK = (0.32, 0.06), 0.11
_REST = (0.35, 0.56, 0.05)
_CARRIED_HAND = {
    "cup": (0.15, 0.84, 0.3), "jug": (0.17, 0.8, 0.28), "book": (0.14, 0.86, 0.31), "phone": (0.14, 0.92, 0.3),
    "umbrella": (0.27, 0.92, 0.26), "ball": (0.14, 0.74, 0.29), "bicycle": (0.4, 0.79, 0.22),
}
_AT_EAR = (0.36, 1.27, 0.1)
_BOTH_HANDS = ("book", "ball")
POUR_SECONDS = 4.0
_POUR_TILT = 1.05


@dataclass(frozen=True)
class Pose:
    """hands, feet: [F, 2, 3] metres, left then right. pitch: [F, 2] radians, toes down of each foot. twist: [F] radians
    that the shoulders are turned about y. holding: the side (-1 left, 1 right) whose hand has the prop."""

    hands: np.ndarray
    feet: np.ndarray
    pitch: np.ndarray
    twist: np.ndarray
    holding: int = 1

    @classmethod
    def of(cls, track: SubjectTrack) -> "Pose":
        frames, phase = len(track.phase), track.phase
        hands = np.stack([_points(frames, -_REST[0], *_REST[1:]), _points(frames, *_REST)], 1) + track.shift[:, None]
        feet = np.stack([_points(frames, side * HIP[0], 0.05, 0.03) for side in (-1, 1)], 1)
        pose = cls(hands, feet, np.zeros((frames, 2)), np.zeros(frames), 1)
        verb = track.performance.verb
        if verb in _DOING:
            pose = _DOING[verb](pose, track, np.sin(phase), np.cos(phase))
        if verb not in _BUSY_HANDS and track.performance.carried:
            _carry(pose, track)
        return cls(_within_reach(pose, track), pose.feet, pose.pitch, pose.twist, pose.holding)


def joints(track: SubjectTrack) -> np.ndarray:
    """Positions [F, 4, 3] in the body's own frame of left hand, right hand, left foot, right foot, in metres."""
    pose = Pose.of(track)
    return np.concatenate([pose.hands, pose.feet], 1) * track.height


def pour_tilt(time: np.ndarray) -> np.ndarray:
    """Radians [F] that a jug is tilted at some seconds into the shot: up to pouring and back, over and over."""
    at = time % POUR_SECONDS
    rise = np.clip((at - 0.2) / 0.5, 0, 1) * np.clip((POUR_SECONDS - 0.3 - at) / 0.5, 0, 1)
    return _POUR_TILT * rise**2 * (3 - 2 * rise)


def _walk(pose: Pose, track: SubjectTrack, sin: np.ndarray, cos: np.ndarray) -> Pose:
    for at, side in enumerate((-1, 1)):
        pose.feet[:, at, 2] -= side * 0.17 * sin
        pose.feet[:, at, 1] += 0.1 * np.clip(-side * cos, 0, None)
        pose.pitch[:, at] = 0.5 * np.clip(side * sin, 0, None) * np.clip(-side * cos + 0.3, 0, None)
        pose.hands[:, at, 2] += side * 0.24 * sin
        pose.hands[:, at, 0] -= side * 0.05
    return Pose(pose.hands, pose.feet, pose.pitch, 0.12 * sin)


def _wave(pose: Pose, track: SubjectTrack, sin: np.ndarray, cos: np.ndarray) -> Pose:
    lift = 2.4 + 0.42 * sin
    pose.hands[:, 1] = np.stack([0.22 + 0.44 * np.sin(lift), 1.0 - 0.44 * np.cos(lift), 0 * lift + 0.08], -1)
    return Pose(pose.hands, pose.feet, pose.pitch, pose.twist, holding=-1)


def _talk(pose: Pose, track: SubjectTrack, sin: np.ndarray, cos: np.ndarray) -> Pose:
    for at, stress in ((0, 0.5 * (1 + sin)), (1, 0.5 * (1 + cos))):
        pose.hands[:, at] += stress[:, None] * np.array([0.08 - 0.16 * at, 0.14, 0.2])
    return pose


def _turn(pose: Pose, track: SubjectTrack, sin: np.ndarray, cos: np.ndarray) -> Pose:
    for at, side in enumerate((-1, 1)):
        pose.feet[:, at, 1] += 0.06 * np.clip(side * sin, 0, None)
    return pose


def _point(pose: Pose, track: SubjectTrack, sin: np.ndarray, cos: np.ndarray) -> Pose:
    aim = track.gaze / GAZE_OF_AIM
    at = int(aim.mean() > 0)
    shoulder = SHOULDER * (2 * at - 1, 1, 1)
    pose.hands[:, at] = shoulder + ARM_LENGTH * np.stack([np.sin(aim), 0 * aim + 0.08, np.cos(aim)], -1)
    return Pose(pose.hands, pose.feet, pose.pitch, pose.twist, holding=1 - 2 * at)


def _sit(pose: Pose, track: SubjectTrack, sin: np.ndarray, cos: np.ndarray) -> Pose:
    for at, side in enumerate((-1, 1)):
        pose.feet[:, at] = (side * 0.17, 0.05, 0.32)
        pose.hands[:, at] = (side * 0.16, 0.43, 0.22)
    return pose


def _pour(pose: Pose, track: SubjectTrack, sin: np.ndarray, cos: np.ndarray) -> Pose:
    pose.hands[:, 0], pose.hands[:, 1] = (-0.05, 0.72, 0.33), (0.28, 0.98, 0.33)
    return pose


def _bounce(pose: Pose, track: SubjectTrack, sin: np.ndarray, cos: np.ndarray) -> Pose:
    on_top = 2 * BALL_RADIUS + BOUNCE.height(track.phase) + 0.06
    pose.hands[:, 1] = np.stack([0 * sin + BALL_AT[0], np.maximum(on_top, 0.84), 0 * sin + BALL_AT[1] - 0.03], -1)
    pose.hands[:, 0] += (0, 0.1, 0.08)
    return pose


def _dance(pose: Pose, track: SubjectTrack, sin: np.ndarray, cos: np.ndarray) -> Pose:
    for at, side in enumerate((-1, 1)):
        lift = 1.75 + side * 0.85 * sin
        arm = np.stack([side * np.sin(lift), -np.cos(lift), 0.25 + 0 * lift], -1)
        pose.hands[:, at] = SHOULDER * (side, 1, 1) + track.shift + 0.43 * arm
        pose.feet[:, at, 1] += 0.13 * np.clip(-side * sin - 0.2, 0, None)
        pose.feet[:, at, 0] += side * 0.05
    return Pose(pose.hands, pose.feet, pose.pitch, 0.3 * cos)


def _embrace(pose: Pose, track: SubjectTrack, sin: np.ndarray, cos: np.ndarray) -> Pose:
    for at, side in enumerate((-1, 1)):
        pose.hands[:, at] = np.stack([0 * sin + side * 0.22, 0.98 - 0.12 * at + 0.02 * sin, 0 * sin + 0.45], -1)
    return pose


def _ride(pose: Pose, track: SubjectTrack, sin: np.ndarray, cos: np.ndarray) -> Pose:
    height, ahead = PEDAL_AXLE
    for at, side in enumerate((-1, 1)):
        pose.feet[:, at] = np.stack(
            [0 * sin + side * 0.12, height + 0.06 + side * CRANK * cos, ahead - 0.04 + side * CRANK * sin], -1
        )
        pose.hands[:, at] = (side * 0.19, 0.8, 0.29)
    return pose


_DOING: dict[str, Callable[[Pose, SubjectTrack, np.ndarray, np.ndarray], Pose]] = {
    "walk": _walk, "wave": _wave, "talk": _talk, "turn": _turn, "point": _point, "sit": _sit, "pour": _pour,
    "bounce": _bounce, "dance": _dance, "embrace": _embrace, "ride": _ride,
}
_BUSY_HANDS = ("pour", "bounce", "dance", "embrace", "ride")


def carries(track: SubjectTrack) -> str | None:
    """The prop that is drawn: none where both hands are busy with somebody or with the music."""
    return None if track.performance.verb in ("dance", "embrace") else track.performance.carried


def one_hand_busy(track: SubjectTrack) -> bool:
    return track.performance.verb in ("wave", "point")


def at_ear(track: SubjectTrack) -> bool:
    """Whether a phone is talked into rather than looked at."""
    return track.performance.verb in ("talk", "turn", "nod", "walk", "wave", "point")


def _carry(pose: Pose, track: SubjectTrack) -> None:
    """Move the hand that has the prop to where it is carried; both for what takes both."""
    prop = track.performance.carried
    if prop not in _CARRIED_HAND:
        return
    at = int(pose.holding > 0)
    hand = _AT_EAR if prop == "phone" and at_ear(track) else _CARRIED_HAND[prop]
    both = prop in _BOTH_HANDS and not one_hand_busy(track)
    for number in (0, 1) if both else (at,):
        pose.hands[:, number] = np.array(hand) * (2 * number - 1, 1, 1) + track.shift


def _within_reach(pose: Pose, track: SubjectTrack) -> np.ndarray:
    """Hands [F, 2, 3], drawn in to where arms reach."""
    hands = []
    for at, side in enumerate((-1, 1)):
        shoulder = shoulder_at(side, pose.twist, track.shift)
        arm = pose.hands[:, at] - shoulder
        length = np.linalg.norm(arm, axis=-1, keepdims=True)
        hands.append(shoulder + arm * np.minimum(1, 0.995 * ARM_LENGTH / np.maximum(length, 1e-6)))
    return np.stack(hands, 1)


def shoulder_at(side: int, twist: np.ndarray, shift: np.ndarray, build: float = 1.0) -> np.ndarray:
    """[F, 3], turned with the chest."""
    across = side * SHOULDER[0] * build
    return shift + np.stack([across * np.cos(twist), 0 * twist + SHOULDER[1], -across * np.sin(twist)], -1)


def bend(start: np.ndarray, end: np.ndarray, length: float, toward: np.ndarray) -> np.ndarray:
    """The elbow or knee [F, 3] of two bones of half `length` each from start to end, bent to the side of `toward`."""
    along = end - start
    distance = np.linalg.norm(along, axis=-1, keepdims=True)
    along = along / np.maximum(distance, 1e-6)
    aside = toward - (toward * along).sum(-1, keepdims=True) * along
    aside = aside / np.maximum(np.linalg.norm(aside, axis=-1, keepdims=True), 1e-6)
    out = np.sqrt(np.maximum((length / 2) ** 2 - (distance / 2) ** 2, 0))
    return (start + end) / 2 + aside * out


def _points(frames: int, x: float, y: float, z: float) -> np.ndarray:
    return np.tile(np.array([x, y, z]), (frames, 1))
