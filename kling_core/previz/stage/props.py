"""What people have with them, as ellipsoids in the frame of who has it: cups, books, a jug that pours, a bicycle."""

from __future__ import annotations

import numpy as np

from kling_core.plan.blocking import SubjectTrack
from kling_core.plan.marks import BOUNCE, GRAVITY, RIDE_METRES_PER_RADIAN
from kling_core.previz.stage.parts import Builder, about_x, about_y, about_z
from kling_core.previz.stage.pose import (
    BALL_AT,
    BALL_RADIUS,
    CRANK,
    PEDAL_AXLE,
    Pose,
    at_ear,
    carries,
    one_hand_busy,
    pour_tilt,
)

_CHINA, _TEA, _WATER, _GLASS = (0.95, 0.95, 0.9), (0.4, 0.2, 0.08), (0.55, 0.8, 0.98), (0.35, 0.6, 0.7)
_COVER, _PAPER, _SCREEN, _CASE = (0.45, 0.25, 0.6), (0.96, 0.94, 0.86), (0.45, 0.75, 0.95), (0.1, 0.1, 0.12)
_CLOTH, _METAL, _LEATHER, _RUBBER = (0.9, 0.25, 0.35), (0.5, 0.52, 0.55), (0.5, 0.3, 0.15), (0.08, 0.08, 0.09)
_ORANGE, _SEAM, _RIM, _FRAME = (0.95, 0.5, 0.12), (0.3, 0.12, 0.05), (0.75, 0.77, 0.8), (0.1, 0.55, 0.5)
_WOOD = (0.6, 0.42, 0.24)
_JUG = np.array([0.2, 1.0, 0.37])
_SPOUT = np.array([-0.12, 0.1, 0.0])
_CUP_UNDER_JUG = (0.02, 0.72, 0.38)
_DROPS, _DROP_SPACING, _POURING = 7, 0.03, 0.75
WHEEL_RADIUS, _WHEEL_AT = 0.27, 0.44


def add_props(builder: Builder, track: SubjectTrack, pose: Pose) -> None:
    """Everything that this person has or sits on."""
    if track.performance.verb == "sit":
        builder.add("seat", (0, 0.21, -0.02), (0.5, 0.045, 0.21), _WOOD)
        for side in (-1, 1):
            builder.add("seat", (0.36 * side, 0.09, -0.02), (0.05, 0.13, 0.15), tuple(0.8 * part for part in _WOOD))
    prop = carries(track)
    if prop in _ADDING:
        _ADDING[prop](builder, track, pose)


def _hand(pose: Pose) -> np.ndarray:
    return pose.hands[:, int(pose.holding > 0)]


def _between(pose: Pose, track: SubjectTrack) -> np.ndarray:
    """Where something is that takes two hands, if two are free."""
    return _hand(pose) if one_hand_busy(track) else pose.hands.mean(1)


def _cup(builder: Builder, track: SubjectTrack, pose: Pose) -> None:
    at = _hand(pose) + (-0.06 * pose.holding, 0.05, 0.05)
    _add_cup(builder, at, _TEA)


def _add_cup(builder: Builder, at: np.ndarray, content: tuple[float, float, float]) -> None:
    builder.add("cup", at, (0.065, 0.085, 0.065), _CHINA)
    builder.add("cup", at + (0.0, 0.062, 0.0), (0.05, 0.03, 0.05), content)


def _book(builder: Builder, track: SubjectTrack, pose: Pose) -> None:
    middle = _between(pose, track) + (0, 0.07, 0.0)
    for side in (-1, 1):
        turned = about_y(np.full(builder.frames, side * 0.35)) @ about_x(np.full(builder.frames, -0.45))
        builder.add("book", middle + (side * 0.1, 0, 0.03), (0.12, 0.17, 0.02), _COVER, rotation=turned)
        builder.add("book", middle + (side * 0.095, 0.012, 0.012), (0.105, 0.15, 0.02), _PAPER, rotation=turned)


def _phone(builder: Builder, track: SubjectTrack, pose: Pose) -> None:
    if at_ear(track):
        turned = about_x(np.full(builder.frames, 0.35))
        at = _hand(pose) + (-0.03 * pose.holding, 0.06, 0.03)
        builder.add("phone", at, (0.025, 0.13, 0.06), _CASE, rotation=turned)
        return
    tilt = about_x(np.full(builder.frames, -0.5))
    builder.add("phone", _hand(pose) + (-0.05 * pose.holding, 0.08, 0.04), (0.06, 0.11, 0.02), _CASE, rotation=tilt)
    builder.add("phone", _hand(pose) + (-0.05 * pose.holding, 0.085, 0.03), (0.05, 0.09, 0.02), _SCREEN, rotation=tilt)


def _umbrella(builder: Builder, track: SubjectTrack, pose: Pose) -> None:
    hand = _hand(pose)
    top = hand + (-0.1 * pose.holding, 0.9, -0.1)
    builder.bone("umbrella", hand - (0, 0.12, 0), top + (0, 0.12, 0), 0.018, _METAL)
    builder.add("umbrella", top, (0.62, 0.2, 0.62), _CLOTH)
    builder.add("umbrella", top - (0, 0.09, 0), (0.5, 0.1, 0.5), tuple(0.6 * part for part in _CLOTH))


