import numpy as np
import pytest

from kling_core.sound.envelope import REST, mouth_opening, mouth_shape

RATE = 24000


def vowels(starts, length=0.15, seconds=3.0, loudness=0.3, pitch=150):
    """Buzzing vowels of `length` seconds, rich in harmonics, at `starts`."""
    time = np.arange(int(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 15))
    gate = sum(((time >= start) & (time < start + length)).astype(float) for start in starts)
    return (loudness * gate * buzz).astype(np.float32)


def test_silence_keeps_the_mouth_shut():
    assert not mouth_opening(np.zeros(RATE), RATE, 12, 12).any()


def test_faint_hiss_without_speech_keeps_the_mouth_shut():
    hiss = 3e-4 * np.random.default_rng(0).standard_normal(RATE)
    assert not mouth_opening(hiss, RATE, 12, 12).any()


def test_vowels_open_the_mouth_and_gaps_close_it():
    opening = mouth_opening(vowels([0.5, 1.5], length=0.5), RATE, 24, 72)
    assert opening[14:22].min() > 0.85
    assert opening[26:33].max() == 0
    assert opening.max() <= 1


def test_the_mouth_closes_between_syllables():
    starts = np.arange(0.3, 2.7, 0.25)
    opening = mouth_opening(vowels(starts, length=0.13), RATE, 24, 72)
    inside = opening[8:64]
    valleys = np.sum((inside[1:-1] < inside[:-2]) & (inside[1:-1] <= inside[2:]) & (inside[1:-1] < 0.6))
    assert valleys == len(starts) - 1


@pytest.mark.parametrize("gain", [0.02, 0.2, 3.0])
def test_the_recordings_level_does_not_matter(gain):
    sound = vowels([0.3, 0.8, 1.6])
    np.testing.assert_allclose(mouth_opening(gain * sound, RATE, 12, 36), mouth_opening(sound, RATE, 12, 36), atol=1e-3)


@pytest.mark.parametrize("fps", [12, 24, 30])
def test_the_curve_is_neither_early_nor_late(fps):
    start, length = 1.0, 0.4
    opening = mouth_opening(vowels([start], length), RATE, fps, 3 * fps)
    moments = (np.arange(len(opening)) + 0.5) / fps
    centre = (moments * opening).sum() / opening.sum()
    assert abs(centre - (start + length / 2)) < 0.025


def test_hiss_opens_the_mouth_less_than_a_vowel_of_the_same_loudness():
    sound = vowels([0.5], 0.4)
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(len(sound)))
    spectrum[np.fft.rfftfreq(len(sound), 1 / RATE) < 4500] = 0
    hiss = np.fft.irfft(spectrum, len(sound))
    vowel = slice(int(0.5 * RATE), int(0.9 * RATE))
    place = slice(int(1.6 * RATE), int(2.0 * RATE))
    sound[place] = hiss[place] * sound[vowel].std() / hiss[place].std()
    opening = mouth_opening(sound, RATE, 12, 36)
    assert opening[7:10].min() > 0.8
    assert opening[20:23].max() < 0.2


def test_frames_after_the_end_of_the_sound_are_shut():
    opening = mouth_opening(vowels([0.0], 1.0, seconds=1.0), RATE, 12, 40)
    assert opening.shape == (40,) and opening.dtype == np.float32
    assert opening[3:11].min() > 0.8 and not opening[13:].any()


def test_no_sound_and_no_frames_are_fine():
    assert mouth_opening(np.zeros(0), RATE, 12, 5).tolist() == [0] * 5
    assert mouth_opening(np.ones(100), RATE, 12, 0).shape == (0,)


def formants(second, start, length=0.5, seconds=3.0, pitch=120):
    """A buzz with formants at 320 Hz and at `second` Hz."""
    time = np.arange(int(seconds * RATE)) / RATE
    harmonics = pitch * np.arange(1, 30)
    loudness = sum(1 / (1 + ((harmonics - formant) / 90) ** 2) for formant in (320, second))
    buzz = (loudness[:, None] * np.sin(2 * np.pi * harmonics[:, None] * time)).sum(0)
    return (0.1 * buzz * ((time >= start) & (time < start + length))).astype(np.float32)


def test_lips_are_round_in_oo_and_wide_in_ee():
    shape = mouth_shape(formants(800, 0.3) + formants(2300, 1.5), RATE, 12, 36)
    assert shape.shape == (36, 2) and shape.dtype == np.float32
    assert shape[5:8, 1].max() < 0.3 and shape[20:22, 1].min() > 0.7
    assert 0 <= shape.min() and shape.max() <= 1


def test_shapes_open_as_the_opening_says_and_rest_in_silence():
    sound = vowels([0.3, 0.8, 1.6])
    shape = mouth_shape(sound, RATE, 12, 36)
    assert np.array_equal(shape[:, 0], mouth_opening(sound, RATE, 12, 36))
    assert np.array_equal(shape[-3:], np.tile(REST, (3, 1)))
    for silent in (np.zeros(0), np.zeros(RATE)):
        assert np.array_equal(mouth_shape(silent, RATE, 12, 5), np.tile(REST, (5, 1)))
