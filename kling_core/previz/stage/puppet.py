"""A puppet: ellipsoids on a skeleton, posed over time.

Local frame: metres, y up, feet at y = 0, the face looks along +z. Everything is an ellipsoid, so that a ray meets every
part in closed form and the same code runs on any device.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kling_core.plan.blocking import HEAD_CENTRE, SubjectTrack
from kling_core.previz.stage.look import Look

PLAIN, HEAD, TORSO = 0, 1, 2
SHOE = (0.16, 0.11, 0.1)
ARM_LENGTH = 0.47
SHOULDER = np.array([0.22, 1.0, 0.0])


@dataclass(frozen=True)
class Parts:
    """P ellipsoids over F frames.

    centre: [F, P, 3] metres. axes: [F, P, 3, 3], columns are the half axes (metres) in world space. colour: [P, 3].
    material: [P], one of PLAIN, HEAD (carries the face) and TORSO (carries the pattern).
    """

    centre: np.ndarray
    axes: np.ndarray
    colour: np.ndarray
    material: np.ndarray


@dataclass(frozen=True)
class Pose:
    """Joint angles over F frames, all [F] radians: leg swing, arm raise (0 = down), arm swing, and head nod."""

    leg: np.ndarray
    raise_left: np.ndarray
    raise_right: np.ndarray
    arm_swing: np.ndarray
    nod: np.ndarray
    sit: float

    @classmethod
    def of(cls, track: SubjectTrack) -> "Pose":
        verb, phase = track.performance.verb, track.phase
        rest, still = np.full(len(phase), 0.28), np.zeros(len(phase))
        walking = np.sin(phase) * 0.55 if verb == "walk" else still
        right = rest
        if verb == "wave":
            right = 2.35 + 0.42 * np.sin(phase)
        elif verb == "point":
            right = np.full(len(phase), 1.5)
        nod = 0.22 * np.sin(phase) if verb == "nod" else still
        return cls(walking, rest, right, walking, nod, 1.0 if verb == "sit" else 0.0)


def joints(track: SubjectTrack) -> np.ndarray:
    """Local positions [F, 4, 3] of the nominal body's left hand, right hand, left foot, right foot."""
    pose = Pose.of(track)
    points = []
    for side, lift in ((-1, pose.raise_left), (1, pose.raise_right)):
        direction = _arm(side, lift, pose.arm_swing)
        points.append(SHOULDER * np.array([side, 1, 1]) + direction * ARM_LENGTH)
    for side, swing in ((-1, pose.leg), (1, -pose.leg)):
        points.append(_foot(side, swing, 1.0, pose.sit))
    return np.stack(points, 1)


def puppet(look: Look, track: SubjectTrack) -> Parts:
    """The puppet of `look` doing what its track says, in world space."""
    builder = _Builder(len(track.yaw))
    pose = Pose.of(track)
    _legs(builder, look, pose)
    builder.add((0, 0.78, 0), (0.25 * look.build, 0.36, 0.2 * look.build), look.top, TORSO)
    _arms(builder, look, pose)
    _head(builder, look, pose)
    return builder.place(track.position, track.yaw, look.height)


def _legs(builder: "_Builder", look: Look, pose: Pose) -> None:
    for side, swing in ((-1, pose.leg), (1, -pose.leg)):
        foot = _foot(side, swing, look.build, pose.sit)
        hip = np.array([side * 0.12 * look.build, 0.52, 0.0])
        builder.add((hip + foot) / 2, (0.105 * look.build, 0.3, 0.11 * look.build), look.trousers,
                    rotation=_about_x(-swing - pose.sit * 0.9))
        builder.add(foot, (0.1, 0.06, 0.15), SHOE)


def _foot(side: int, swing: np.ndarray, build: float, sit: float) -> np.ndarray:
    forward = 0.5 * np.sin(swing) + 0.05 + sit * 0.35
    return np.stack([np.full_like(swing, side * 0.12 * build), 0.55 - 0.5 * np.cos(swing), forward], -1)


def _arms(builder: "_Builder", look: Look, pose: Pose) -> None:
    for side, lift in ((-1, pose.raise_left), (1, pose.raise_right)):
        direction = _arm(side, lift, pose.arm_swing)
        shoulder = SHOULDER * np.array([side * look.build, 1, 1])
        rotation = _about_x(-pose.arm_swing * side) @ _about_z(side * lift)
        builder.add(shoulder + direction * 0.22, (0.08, 0.25, 0.08), look.top, rotation=rotation)
        builder.add(shoulder + direction * ARM_LENGTH, (0.09, 0.09, 0.09), look.skin)


