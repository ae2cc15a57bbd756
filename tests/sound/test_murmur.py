import time

import numpy as np
import pytest

from kling_core.sound.envelope import mouth_opening
from kling_core.sound.murmur import murmur, syllables

RATE = 24000


@pytest.mark.parametrize(
    ("text", "vowels"),
    [
        ("Look at that.", "oaa"),
        ("¡Mira qué árbol!", "iaeao"),
        ("you don't", "oo"),
        ("ちょっとまって", "ooae"),
        ("안녕하세요", "aoaeo"),
        ("hm", "e"),
    ],
)
def test_syllables_follow_the_text(text, vowels):
    assert "".join(syllable.vowel for syllable in syllables(text)) == vowels


def test_each_chinese_character_is_a_syllable_and_punctuation_a_pause():
    spoken = syllables("你好，世界。")
    assert [syllable.pause > 0 for syllable in spoken] == [False, True, False, True]


@pytest.mark.parametrize("text", ["", "  ", "?!", "—"])
def test_a_text_without_letters_is_silent(text):
    assert not murmur(text, 150, 1.0, RATE, 0).any()


@pytest.mark.parametrize("seconds", [0.0, 1e-5, 0.05, 2.0])
def test_it_fills_exactly_the_time_given(seconds):
    sound = murmur("Look at that old tree.", 150, seconds, RATE, 0)
    assert sound.shape == (round(seconds * RATE),) and sound.dtype == np.float32
    assert np.isfinite(sound).all() and np.abs(sound).max(initial=0) <= 0.5


def test_the_same_seed_gives_the_same_sound_and_another_seed_another():
    first, again, other = (murmur("Look at that.", 150, 1.0, RATE, seed) for seed in (4, 4, 5))
    assert (first == again).all()
    assert not np.allclose(first, other)


def test_a_short_text_in_a_long_time_ends_in_silence():
    sound = murmur("Yes.", 120, 3.0, RATE, 0)
    assert np.abs(sound[: RATE // 2]).max() > 0.3
    assert not sound[RATE:].any()


def test_a_pause_in_the_text_closes_the_mouth():
    opening = mouth_opening(murmur("Lalala. Lalala.", 150, 2.0, RATE, 3), RATE, 24, 48)
    assert opening[20:28].min() == 0
    assert opening[3:18].mean() > 0.5 and opening[29:44].mean() > 0.5


def test_a_higher_voice_has_higher_formants():
    def brightness(pitch):
        spectrum = np.square(np.abs(np.fft.rfft(murmur("mama mama mama", pitch, 2.0, RATE, 1))))
        frequency = np.fft.rfftfreq(2 * RATE, 1 / RATE)
        return (spectrum * frequency).sum() / spectrum.sum()

    assert brightness(230) > 1.1 * brightness(110)


def test_fifteen_seconds_take_a_fraction_of_a_second():
    murmur("warm up", 150, 1.0, RATE, 0)
    begin = time.process_time()
    murmur("Look at that old tree, it is still here. " * 5, 150, 15.0, RATE, 0)
    assert time.process_time() - begin < 0.5
