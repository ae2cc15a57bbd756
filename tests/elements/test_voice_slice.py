"""The cleanest seconds of a recording are found, whatever spoils the others."""

import numpy as np
import pytest

from kling_core.elements.voice_slice import cleanest, cleanliness
from kling_core.sound.murmur import murmur

RATE = 16000
TEXT = "I have walked all the way from the old harbour, to the very last house of this town. Nobody told me; who knew."


def speech(seed, pitch=180.0, seconds=5.0):
    return murmur(TEXT, pitch, seconds, RATE, seed)


def noisy(samples, decibel):
    noise = np.random.default_rng(0).normal(size=len(samples)) * np.sqrt((samples**2).mean())
    return (samples + noise * 10 ** (-decibel / 20)).astype(np.float32)


SPOILED = {
    "noise": lambda seed: noisy(speech(seed), 8),
    "clipping": lambda seed: np.clip(speech(seed) * 6, -1, 1),
    "silence": lambda seed: np.zeros(5 * RATE, np.float32),
    "somebody else": lambda seed: speech(seed, pitch=105.0),
    "too far away": lambda seed: speech(seed) * 0.01,
}


@pytest.mark.parametrize("clean", range(6))
def test_the_clean_five_seconds_of_thirty_are_found_wherever_they_are(clean):
    spoiled = ["noise", "clipping", "silence", "noise", "too far away"]
    parts = [SPOILED[kind](seed) for seed, kind in enumerate(spoiled)]
    parts.insert(clean, speech(9))
    start, stop = cleanest(np.concatenate(parts), RATE, 5.0)
    assert stop - start == 5.0 and abs(start - 5 * clean) <= 0.5


@pytest.mark.parametrize("kind", SPOILED)
def test_each_fault_by_itself_is_avoided(kind):
    recording = np.concatenate([SPOILED[kind](1), speech(2), speech(3)])
    start, stop = cleanest(recording, RATE, 15.0)
    assert start >= 4.0 and 9 < stop - start <= 11


def test_a_slice_grows_over_good_speech_and_no_further():
    recording = np.concatenate([noisy(speech(0), 8), speech(1), speech(2), noisy(speech(3), 8)])
    start, stop = cleanest(recording, RATE, 15.0)
    assert 4.5 <= start <= 6 and 14 <= stop <= 15.5
    assert cleanest(recording, RATE, 3.0, 3.0)[1] - cleanest(recording, RATE, 3.0, 3.0)[0] == 3.0


def test_short_recordings_are_taken_whole_and_bad_ones_too():
    assert cleanest(speech(0, seconds=4.0), RATE, 5.0) == (0.0, 4.0)
    assert cleanest(np.zeros(6 * RATE, np.float32), RATE, 5.0) == (0.0, 5.0)
    assert cleanest(np.zeros(100, np.float32), RATE, 5.0) == (0.0, 100 / RATE)


def test_cleanliness_follows_the_noise():
    means = [cleanliness(noisy(speech(0), decibel), RATE).mean() for decibel in (0, 6, 12, 40)]
    assert means == sorted(means) and means[0] < 0.2 and means[-1] > 0.6
