"""How far a mouth opens with what is heard: the loudness of speech, at the pace at which a mouth can move.

One curve serves all: it drives the stage's mouths, it is what the embedded model is trained on, and the report holds
the picture against it. numpy only.
"""

from __future__ import annotations

import numpy as np

_STEPS = 200  # levels a second
_WINDOW = 0.025  # seconds: longer than the pitch period of the lowest voice, shorter than a consonant
_VOWEL_BAND = (150.0, 3000.0)  # Hz: the first formants; a hiss or a rumble is no open mouth
_OPENING_RANGE = 20.0  # dB between a loud vowel (1) and a closed mouth (0)
_LOUD_PERCENTILE = 90.0
_ACTIVE_RANGE = 35.0  # dB under the loudest moment; what is quieter is pause and no part of the percentile
_SILENCE = -60.0  # dBFS: a recording that is quieter than this throughout holds no speech
_OPENING_TIME, _CLOSING_TIME = 0.05, 0.09  # seconds for a full opening and a full closing


def mouth_opening(samples: np.ndarray, rate: int, fps: float, frames: int) -> np.ndarray:
    """Mouth opening of a speaker in each of `frames` frames: float32 [frames], 0 (closed) to 1 (a loud vowel).

    samples: [N] mono speech, alone, in [-1, 1]; frame f lasts from f / fps to (f + 1) / fps on the same clock, and
    frames after the end of the sound are 0.

    1. Level L: power between 150 and 3000 Hz in Hann windows of 25 ms, every 5 ms, in dBFS.
    2. opening = clip(1 + (L - L90) / 20 dB, 0, 1), where L90 is the 90th percentile of L over the moments within
       35 dB of the loudest. Linear in dB is the compression; L90 makes it independent of the recording's level.
    3. A full opening takes at least 50 ms and a full closing 90 ms: a limit on the slope that begins before a sound
       and ends after it, so that it moves no peak in time (articulators do start before the sound).
    4. The mean over each frame.
    """
    opening = np.zeros(frames, np.float32)
    samples = np.asarray(samples, np.float32)
    if frames == 0 or samples.size == 0:
        return opening
    level = _vowel_level(samples, rate)
    if level.max() < _SILENCE:
        return opening
    active = level[level > max(level.max() - _ACTIVE_RANGE, _SILENCE)]
    curve = np.clip(1 + (level - np.percentile(active, _LOUD_PERCENTILE)) / _OPENING_RANGE, 0, 1)
    return _frame_means(_limit_slope(curve), fps, frames)


def _vowel_level(samples: np.ndarray, rate: int) -> np.ndarray:
    """Level in dBFS of the vowel band around the times k / 200 s, [K]."""
    size = int(_WINDOW * rate) // 2 * 2
    steps = int(np.ceil(len(samples) / rate * _STEPS)) + 1
    centres = np.round(np.arange(steps) * rate / _STEPS).astype(int)
    padded = np.pad(samples, (size // 2, size))
    window = np.hanning(size).astype(np.float32)
    pieces = np.lib.stride_tricks.sliding_window_view(padded, size)[np.minimum(centres, len(samples))]
    spectrum = np.fft.rfft(pieces * window, axis=-1)
    frequencies = np.fft.rfftfreq(size, 1 / rate)
    band = (frequencies >= _VOWEL_BAND[0]) & (frequencies <= _VOWEL_BAND[1])
    power = 2 * np.square(np.abs(spectrum[:, band])).sum(-1) / (size * np.square(window).sum())
    return 10 * np.log10(power + 1e-12)


def _limit_slope(curve: np.ndarray) -> np.ndarray:
    """The lowest curve above `curve` that opens and closes no faster than a mouth: max over k of x[k] - |n-k| slope."""
    step = np.arange(len(curve)) / _STEPS
    closing = np.maximum.accumulate(curve + step / _CLOSING_TIME) - step / _CLOSING_TIME
    opening = np.maximum.accumulate((closing - step / _OPENING_TIME)[::-1])[::-1] + step / _OPENING_TIME
    return np.clip(opening, 0, 1)


def _frame_means(curve: np.ndarray, fps: float, frames: int) -> np.ndarray:
    """Exact means of the piecewise linear `curve` over the frames; it is 0 after its end."""
    sums = np.concatenate([[0.0], np.cumsum((curve[1:] + curve[:-1]) / 2)])
    edges = np.clip(np.arange(frames + 1) / fps * _STEPS, 0, len(curve) - 1)
    return (np.diff(np.interp(edges, np.arange(len(curve)), sums)) * fps / _STEPS).astype(np.float32)
