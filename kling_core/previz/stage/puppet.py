"""A puppet: ellipsoids on a skeleton, posed over time."""

from __future__ import annotations

import numpy as np

from kling_core.plan.blocking import HEAD_CENTRE, SubjectTrack
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.parts import HEAD, PLAIN, TORSO, Builder, Parts, about_x, about_y, about_z
from kling_core.previz.stage.pose import ARM_LENGTH, HIP, LEG_LENGTH, SHOULDER, Pose, bend, joints, shoulder_at
from kling_core.previz.stage.props import add_props

__all__ = ["HEAD", "PLAIN", "TORSO", "Parts", "joints", "puppet"]

SHOE = (0.16, 0.11, 0.1)
_SIDES = ((-1, "left"), (1, "right"))


def puppet(look: Look, track: SubjectTrack) -> Parts:
    """The puppet of `look` doing what its track says, with what it has in its hands, in world space."""
    builder = Builder(len(track.yaw))
    pose = Pose.of(track)
    breeze = np.stack([np.cos(track.yaw), 0 * track.yaw, np.sin(track.yaw)], -1) * track.wind[:, None]
    _legs(builder, look, pose, track)
    _clothes(builder, look, pose, track, breeze)
    _arms(builder, look, pose, track)
    _head(builder, look, track, breeze)
    add_props(builder, track, pose)
    return builder.place(track.position, track.yaw, track.height)


def _legs(builder: Builder, look: Look, pose: Pose, track: SubjectTrack) -> None:
    for at, (side, name) in enumerate(_SIDES):
        hip = track.shift + HIP * (side * look.build, 1, 1)
        foot = pose.feet[:, at] + (side * HIP[0] * (look.build - 1), 0, 0)
        knee = bend(hip, foot + (0, 0.02, 0), LEG_LENGTH, np.array([0.15 * side, 0.2, 1.0]))
        builder.bone(f"{name} leg", hip, knee, 0.115 * look.build, look.trousers, beyond=0.06)
        builder.bone(f"{name} leg", knee, foot, 0.095 * look.build, look.trousers, beyond=0.05)
        toes = about_x(pose.pitch[:, at])
        builder.add(f"{name} foot", foot + (0, 0.01, 0.03), (0.1, 0.065, 0.15), SHOE, rotation=toes)


def _clothes(builder: Builder, look: Look, pose: Pose, track: SubjectTrack, breeze: np.ndarray) -> None:
    """The torso, and the loose hem of a shirt that sways with the wind and with the hips."""
    turn = about_y(pose.twist)
    builder.add("torso", track.shift + (0, 0.78, 0), (0.25 * look.build, 0.36, 0.2 * look.build), look.top, TORSO, turn)
    hem = track.shift + (0, 0.56, 0) + 0.05 * breeze
    radii = (0.25 * look.build, 0.1, 0.205 * look.build)
    builder.add("torso", hem, radii, tuple(0.92 * part for part in look.top), rotation=turn)


def _arms(builder: Builder, look: Look, pose: Pose, track: SubjectTrack) -> None:
    for at, (side, name) in enumerate(_SIDES):
        shoulder = shoulder_at(side, pose.twist, track.shift, look.build)
        hand = pose.hands[:, at] + (side * SHOULDER[0] * (look.build - 1), 0, 0)
        elbow = bend(shoulder, hand, ARM_LENGTH, np.array([0.7 * side, -0.6, -0.6]))
        builder.bone(f"{name} arm", shoulder, elbow, 0.085, look.top, beyond=0.06)
        builder.bone(f"{name} arm", elbow, hand, 0.07, look.top, beyond=0.04)
        builder.add(f"{name} hand", hand, (0.09, 0.09, 0.09), look.skin)


def _head(builder: Builder, look: Look, track: SubjectTrack, breeze: np.ndarray) -> None:
    """Everything on the head turns and nods about its centre; what hangs loose sways with the wind."""
    turn = about_y(track.gaze) @ about_x(track.nod)
    centre = track.shift + (0, HEAD_CENTRE, 0)

    def add(name: str, at, radii, colour, material: int = PLAIN, sway: float = 0.0) -> None:
        lean = about_z(-sway * 2 * breeze[:, 0]) @ about_x(sway * 2 * breeze[:, 2])
        builder.add(name, centre + turn @ np.array(at) + sway * breeze, radii, colour, material, turn @ lean)

    add("head", (0, 0, 0), (0.28, 0.31, 0.27), look.skin, HEAD)
    add("nose", (0, -0.03, 0.27), (0.04, 0.05, 0.05), tuple(0.9 * part for part in look.skin))
    for at, radii, sway in _HAIR[look.hair_style][: 1 if look.hair_style == "bun" and look.hat != "none" else None]:
        add("hair", at, radii, look.hair, sway=sway)
    if look.hat == "beanie":
        add("hat", (0, 0.16, -0.01), (0.31, 0.19, 0.3), look.hat_colour)
        add("hat", (0, 0.37, 0), (0.08, 0.08, 0.08), look.hat_colour, sway=0.04)
    elif look.hat == "brim":
        add("hat", (0, 0.17, 0), (0.47, 0.04, 0.47), look.hat_colour)
        add("hat", (0, 0.23, 0), (0.26, 0.22, 0.26), tuple(0.9 * part for part in look.hat_colour))
    if look.beard:
        add("beard", (0, -0.27, 0.11), (0.19, 0.14, 0.15), look.hair)


# Centre from the head's, half axes, and metres that the wind moves it.
_HAIR = {
    "bald": (),
    "short": (((0, 0.08, -0.06), (0.3, 0.27, 0.27), 0.0),),
    "long": (
        ((0, 0.08, -0.06), (0.3, 0.27, 0.27), 0.0),
        ((0, -0.13, -0.13), (0.31, 0.36, 0.19), 0.04),
        ((0, -0.4, -0.16), (0.26, 0.2, 0.13), 0.14),
    ),
    "bun": (((0, 0.08, -0.06), (0.3, 0.27, 0.27), 0.0), ((0, 0.4, -0.06), (0.15, 0.15, 0.15), 0.02)),
    "afro": (((0, 0.13, -0.1), (0.42, 0.36, 0.33), 0.03),),
    "mohawk": (((0, 0.17, -0.03), (0.07, 0.27, 0.3), 0.03),),
}
