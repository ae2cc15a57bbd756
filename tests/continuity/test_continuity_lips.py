"""Mouths are read in the pictures: with the line, late, and not at all."""

from dataclasses import replace

import numpy as np
import pytest
from continuity_films import true_film

from kling_core.continuity.judge import LEAST_LIPS, MOST_STILL
from kling_core.continuity.lips import TURNED, UNHEARD, measure_lips


@pytest.fixture(scope="module")
def film():
    return true_film()


def tracks(film, frames=None):
    read = measure_lips(film.frames if frames is None else frames, film.plan, film.speech)
    return {(track.shot, track.subject): track for track in read}


def test_everybody_in_every_shot_is_read(film):
    assert list(tracks(film)) == [(0, "mira"), (1, "leo"), (1, "mira"), (2, "leo")]


def test_the_mouths_of_a_true_film_follow_the_lines(film):
    for track in (track for track in tracks(film).values() if track.speaks):
        assert track.correlation > 0.85 and track.best_lag == 0, track


@pytest.mark.parametrize("feels", ["smiles", "is surprised", "is afraid"])
def test_mouths_that_an_expression_opens_follow_the_lines(feels):
    film = true_film(f'Place: street\nShot 1 (3s, medium, static): @mira {feels}. Mira says, "I see it over there!"')
    assert film.plan.shots[0].performances[0].expression != "neutral"
    (track,) = tracks(film).values()
    assert track.correlation > 0.85 and track.best_lag == 0, track


def test_a_mouth_that_turns_away_while_it_speaks_follows_the_line():
    film = true_film('Place: night street\nShot 1 (3s, medium, orbit right 60 degrees): @mira and @leo stand. '
                     'Mira says, "I see it over there!"')  # fmt: skip
    speaker, listener = tracks(film)[0, "mira"], tracks(film)[0, "leo"]
    assert speaker.correlation > 0.85 and listener.still < MOST_STILL


def test_who_listens_keeps_still(film):
    listener = tracks(film)[1, "mira"]
    assert listener.correlation is None and listener.still < 0.5 * MOST_STILL


def test_mouths_that_are_late_are_told_by_how_much(film):
    shot = film.shot(1)
    late = np.arange(shot.start, shot.stop) - 3
    frames = film.frames.copy()
    frames[shot] = film.frames[np.maximum(late, shot.start)]
    track = tracks(film, frames)[1, "leo"]
    assert track.best_lag == 3 and track.best_correlation > 0.85 and track.correlation < LEAST_LIPS


def test_a_mouth_that_does_not_move_follows_nothing(film):
    """Before a still camera: on a still picture, a box that follows a moving one would read its own way."""
    shot = film.shot(1)
    frames = film.frames.copy()
    frames[shot] = film.frames[shot.start]
    assert abs(tracks(film, frames)[1, "leo"].correlation) < 0.3


def test_a_black_film_is_at_no_lag(film):
    read = tracks(film, np.zeros_like(film.frames))
    assert {(track.correlation, track.best_lag) for track in read.values() if track.speaks} == {(0.0, 0)}


def test_a_face_that_is_turned_away_cannot_be_told(film):
    blocking = list(film.plan.blocking)
    track = blocking[0].subjects[0]
    away = replace(track, facing=np.full(len(track.facing), 2.5))
    blocking[0] = replace(blocking[0], subjects=(away,))
    plan = replace(film.plan, blocking=tuple(blocking))
    assert measure_lips(film.frames, plan, film.speech)[0].left_out == TURNED


def test_without_a_mouth_that_speaks_there_is_nothing_to_compare_with(film):
    assert tracks(film, np.zeros_like(film.frames))[1, "mira"].left_out == UNHEARD
    assert {track.left_out for track in measure_lips(film.frames, film.plan, ())} == {UNHEARD}
