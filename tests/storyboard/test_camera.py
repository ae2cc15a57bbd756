"""Camera words: sizes, angles, moves with direction, speed and amount."""

import pytest

from kling_core.storyboard.camera import (
    find_angle,
    find_moves,
    find_size,
    legal_directions,
    usual_amount,
    usual_direction,
)
from kling_core.storyboard.storyboard import MOVE_KINDS


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ("wide", "wide"), ("establishing shot", "wide"), ("full", "full"), ("medium", "medium"), ("two-shot", "medium"),
        ("medium close-up", "close"), ("close", "close"), ("CU", "close"), ("extreme close-up", "extreme close"),
        ("ECU", "extreme close"), ("insert", "insert"), ("moody", None),
    ],
)
def test_sizes_as_attributes(words, size):
    assert find_size(words, attribute=True) == size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("Wide shot of a park", "wide"), ("A close-up of her", "close"), ("Close on Mira.", "close"),
        ("Medium. She sits.", "medium"), ("Her close friend by the wide river", None), ("Insert: a hand", "insert"),
    ],
)
def test_sizes_in_prose_are_said_of_a_shot(text, size):
    assert find_size(text) == size


@pytest.mark.parametrize(
    ("text", "angle"),
    [
        ("over-the-shoulder", "over shoulder"), ("Over Mira's shoulder", "over shoulder"), ("OTS", "over shoulder"),
        ("POV of Leo", "pov"), ("low angle", "low"), ("bird's-eye view", "high"), ("from above", "high"),
        ("slow", None),
    ],
)
def test_angles(text, angle):
    assert find_angle(text) == angle


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("slow push-in", ("dolly", "in", None, "slow")),
        ("pull out", ("dolly", "out", None, "normal")),
        ("dolly back 1.5 m", ("dolly", "out", 1.5, "normal")),
        ("dolly left", ("truck", "left", None, "normal")),
        ("pan left", ("pan", "left", None, "normal")),
        ("whip pan right", ("pan", "right", None, "fast")),
        ("tilt up", ("tilt", "up", None, "normal")),
        ("truck right", ("truck", "right", None, "normal")),
        ("crane up", ("pedestal", "up", None, "normal")),
        ("pedestal down", ("pedestal", "down", None, "normal")),
        ("rapid zoom", ("zoom", None, None, "fast")),
        ("2x zoom out", ("zoom", "out", 2.0, "normal")),
        ("orbit 180 degrees", ("orbit", None, 180.0, "normal")),
        ("slow 360 orbit", ("orbit", None, 360.0, "slow")),
        ("orbit 90° counter-clockwise", ("orbit", "counterclockwise", 90.0, "normal")),
        ("tracking shot", ("follow", None, None, "normal")),
        ("follow", ("follow", None, None, "normal")),
        ("handheld", ("handheld", None, None, "normal")),
        ("roll clockwise 15°", ("roll", "clockwise", 15.0, "normal")),
        ("static", ("static", None, None, "normal")),
    ],
)
def test_moves_as_attributes(words, expected):
    (move,) = find_moves(words, attribute=True)
    assert (move.kind, move.direction, move.amount, move.speed) == expected


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("The camera slowly pushes in on her face, then pans left.", [("dolly", "in"), ("pan", "left")]),
        ("Slow push-in on Mira. She walks.", [("dolly", "in")]),
        ("The camera rises", [("pedestal", "up")]),
        ("Pan from left to right, tilt up", [("pan", "right"), ("tilt", "up")]),
        ("Crash zoom to his eyes, rack focus", [("zoom", None)]),
    ],
)
def test_moves_in_prose(text, kinds):
    assert [(move.kind, move.direction) for move in find_moves(text)] == kinds


@pytest.mark.parametrize(
    "text",
    ["She tilts her head", "He pans for gold", "Still smiling, she nods", "She follows Leo", "He pulls out a map"],
)
def test_people_are_not_cameras(text):
    assert find_moves(text) == ()


@pytest.mark.parametrize("kind", MOVE_KINDS)
def test_every_kind_has_usual_amounts_that_grow_with_speed(kind):
    slow, normal, fast = (usual_amount(kind, speed) for speed in ("slow", "normal", "fast"))
    assert 0 <= slow <= normal <= fast
    assert (usual_direction(kind) in legal_directions(kind)) == bool(legal_directions(kind))