def _bag(builder: Builder, track: SubjectTrack, pose: Pose) -> None:
    hand = _hand(pose)
    builder.add("bag", hand - (0, 0.2, 0), (0.08, 0.16, 0.17), _LEATHER)
    builder.add("bag", hand - (0, 0.06, 0), (0.02, 0.1, 0.07), tuple(0.7 * part for part in _LEATHER))


def _ball(builder: Builder, track: SubjectTrack, pose: Pose) -> None:
    if track.performance.verb == "bounce":
        up = BOUNCE.height(track.phase)
        # Flat for the moment in which it touches the ground, and as much wider.
        flat = 0.22 * np.clip(1 - up / 0.07, 0, 1)
        at = np.stack([0 * up + BALL_AT[0], BALL_RADIUS * (1 - flat) + up, 0 * up + BALL_AT[1]], -1)
        radii = BALL_RADIUS * np.stack([1 + flat / 2, 1 - flat, 1 + flat / 2], -1)
        spin = about_x(track.phase)
    else:
        at = _between(pose, track) + (0, 0.03, 0.08)
        radii, spin = np.full(3, BALL_RADIUS), about_x(0 * track.phase)
    builder.add("ball", at, radii, _ORANGE)
    builder.add("ball", at, radii * (0.12, 1.015, 1.015), _SEAM, rotation=spin)


def _jug(builder: Builder, track: SubjectTrack, pose: Pose) -> None:
    pouring = track.performance.verb == "pour"
    tilt = pour_tilt(track.time) if pouring else 0 * track.time
    centre = _JUG + track.shift if pouring else _hand(pose) + (-0.09 * pose.holding, 0.02, 0.06)
    turned = about_z(tilt)

    def on_jug(x: float, y: float) -> np.ndarray:
        return centre + turned @ np.array([x, y, 0.0])

    builder.add("jug", centre, (0.09, 0.12, 0.09), _GLASS, rotation=turned)
    builder.add("jug", on_jug(-0.06, 0.1), (0.065, 0.035, 0.05), _GLASS, rotation=turned)
    builder.add("jug", on_jug(0.1, 0.0), (0.045, 0.08, 0.02), tuple(0.7 * part for part in _GLASS), rotation=turned)
    if pouring:
        cup = np.array(_CUP_UNDER_JUG) + track.shift
        _add_cup(builder, cup, _WATER)
        _stream(builder, track.time, centre, float(_CUP_UNDER_JUG[1]) + 0.06)


def _stream(builder: Builder, time: np.ndarray, jug: np.ndarray, surface: float) -> None:
    """Drops that leave the spout every `_DROP_SPACING` seconds while the jug is tilted far enough, and fall freely."""
    for number in range(_DROPS):
        age = time % _DROP_SPACING + number * _DROP_SPACING
        tilt = pour_tilt(np.maximum(time - age, 0))
        spout = jug + about_z(tilt) @ _SPOUT
        fallen = spout + np.stack([-0.1 * age, -GRAVITY / 2 * age**2, 0 * age], -1)
        seen = (tilt > _POURING) & (fallen[:, 1] > surface)
        # A drop that is not there is a speck inside the jug.
        size = np.where(seen, 1.0, 0.01)[:, None] * (0.02, 0.024 + 0.01 * number, 0.02)
        builder.add("water", np.where(seen[:, None], fallen, jug), size, _WATER)


def _bicycle(builder: Builder, track: SubjectTrack, pose: Pose) -> None:
    riding = track.performance.verb == "ride"
    aside = np.array([0.0 if riding else 0.4 * pose.holding, 0.0, 0.0 if riding else -0.06])
    pedal = track.phase if riding else 0 * track.phase
    wheel = about_x(pedal * RIDE_METRES_PER_RADIAN / WHEEL_RADIUS)
    for ahead in (-_WHEEL_AT, _WHEEL_AT):
        at = aside + (0, WHEEL_RADIUS, ahead)
        builder.add("bicycle", at, (0.03, WHEEL_RADIUS, WHEEL_RADIUS), _RUBBER)
        builder.add("bicycle", at, (0.036, 0.23, 0.23), _RIM)
        builder.add("bicycle", at, (0.042, 0.2, 0.02), _METAL, rotation=wheel)
        builder.add("bicycle", at, (0.042, 0.02, 0.2), _METAL, rotation=wheel)
    axle, saddle, head = (0, *PEDAL_AXLE), (0, 0.56, -0.14), (0, 0.66, 0.34)
    tubes = ((saddle, axle), (axle, head), (saddle, head), (axle, (0, WHEEL_RADIUS, -_WHEEL_AT)),
             (saddle, (0, WHEEL_RADIUS, -_WHEEL_AT)), ((0, 0.8, 0.3), (0, WHEEL_RADIUS, _WHEEL_AT)))
    for start, end in tubes:
        builder.bone("bicycle", aside + start, aside + end, 0.025, _FRAME, beyond=0.03)
    builder.add("bicycle", aside + saddle, (0.07, 0.03, 0.13), _RUBBER)
    builder.add("bicycle", aside + (0, 0.79, 0.3), (0.23, 0.022, 0.022), _METAL)
    if riding:
        crank = np.stack([0 * pedal, np.cos(pedal), np.sin(pedal)], -1) * CRANK
        builder.bone("bicycle", axle - crank, axle + crank, 0.02, _METAL)


_ADDING = {
    "cup": _cup, "book": _book, "phone": _phone, "umbrella": _umbrella, "bag": _bag, "ball": _ball, "jug": _jug,
    "bicycle": _bicycle,
}
