"""Loudness and true peak against known signals (EBU Tech 3341) and against FFmpeg's meter; the limiter's manners."""

from __future__ import annotations

import numpy as np
import pytest
from loudness_meter import measure
from sound_scenes import buzz

from kling_core.sound.loudness import levelled, loudness, true_peak


def tone(level, seconds, rate, frequency=1000.0):
    """A stereo sine, the same on both sides, `level` in dBFS."""
    wave = 10 ** (level / 20) * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)
    return np.stack([wave, wave])


def programme(rate, seconds=12, seed=0):
    """Noise up to 9 kHz that comes and goes, different on both sides: gates and channels matter in it."""
    rng, time = np.random.default_rng(seed), np.arange(seconds * rate) / rate
    spectrum = np.fft.rfft(rng.standard_normal((2, len(time))))
    spectrum[:, 9000 * seconds :] = 0  # higher up, the meter's resampling takes some away
    swell = 10 ** ((12 * np.sin(2 * np.pi * time / 5) - 30) / 20)
    return np.fft.irfft(spectrum, len(time)) * swell * np.array([[1.0], [0.6]])


def bursts(rate, seconds=6):
    """Speech-like sound with shouts in it, which reach far over its loudness."""
    sound = np.stack([buzz(140, seconds, rate), 0.4 * buzz(140, seconds, rate)])
    for moment in (1.0, 2.5, 4.0):
        start = round(moment * rate)
        sound[:, start : start + rate // 20] *= 12
    return sound


@pytest.mark.parametrize("rate", [16000, 24000, 44100, 48000])
def test_a_tone_in_both_channels_is_as_loud_as_its_level(rate):
    assert loudness(tone(-23, 5, rate), rate) == pytest.approx(-23, abs=0.05)


def test_quiet_passages_are_gated():
    sound = np.concatenate([tone(-36, 10, 24000), tone(-23, 60, 24000), tone(-36, 10, 24000)], axis=1)
    assert loudness(sound, 24000) == pytest.approx(-23, abs=0.1)


def test_channels_add_up():
    sound = tone(-20, 3, 24000)
    assert loudness(sound[:1], 24000) == pytest.approx(loudness(sound, 24000) - 3.01, abs=0.01)


@pytest.mark.parametrize("seconds", [0.05, 0.2, 0.39, 0.41])
def test_sounds_around_one_block_are_measured(seconds):
    assert loudness(tone(-20, seconds, 24000), 24000) == pytest.approx(-20, abs=0.3)


def test_silence_and_nothing_have_no_loudness():
    assert loudness(np.zeros((2, 24000)), 24000) == -np.inf
    assert loudness(np.zeros((2, 0)), 24000) == -np.inf
    assert true_peak(np.zeros((2, 0)), 24000) == -np.inf


@pytest.mark.parametrize("rate", [24000, 48000])
@pytest.mark.parametrize("seed", [0, 1])
def test_loudness_and_peak_agree_with_ffmpeg(rate, seed):
    sound = programme(rate, seed=seed)
    expected_loudness, expected_peak = measure(sound, rate)
    assert loudness(sound, rate) == pytest.approx(expected_loudness, abs=0.1)
    assert true_peak(sound, rate) == pytest.approx(expected_peak, abs=0.1)


def test_a_peak_between_samples_is_found():
    # At a quarter of the rate and 45 degrees off, no sample is higher than 3 dB below the crest of the wave.
    wave = np.sin(np.pi / 2 * np.arange(4800) + np.pi / 4) * np.hanning(4800)
    assert np.abs(wave).max() == pytest.approx(np.sqrt(0.5), abs=0.01)
    assert true_peak(wave[None], 24000) == pytest.approx(0, abs=0.1)


def test_shouts_are_limited_and_the_loudness_made_up_for():
    sound = levelled(bursts(24000), 24000, -16, -1, 24)
    measured, peak = measure(sound, 24000)
    assert measured == pytest.approx(-16, abs=0.2)
    assert peak <= -1 + 0.05
    assert np.abs(sound).max() > 0.8  # the limit is really reached


def test_the_ceiling_wins_where_both_cannot_hold():
    sound = np.zeros((2, 48000))
    sound[:, 20000:20003] = 0.5
    limited = levelled(sound, 24000, -16, -1, 40)
    assert true_peak(limited, 24000) <= -1 + 1e-3
    assert loudness(limited, 24000) < -17


def test_no_gain_is_above_the_most():
    sound = tone(-60, 2, 24000)
    assert loudness(levelled(sound, 24000, -16, -1, 24), 24000) == pytest.approx(-36, abs=0.05)


def test_the_limiter_turns_down_and_does_not_bend():
    """A shout comes out as the wave that it was, smaller: clipping or bending it would add harmonics."""
    rate, time = 24000, np.arange(3 * 24000) / 24000
    wave = 0.05 * np.sin(2 * np.pi * 500 * time)
    shout = slice(rate, rate + rate // 2)
    wave[shout] *= 40
    limited = levelled(np.stack([wave, wave]), rate, -16, -1, 24)[0]
    inside = limited[rate + 2400 : rate + 9600]
    spectrum = np.abs(np.fft.rfft(inside * np.hanning(len(inside))))
    frequency = np.fft.rfftfreq(len(inside), 1 / rate)
    overtones = spectrum[np.abs(frequency - 1500) < 50].max() / spectrum.max()
    assert 20 * np.log10(overtones) < -80


def test_both_sides_are_turned_down_alike():
    sound = bursts(24000)
    limited = levelled(sound, 24000, -16, -1, 24)
    np.testing.assert_allclose(limited[1] * sound[0], limited[0] * sound[1], atol=1e-5)
