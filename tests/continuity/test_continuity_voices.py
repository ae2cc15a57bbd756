"""Whose voice is heard in a line."""

from dataclasses import replace

import numpy as np
import pytest
from continuity_films import sound_of, true_film, with_voices_swapped

from kling_core.continuity import speaker_embeddings
from kling_core.continuity.voices import NO_PITCH, NOT_MEASURED, UNLIKE, measure_voices
from kling_core.errors import KlingError
from kling_core.sound.speech import speak

RATE = 24000


@pytest.fixture(scope="module")
def film():
    return true_film()


def heard(film, sound):
    return measure_voices(sound, RATE, film.plan, film.cast, film.speech)


def test_every_line_of_a_true_film_is_in_its_speakers_voice(film):
    assert [(line.shot, line.heard, line.left_out) for line in heard(film, film.sound)] == [
        (0, "mira", ""), (1, "leo", ""), (2, "leo", ""),
    ]  # fmt: skip


def test_swapped_voices_are_named(film):
    swapped = sound_of(film.plan, speak(film.plan, with_voices_swapped(film.cast)))
    lines = heard(film, swapped)
    assert [line.heard for line in lines] == ["leo", "mira", "mira"] and all(line.margin < -0.5 for line in lines)


def test_silence_is_nobodys_voice(film):
    assert [(line.heard, line.left_out) for line in heard(film, np.zeros_like(film.sound))] == [(None, "")] * 3


def test_where_the_sound_ends_before_the_picture_nobody_is_heard(film):
    lines = heard(film, film.sound[:, : 2 * RATE])
    assert [(line.heard, line.left_out) for line in lines] == [("mira", ""), (None, ""), (None, "")]


def test_a_line_in_which_all_talk_at_once_cannot_be_told(film):
    other = replace(film.speech[1], start=film.speech[0].start, samples=film.speech[0].samples)
    lines = measure_voices(film.sound, RATE, film.plan, film.cast, (film.speech[0], other, film.speech[2]))
    assert lines[0].left_out == NOT_MEASURED


def test_a_whisper_has_no_pitch_to_be_known_by(film):
    breath = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    whispered = (replace(film.speech[0], samples=breath), *film.speech[1:])
    assert measure_voices(film.sound, RATE, film.plan, film.cast, whispered)[0].left_out == NO_PITCH


def test_a_package_of_that_name_without_weights_does_not_count(tmp_path, monkeypatch):
    (tmp_path / "resemblyzer").mkdir()
    (tmp_path / "resemblyzer" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert not speaker_embeddings.is_installed()


def test_a_line_that_sounds_like_nobody_even_as_spoken_cannot_be_told(film):
    deep = np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE).astype(np.float32) * 0.1  # Mira's voice is at 231 Hz
    spoken = (replace(film.speech[0], samples=deep), *film.speech[1:])
    lines = measure_voices(sound_of(film.plan, spoken), RATE, film.plan, film.cast, spoken)
    assert [line.left_out for line in lines] == [UNLIKE, "", ""]


@pytest.mark.skipif(speaker_embeddings.is_installed(), reason="Resemblyzer is here")
def test_missing_weights_of_embeddings_are_told_with_their_remedy():
    with pytest.raises(KlingError, match="pip install --no-deps Resemblyzer"):
        speaker_embeddings.EmbeddingListener()


@pytest.mark.skipif(not speaker_embeddings.is_installed(), reason="needs Resemblyzer's weights")
def test_embeddings_tell_the_demos_voices_apart(film):
    lines = measure_voices(
        film.sound, RATE, film.plan, film.cast, film.speech, speaker_embeddings.EmbeddingListener()
    )  # fmt: skip
    assert [line.heard for line in lines] == ["mira", "leo", "leo"]
