"""Cuts are found in the pictures, and only they."""

import numpy as np
import pytest
from continuity_films import true_film

from kling_core.continuity.cuts import find_cuts, measure_cuts


@pytest.fixture(scope="module")
def film():
    return true_film()


def test_the_cuts_of_a_true_film_are_exact(film):
    report = measure_cuts(film.frames, film.plan)
    assert [(cut.shot, cut.planned, cut.error) for cut in report.cuts] == [(1, 24, 0), (2, 48, 0)]
    assert report.too_many == ()


@pytest.mark.parametrize("late", [2, -2])
def test_a_cut_that_lies_two_frames_off_is_found_with_its_error(film, late):
    frames = film.frames.copy()
    frames[min(24, 24 + late): max(24, 24 + late)] = frames[23 if late > 0 else 24]
    report = measure_cuts(frames, film.plan)
    assert [cut.error for cut in report.cuts] == [late, 0]


def test_a_cut_that_is_missing_or_too_many_is_told(film):
    frames = film.frames.copy()
    frames[24:48] = frames[23]
    frames[60:72] = film.frames[:12]
    report = measure_cuts(frames, film.plan)
    assert [cut.error for cut in report.cuts] == [None, 0] and report.too_many == (60,)


def test_cuts_survive_a_soft_and_noisy_picture(film):
    noise = np.random.default_rng(0).normal(0, 8, film.frames.shape)
    soft = np.repeat(np.repeat(film.frames[:, ::4, ::4], 4, 1), 4, 2)
    assert find_cuts(np.clip(soft + noise, 0, 255).astype(np.uint8)) == [24, 48]


def test_a_cut_to_the_same_person_at_the_same_size_is_found(film):
    """Optical flow explains it as a leap to the side."""
    shot = film.frames[48:72]
    moved = np.concatenate([shot[:12, :, :-24], shot[12:, :, 24:]])
    assert find_cuts(moved) == [12] and find_cuts(shot) == []


def test_no_cut_is_found_where_nothing_is_to_be_seen():
    assert find_cuts(np.full((20, 72, 128, 3), 90, np.uint8)) == []
