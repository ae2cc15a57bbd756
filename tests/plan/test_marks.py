"""Where people stand and how they move: nobody inside anybody, pedals with the road, a ball under gravity."""

from itertools import combinations

import numpy as np
import pytest

from kling_core.plan.blocking import block_shot
from kling_core.plan.marks import BOUNCE, GRAVITY, RIDE_METRES_PER_RADIAN
from kling_core.plan.plan import Performance, PlannedMove, PlannedShot

NAMES = ("ana", "ben", "cho")


def blocked(*performances, frames=36, size="full", angle="eye", camera=(), seed=0, heights=None, fps=12):
    shot = PlannedShot(0, 0, frames, size, angle, "park", "day", tuple(performances), tuple(camera))
    return block_shot(shot, fps, 16 / 9, seed, heights or {})


def gaps(blocking):
    """Least distance on the ground between any two people in any frame."""
    return [
        np.linalg.norm((one.position - other.position)[:, [0, 2]], axis=-1).min()
        for one, other in combinations(blocking.subjects, 2)
    ]


@pytest.mark.parametrize("size", ["wide", "full", "medium", "close", "extreme close"])
@pytest.mark.parametrize("angle", ["eye", "over shoulder"])
@pytest.mark.parametrize("people", [2, 3])
def test_people_do_not_stand_inside_each_other(people, size, angle):
    assert min(gaps(blocked(*map(Performance, NAMES[:people]), size=size, angle=angle))) > 0.7


@pytest.mark.parametrize("positions", [("left", "left"), ("center", None), ("left", "center", "left"), (None, "left")])
def test_nobody_shares_a_place_even_if_told_to(positions):
    people = [Performance(name, position=position) for name, position in zip(NAMES, positions)]
    assert min(gaps(blocked(*people))) > 0.7


@pytest.mark.parametrize("verb", ["walk", "ride"])
@pytest.mark.parametrize("other", ["stand", "walk", "ride"])
def test_who_passes_runs_into_nobody(verb, other):
    people = (Performance("ana", verb, toward="right"), Performance("ben", other, toward="left"), Performance("cho"))
    assert min(gaps(blocked(*people, frames=72))) > 0.45


def test_three_people_fit_into_the_picture():
    for size in ("wide", "full", "medium"):
        heads = [track.head[0] for track in blocked(*map(Performance, NAMES), size=size).subjects]
        assert min(head[0] for head in heads) > 0 and max(head[2] for head in heads) < 1


@pytest.mark.parametrize("third", [(), (Performance("cho"),)])
def test_an_embrace_brings_two_within_reach_facing_each_other(third):
    blocking = blocked(Performance("ana", "embrace", toward="ben"), *third, Performance("ben", "embrace", toward="ana"))
    one, other = blocking.track("ana"), blocking.track("ben")
    apart = other.position[0] - one.position[0]
    assert np.linalg.norm(apart) < 0.7
    for track, toward in ((one, apart), (other, -apart)):
        assert np.array([np.sin(track.yaw[0]), 0, np.cos(track.yaw[0])]) @ toward / np.linalg.norm(toward) > 0.9


def test_who_has_nobody_to_embrace_stands():
    assert blocked(Performance("ana", "embrace")).subjects[0].performance.verb == "stand"


def test_pedals_turn_with_the_road_and_a_following_camera_keeps_the_rider():
    ana = blocked(Performance("ana", "ride"), camera=(PlannedMove("follow", None, 1.0),)).subjects[0]
    metres = np.diff(ana.position[:, 0])
    assert np.allclose(metres, 1.2 / 12)
    assert np.allclose(np.diff(ana.phase) * RIDE_METRES_PER_RADIAN, metres)
    assert np.ptp(ana.head[:, 0]) < 0.02


def test_a_bicycle_that_nobody_follows_is_still_near_the_picture_at_the_end():
    x = blocked(Performance("ana", "ride"), frames=120).subjects[0].position[:, 0]
    assert 4 < np.ptp(x) < 5


def test_a_ball_is_in_free_fall_between_hand_and_ground():
    step = 1e-3
    time = np.arange(0, BOUNCE.seconds, step)
    height = BOUNCE.height(2 * np.pi * time / BOUNCE.seconds)
    bend = np.diff(height, 2) / step**2
    touch = BOUNCE.down_seconds
    away = np.abs(time[1:-1] - touch) > 2 * step
    free = away & (time[1:-1] < touch + BOUNCE.up_seconds - 2 * step)
    assert np.allclose(bend[free], -GRAVITY, atol=0.01)
    assert abs(height.min()) < 0.01 and abs(height[0] - BOUNCE.rise) < 1e-6
    assert np.abs(np.diff(height)).max() < 5 * step  # no jump anywhere, the hand included


@pytest.mark.parametrize("size", ["full", "close"])
def test_who_sits_has_the_head_lower_and_still_in_the_picture(size):
    sitting = blocked(Performance("ana", "sit"), size=size).subjects[0]
    assert (sitting.shift[:, 1] < -0.15).all()
    assert 0 < sitting.head[0, 1] < sitting.head[0, 3] < 1


def test_taller_people_have_larger_and_higher_heads():
    people = Performance("ana"), Performance("ben")
    tall, short = blocked(*people, heights={"ana": 1.05, "ben": 0.95}).subjects
    assert tall.head[0, 1] < short.head[0, 1] and tall.mouth[0, 1] < short.mouth[0, 1]
    assert np.ptp(tall.head[0, [1, 3]]) / np.ptp(short.head[0, [1, 3]]) == pytest.approx(1.05 / 0.95, rel=0.05)


@pytest.mark.parametrize("frames", [slice(5, 9), np.array([3, 3, 30, 7])])
def test_a_slice_of_the_blocking_is_the_blocking_of_those_frames(frames):
    whole = blocked(Performance("ana", "dance", behind="tree"), Performance("ben", "bounce"))
    part = whole.slice(frames)
    for track, sliced in zip(whole.subjects, part.subjects):
        for name in ("position", "yaw", "phase", "body", "head", "depth", "facing", "mouth", "shift", "gaze", "time"):
            assert np.array_equal(getattr(track, name)[frames], getattr(sliced, name)), name
        assert (sliced.height, sliced.variation) == (track.height, track.variation)
    assert np.array_equal(whole.occluders[0].trunk[frames], part.occluders[0].trunk)
    assert np.array_equal(whole.camera.eye[frames], part.camera.eye)
