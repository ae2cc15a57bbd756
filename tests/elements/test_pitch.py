import os
import wave
from pathlib import Path

import numpy as np
import pytest

from kling_core.elements.pitch import median_pitch

RATE = 24000


def tone(pitch, seconds=2.0, harmonics=10, noise=0.0):
    time = np.arange(int(seconds * RATE)) / RATE
    wave_form = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, harmonics + 1)) * 0.1
    return (wave_form + noise * np.random.default_rng(0).normal(size=len(time))).astype(np.float32)


@pytest.mark.parametrize("pitch", [70, 85, 110, 163.7, 220, 290, 333, 400, 450])
@pytest.mark.parametrize("harmonics", [1, 10])
def test_tones_are_measured_within_a_hundredth_and_without_octave_errors(pitch, harmonics):
    assert median_pitch(tone(pitch, harmonics=harmonics), RATE) == pytest.approx(pitch, rel=0.01)


def test_noise_moves_the_pitch_little():
    assert median_pitch(tone(120, noise=0.02), RATE) == pytest.approx(120, rel=0.02)


def test_a_missing_fundamental_is_heard_all_the_same():
    time = np.arange(2 * RATE) / RATE
    telephone = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(3, 12)).astype(np.float32) * 0.1
    assert median_pitch(telephone, RATE) == pytest.approx(120, rel=0.01)


def test_a_gliding_voice_gives_its_median():
    pitch = np.linspace(100, 200, 4 * RATE)
    glide = np.sin(2 * np.pi * np.cumsum(pitch) / RATE).astype(np.float32)
    assert median_pitch(glide, RATE) == pytest.approx(150, rel=0.03)


def test_pauses_do_not_count():
    samples = np.concatenate([tone(140), np.zeros(3 * RATE, np.float32), tone(140)])
    assert median_pitch(samples, RATE) == pytest.approx(140, rel=0.01)


@pytest.mark.parametrize("samples", [
    np.zeros(RATE, np.float32), np.random.default_rng(0).normal(size=RATE).astype(np.float32) * 0.1,
    np.zeros(100, np.float32), np.zeros(0, np.float32),
])
def test_silence_noise_and_scraps_have_no_pitch(samples):
    assert median_pitch(samples, RATE) is None


@pytest.mark.parametrize("name, by_swift_f0", [("0870", 98.7), ("0890", 92.9), ("0920", 102.0)])
def test_a_real_reader_agrees_with_swift_f0(name, by_swift_f0):
    """LibriVox clips of Debian's pocketsphinx-testdata; KLING_SPEECH_DIR names the folder with its .wav files."""
    if not os.environ.get("KLING_SPEECH_DIR"):
        pytest.skip("KLING_SPEECH_DIR is not set")
    path = Path(os.environ["KLING_SPEECH_DIR"]) / f"sense_and_sensibility_01_austen_64kb-{name}.wav"
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
        assert median_pitch(samples, file.getframerate()) == pytest.approx(by_swift_f0, rel=0.06)