def _arm(side: int, lift: np.ndarray, swing: np.ndarray) -> np.ndarray:
    swing = swing * side
    return np.stack([side * np.sin(lift), -np.cos(lift) * np.cos(swing), np.cos(lift) * np.sin(swing)], -1)


def _head(builder: "_Builder", look: Look, pose: Pose) -> None:
    y = HEAD_CENTRE
    tip = _about_x(pose.nod)
    builder.add((0, y, 0), (0.28, 0.31, 0.27), look.skin, HEAD, rotation=tip)
    builder.add((0, y - 0.03, 0.27), (0.04, 0.05, 0.05), tuple(0.9 * part for part in look.skin))
    hair = {
        "bald": (),
        "short": (((0, y + 0.08, -0.06), (0.3, 0.27, 0.27)),),
        "long": (((0, y + 0.08, -0.06), (0.3, 0.27, 0.27)), ((0, y - 0.18, -0.14), (0.31, 0.42, 0.19))),
        "bun": (((0, y + 0.08, -0.06), (0.3, 0.27, 0.27)), ((0, y + 0.4, -0.06), (0.15, 0.15, 0.15))),
        "afro": (((0, y + 0.13, -0.1), (0.42, 0.36, 0.33)),),
        "mohawk": (((0, y + 0.17, -0.03), (0.07, 0.27, 0.3)),),
    }[look.hair_style]
    if look.hat != "none" and look.hair_style == "bun":
        hair = hair[:1]
    for centre, radii in hair:
        builder.add(centre, radii, look.hair)
    brim_shade = tuple(0.9 * part for part in look.hat_colour)
    if look.hat == "beanie":
        builder.add((0, y + 0.16, -0.01), (0.31, 0.19, 0.3), look.hat_colour)
        builder.add((0, y + 0.37, 0), (0.08, 0.08, 0.08), look.hat_colour)
    elif look.hat == "brim":
        builder.add((0, y + 0.17, 0), (0.47, 0.04, 0.47), look.hat_colour)
        builder.add((0, y + 0.23, 0), (0.26, 0.22, 0.26), brim_shade)
    if look.beard:
        builder.add((0, y - 0.27, 0.11), (0.19, 0.14, 0.15), look.hair)


class _Builder:
    """Collects parts in the local frame and places them in the world."""

    def __init__(self, frames: int):
        self.frames = frames
        self.parts: list[tuple] = []

    def add(self, centre, radii, colour, material: int = PLAIN, rotation: np.ndarray | None = None) -> None:
        centre = np.broadcast_to(np.asarray(centre, float), (self.frames, 3))
        rotation = np.eye(3) if rotation is None else rotation
        rotation = np.broadcast_to(rotation, (self.frames, 3, 3))
        self.parts.append((centre, rotation * np.asarray(radii, float), colour, material))

    def place(self, position: np.ndarray, yaw: np.ndarray, height: float) -> Parts:
        turn = _about_y(yaw)
        centre = np.stack([part[0] for part in self.parts], 1) * height
        axes = np.stack([part[1] for part in self.parts], 1) * height
        return Parts(
            np.einsum("fij,fpj->fpi", turn, centre) + position[:, None],
            np.einsum("fij,fpjk->fpik", turn, axes),
            np.array([part[2] for part in self.parts], float),
            np.array([part[3] for part in self.parts]),
        )


def _rotation(angle: np.ndarray, rows: str) -> np.ndarray:
    cos, sin, one, zero = np.cos(angle), np.sin(angle), np.ones_like(angle), np.zeros_like(angle)
    entry = {"c": cos, "s": sin, "-": -sin, "1": one, "0": zero}
    return np.stack([entry[letter] for letter in rows], -1).reshape(*np.shape(angle), 3, 3)


def _about_x(angle: np.ndarray) -> np.ndarray:
    return _rotation(angle, "1000c-0sc")


def _about_y(angle: np.ndarray) -> np.ndarray:
    return _rotation(angle, "c0s010-0c")


def _about_z(angle: np.ndarray) -> np.ndarray:
    return _rotation(angle, "c-0sc0001")
