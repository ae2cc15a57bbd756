"""The camera's path is recovered from the pictures for every kind of move, and a wrong one is told."""

import numpy as np
import pytest
from continuity_films import true_film

from kling_core.continuity.camera import TOO_PLAIN, measure_camera
from kling_core.continuity.judge import LEAST_CAMERA, MOST_DRIFT

MOVES = (
    "push-in", "pull back", "truck left", "pedestal up", "pan left 20 degrees", "tilt up 10 degrees",
    "roll clockwise 12 degrees", "zoom out", "orbit right 60 degrees", "handheld",
)


def shot_with(move, place="street"):
    return true_film(f"Place: {place}\nShot 1 (1.5s, wide, {move}): @mira stands. Shot 2 (1.5s, wide, {move}): "
                     f"@leo walks left.", 192, 108)  # fmt: skip


@pytest.mark.parametrize("move", MOVES)
def test_a_true_move_is_recovered(move):
    film = shot_with(move)
    first, _ = measure_camera(film.frames, film.plan)
    assert first.correlation > 0.95 and first.gain < 2, first
    assert first.gain > 0.5 or move == "handheld", first  # its sway is a pixel or two


def test_a_camera_that_follows_somebody_is_recovered():
    film = shot_with("follow")
    _, second = measure_camera(film.frames, film.plan)
    assert second.move == "follow" and second.correlation > 0.95


@pytest.mark.parametrize("move", ["pan left 20 degrees", "truck left", "orbit right 60 degrees"])
def test_a_mirrored_move_goes_the_other_way(move):
    film = shot_with(move)
    first, _ = measure_camera(film.frames[:, :, ::-1], film.plan)
    assert first.correlation < -LEAST_CAMERA


def test_a_move_that_is_not_there_is_not_found():
    film = shot_with("pan left 20 degrees")
    stuck = film.frames[film.shot(0).start]
    first, _ = measure_camera(film.with_shot(0, stuck).frames, film.plan)
    assert abs(first.correlation) < LEAST_CAMERA


def test_moves_in_a_row_are_told_apart():
    film = true_film("Place: street\nShot 1 (3s, wide, tilt up 8 degrees, then pan left 20 degrees): @mira stands.",
                     192, 108)  # fmt: skip
    backwards = film.frames.copy()
    backwards[:19] = film.frames[18::-1]  # all frames of the tilt: a splice within it would be a step of its own
    tilt, pan = measure_camera(backwards, film.plan)
    assert (tilt.move, tilt.start, tilt.stop, pan.move, pan.stop) == ("tilt", 0, 19, "pan", 36)
    assert tilt.correlation < -0.9 and pan.correlation > 0.9


def test_a_standing_camera_stands_and_one_that_drifts_is_told():
    film = shot_with("static")
    assert measure_camera(film.frames, film.plan)[0].drift < MOST_DRIFT / 4
    frames = np.stack([np.roll(frame, at, 1) for at, frame in enumerate(film.frames)])
    assert measure_camera(frames, film.plan)[0].drift > MOST_DRIFT


@pytest.mark.parametrize("aspect, width, height", [("9:16", 72, 128), ("1:1", 96, 96)])
@pytest.mark.parametrize("shot", ["wide, static): @leo walks left", "full, static): @leo rides left"])
def test_whoever_crosses_a_tall_picture_is_no_drift_of_the_camera(shot, aspect, width, height):
    film = true_film(f"Aspect: {aspect}\nPlace: room\nShot 1 (2s, {shot}. Shot 2 (1s): @mira stands.", width, height)
    crossed = measure_camera(film.frames, film.plan)[0]
    assert crossed.left_out or crossed.drift < MOST_DRIFT / 2


def test_a_drift_behind_whoever_walks_through_a_tall_picture_is_told():
    film = true_film("Aspect: 9:16\nPlace: room\nShot 1 (2s, wide, static): @leo walks left. Shot 2 (1s): @mira "
                     "stands.", 72, 128)  # fmt: skip
    frames = np.stack([np.roll(frame, at // 2, 0) for at, frame in enumerate(film.frames)])
    assert measure_camera(frames, film.plan)[0].drift > MOST_DRIFT


@pytest.mark.parametrize("late", [True, False])
def test_a_cut_one_frame_off_is_no_move_of_the_camera(late):
    film = true_film("Place: street\nShot 1 (2s, medium, static): @mira stands. Shot 2 (2s, wide, handheld): @leo "
                     "stands. Shot 3 (2s, medium, static): @mira stands.", 192, 108)  # fmt: skip
    frames, (_, cut, next_cut) = film.frames.copy(), (shot.start for shot in film.plan.shots)
    for at in (cut, next_cut):
        frames[at - (not late)] = film.frames[at - late]
    before, sway, after = measure_camera(frames, film.plan)
    assert max(before.drift, after.drift) < MOST_DRIFT / 4 and sway.correlation > 0.9


def test_a_bare_studio_cannot_be_told():
    film = shot_with("pan left", "studio")
    assert {track.left_out for track in measure_camera(film.frames, film.plan)} == {TOO_PLAIN}


@pytest.mark.parametrize("move", ["pan left", "static"])
def test_an_empty_picture_cannot_be_told(move):
    film = shot_with(move)
    assert measure_camera(np.full_like(film.frames, 90), film.plan)[0].left_out == TOO_PLAIN


@pytest.mark.filterwarnings("error")
def test_a_film_that_flashes_is_measured_without_a_word():
    film = true_film("Place: street\nShot 1 (3s, close-up, zoom out): @leo and @mira stand.", 192, 108)
    frames = film.frames.copy()
    frames[1::2] = 255 - frames[1::2]
    assert measure_camera(frames, film.plan)[0].left_out == TOO_PLAIN


def test_moves_that_are_too_many_for_their_shot_cannot_be_told():
    moves = ", ".join(["pan left", "then tilt up"] + 15 * ["then pan left", "then tilt up"])
    film = true_film(f"Place: street\nShot 1 (2s, wide, {moves}): @mira stands. Shot 2 (2s): @leo stands.", 64, 36)
    assert len(film.plan.shots[0].camera) > film.plan.shots[0].frames
    assert {track.left_out for track in measure_camera(film.frames, film.plan)[:-1]} == {TOO_PLAIN}
