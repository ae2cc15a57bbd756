"""Camera moves as type, amplitude and speed; sizes, places and styles as words."""

import pytest

from kling_core.plan.plan import Performance, PlannedMove, PlannedShot
from kling_core.prompts.film_grammar import angled, in_prose, light_of, moves_of, place_of, sized, style_of
from kling_core.storyboard.camera import legal_directions, usual_amount, usual_direction
from kling_core.storyboard.storyboard import ANGLES, MOVE_KINDS, PLACES, SHOT_SIZES, TIMES_OF_DAY


def shot(*moves, seconds=3.0, size="medium", angle="eye", place="park", hour="day", people=("a",), assumed=()):
    performances = tuple(Performance(name) for name in people)
    return PlannedShot(0, 0, int(24 * seconds), size, angle, place, hour, performances, moves, assumed=assumed)


def words(kind, direction, amount, seconds=3.0):
    (move,) = moves_of(shot(PlannedMove(kind, direction, amount), seconds=seconds), 24)
    return move.verb, move.amplitude, move.speed


@pytest.mark.parametrize(
    ("move", "said"),
    [
        (("dolly", "in", usual_amount("dolly", "slow")), ("pushes in", "small", "slow")),
        (("dolly", "out", usual_amount("dolly", "fast")), ("pulls out", "large", "fast")),
        (("truck", "left", usual_amount("truck")), ("trucks left", "", "")),
        (("zoom", "in", usual_amount("zoom", "fast")), ("zooms in", "large", "fast")),
        (("roll", "left", usual_amount("roll")), ("rolls counterclockwise", "", "")),
        (("pedestal", "down", usual_amount("pedestal")), ("pedestals down", "", "")),
        (("orbit", "right", 360.0), ("moves to the right in an arc of 360 degrees around", "large", "fast")),
        (("handheld", None, usual_amount("handheld", "fast")), ("shakes strongly", "", "")),
    ],
)
def test_moves_are_told_by_type_amplitude_and_speed(move, said):
    assert words(*move) == said


def test_an_amount_of_the_directors_own_is_slow_in_a_long_shot_and_fast_in_a_short_one():
    assert [words("pan", "left", 30.0, seconds)[2] for seconds in (8.0, 4.0, 1.5)] == ["slow", "", "fast"]


def test_several_moves_share_the_time_of_their_shot():
    alone = moves_of(shot(PlannedMove("pan", "left", 25.0), seconds=4.0), 24)
    shared = moves_of(shot(*[PlannedMove("pan", "left", 25.0)] * 3, seconds=4.0), 24)
    assert [move.speed for move in alone] == [""] and [move.speed for move in shared] == ["fast"] * 3


def test_a_camera_that_nobody_moves_is_static():
    assert [move.verb for move in moves_of(shot(), 24)] == ["holds a static shot"]


@pytest.mark.parametrize("kind", MOVE_KINDS)
def test_every_move_in_every_direction_has_words(kind):
    for direction in legal_directions(kind) or (None,):
        (move,) = moves_of(shot(PlannedMove(kind, direction, usual_amount(kind, "slow"))), 24)
        assert "None" not in in_prose(move) and in_prose(move).strip() == in_prose(move)
    assert usual_direction(kind) in (*legal_directions(kind), None)


def test_everything_that_a_shot_can_be_has_words():
    assert all(sized(shot(size=size)).startswith(("a ", "an ")) for size in SHOT_SIZES)
    assert all(angled(shot(angle=angle)) or "shot" in sized(shot(angle=angle)) for angle in ANGLES)
    assert all(place_of(shot(place=place)) for place in PLACES)
    assert all(light_of(shot(hour=hour)) for hour in TIMES_OF_DAY)


def test_over_the_shoulder_takes_two():
    assert sized(shot(angle="over shoulder", people=("a", "b"))) == "an over-the-shoulder medium shot"
    assert sized(shot(angle="over shoulder")) == "a medium shot"


def test_what_nobody_wrote_is_not_said():
    assert place_of(shot(assumed=("place",))) == "" and light_of(shot(assumed=("time_of_day",))) == ""


def test_style_is_what_the_director_asks_for():
    assert style_of("An anime girl runs.") == "2D-animated"
    assert style_of("A girl runs.") == "live-action, cinematic"
