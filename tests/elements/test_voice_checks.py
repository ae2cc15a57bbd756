import numpy as np
import pytest

from kling_core.elements.voice_checks import clipped_share, examine_voice, signal_to_noise, speech_share

RATE = 16000


def speech_like(seconds=8.0, pitch=120.0, floor=1e-3, rate=RATE):
    time = np.arange(int(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 10))
    syllables = np.clip(0.5 + np.sin(2 * np.pi * 2.5 * time), 0, 1) * (time % 2 < 1.6)
    return (0.15 * tone * syllables + floor * np.random.default_rng(0).normal(size=len(time))).astype(np.float32)


def examine(samples, rate=RATE):
    return examine_voice(samples, rate, "voice", stored_rate=24000)


def advice(samples, rate=RATE) -> str:
    voice, mistakes, findings = examine(samples, rate)
    assert voice is not None and not mistakes
    return "\n".join(str(finding) for finding in findings)


def mistake(samples, rate=RATE) -> str:
    voice, mistakes, findings = examine(samples, rate)
    assert voice is None and len(mistakes) == 1 and not findings and mistakes[0].remedy
    return str(mistakes[0])


def test_a_clean_recording_becomes_a_mono_voice_at_24_khz():
    voice, _, findings = examine(np.stack([speech_like(), speech_like()]))
    assert voice.sample_rate == 24000 and voice.samples.shape == (8 * 24000,) and voice.samples.dtype == np.float32
    assert voice.pitch == pytest.approx(120, rel=0.01)
    assert [finding.what for finding in findings] == ["was not checked for a second speaker"]


@pytest.mark.parametrize("seconds, fits", [(4.99, False), (5.0, True), (30.0, True), (30.01, False)])
def test_a_voice_takes_five_to_thirty_seconds(seconds, fits):
    samples = speech_like(seconds)
    assert (examine(samples)[0] is not None) == fits
    if not fits:
        assert "s long" in mistake(samples)


@pytest.mark.parametrize("samples, rate, told", [
    (np.full(RATE * 6, np.nan, np.float32), RATE, "not numbers"),
    (np.zeros(RATE * 6, np.float32), RATE, "silent"),
    (speech_like() * 32768, RATE, "not scaled"),
    (speech_like(), 0, "sample rate"),
    (speech_like(), 10**9, "sample rate"),
    (np.zeros((2, 3, 4), np.float32), RATE, "shape"),
    (np.zeros((100, RATE), np.float32), RATE, "shape"),
    (np.zeros(0, np.float32), RATE, "shape"),
])
def test_what_cannot_be_a_voice_is_one_clear_mistake(samples, rate, told):
    assert told in mistake(samples, rate)


def test_clipping_is_noticed_even_if_the_level_was_lowered_afterwards():
    clipped = np.clip(speech_like() * 8, -1, 1)
    assert clipped_share(clipped) > 0.01 and clipped_share(speech_like()) < 1e-4
    assert "clipped" in advice(clipped) and "clipped" in advice(clipped * 0.4)


def test_a_loud_pure_tone_is_not_clipped():
    assert clipped_share(np.sin(2 * np.pi * 100 * np.arange(48000) / 24000).astype(np.float32)) < 1e-4


@pytest.mark.parametrize("decibel", [20, 15, 10, 5])
def test_the_noise_estimate_follows_the_truth(decibel):
    speech = speech_like(floor=0)
    loud = np.abs(speech) > 0.01
    level = np.sqrt((speech[loud] ** 2).mean() / 10 ** (decibel / 10))
    noise = level * np.random.default_rng(1).normal(size=len(speech))
    assert signal_to_noise((speech + noise).astype(np.float32), RATE) == pytest.approx(decibel, abs=4)


def test_noise_quiet_pauses_and_telephones_draw_advice():
    noise = np.random.default_rng(1).normal(size=8 * RATE).astype(np.float32)
    assert "noisy" in advice(speech_like() + 0.05 * noise)
    assert "quiet" in advice(speech_like() * 0.01)
    padded = np.concatenate([speech_like(), np.zeros(12 * RATE, np.float32)])
    assert speech_share(padded, RATE) < 0.45 and "silent for" in advice(padded)
    assert "telephone" in advice(speech_like(rate=8000), 8000)
    assert "no pitch" in advice(0.1 * noise)


def test_channels_that_cancel_do_not_silence_the_voice():
    voice, _, _ = examine(np.stack([speech_like(), -speech_like()]))
    assert np.abs(voice.samples).max() > 0.1 and voice.pitch == pytest.approx(120, rel=0.01)
