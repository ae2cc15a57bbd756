import numpy as np
import pytest
from sound_scenes import buzz

pytest.importorskip("pyworld")

from kling_core.elements.pitch import median_pitch  # noqa: E402
from kling_core.sound.vocoder import Manner, Speech, timbre_towards  # noqa: E402

RATE = 24000


def formant(samples):
    """Hz around which the power under 2 kHz lies."""
    power = np.square(np.abs(np.fft.rfft(samples)))
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE)
    power[frequency > 2000] = 0
    return (power * frequency).sum() / power.sum()


@pytest.mark.parametrize("pitch", [80, 120, 200, 280])
def test_speech_takes_on_the_pitch_asked_for(pitch):
    spoken = Speech(buzz(180, 1.0), RATE).spoken(Manner(pitch))
    assert spoken.dtype == np.float32
    assert abs(median_pitch(spoken, RATE) / pitch - 1) < 0.04


def test_formants_move_without_the_pitch():
    speech = Speech(buzz(150, 1.0), RATE)
    low, high = (speech.spoken(Manner(150, formants=factor)) for factor in (0.85, 1.15))
    assert formant(high) > 1.15 * formant(low)
    assert abs(median_pitch(high, RATE) / median_pitch(low, RATE) - 1) < 0.03


def test_a_whisper_has_no_pitch():
    assert median_pitch(Speech(buzz(150, 1.0), RATE).spoken(Manner(150, whispered=True)), RATE) is None


def test_sound_without_voice_survives():
    noise = 0.1 * np.random.default_rng(0).standard_normal(RATE)
    speech = Speech(noise, RATE)
    assert np.isfinite(speech.spoken(Manner(120))).all()
    if speech.pitch is None:
        assert timbre_towards(speech, Speech(buzz(150, 1.0), RATE), 1.0, 12000) is None


def test_the_timbre_comes_nearer_to_the_recording():
    given, wanted = Speech(buzz(150, 1.0), RATE), buzz(150, 1.0)
    spectrum = np.fft.rfft(wanted)
    frequency = np.fft.rfftfreq(len(wanted), 1 / RATE)
    wanted = Speech(np.fft.irfft(spectrum / (1 + (frequency / 800) ** 2), len(wanted)), RATE)  # a duller voice
    timbre = timbre_towards(wanted, given, 1.0, 12000)
    heard = Speech(given.spoken(Manner(150, timbre=timbre)), RATE).long_term
    before = np.abs(given.long_term - wanted.long_term)[:200].mean()
    assert np.abs(heard - wanted.long_term)[:200].mean() < 0.4 * before


def test_a_narrow_recording_says_nothing_about_the_treble():
    timbre = timbre_towards(Speech(0.1 * buzz(150, 1.0), RATE), Speech(buzz(200, 1.0), RATE), 1.0, 4000)
    assert np.abs(timbre).max() > 0.01
    assert not timbre[len(timbre) // 3 :].any()
