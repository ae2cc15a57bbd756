"""What a mouth does with what is heard: how far it opens and how wide it spreads, at the pace at which a mouth moves.

One curve serves all: it drives the stage's mouths, it is what the embedded model is trained on, and the report holds
the picture against it. numpy only.
"""

from __future__ import annotations

import numpy as np

_STEPS = 200  # levels a second
_WINDOW = 0.025  # seconds: longer than the pitch period of the lowest voice, shorter than a consonant
_VOWEL_BAND = (150.0, 3000.0)  # Hz: the first formants; a hiss or a rumble is no open mouth
_SECOND_FORMANTS, _FIRST_FORMANTS = (1400.0, 3200.0), (250.0, 1100.0)  # Hz
_SPREAD_RANGE = 12.0  # dB of their ratio around its median between the roundest and the widest mouth
_SPREAD_TIME = 0.08  # seconds over which lips come round
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
    samples = np.asarray(samples, np.float32)
    if frames == 0 or samples.size == 0:
        return np.zeros(frames, np.float32)
    (level,) = _levels(samples, rate, _VOWEL_BAND)
    return _opening(level, fps, frames)


REST = np.array([0.0, 0.5], np.float32)
"""The shape of a mouth that says nothing: shut, neither round nor wide."""


def mouth_shape(samples: np.ndarray, rate: int, fps: float, frames: int) -> np.ndarray:
    """Opening and spread of a speaker's mouth in each of `frames` frames: float32 [frames, 2], both in 0..1.

    The opening is `mouth_opening`'s. Spread is 0 for lips as round as in "oo" and 1 for lips as wide as in "ee": the
    level of 1400 to 3200 Hz over that of 250 to 1100 Hz, in dB around its median over the speech (round lips lower the
    second formant: Stevens, Acoustic Phonetics, 1998, 6.2), 12 dB for the whole range, smoothed over 80 ms. Lips that
    are shut go back to REST.
    """
    shape = np.tile(REST, (frames, 1))
    samples = np.asarray(samples, np.float32)
    if frames == 0 or samples.size == 0:
        return shape
    level, second, first = _levels(samples, rate, _VOWEL_BAND, _SECOND_FORMANTS, _FIRST_FORMANTS)
    shape[:, 0] = _opening(level, fps, frames)
    voiced = level > max(level.max() - _OPENING_RANGE, _SILENCE)
    if voiced.any():
        ratio = second - first
        offset = np.where(voiced, (ratio - np.median(ratio[voiced])) / _SPREAD_RANGE, 0).clip(-0.5, 0.5)
        window = np.hanning(int(_SPREAD_TIME * _STEPS) + 2)[1:-1]
        offset = np.convolve(offset, window / window.sum(), "full")[(len(window) - 1) // 2 :][: len(offset)]
        shape[:, 1] += _frame_means(offset, fps, frames)
    return shape


def _opening(level: np.ndarray, fps: float, frames: int) -> np.ndarray:
    if level.max() < _SILENCE:
        return np.zeros(frames, np.float32)
    active = level[level > max(level.max() - _ACTIVE_RANGE, _SILENCE)]
    curve = np.clip(1 + (level - np.percentile(active, _LOUD_PERCENTILE)) / _OPENING_RANGE, 0, 1)
    return _frame_means(_limit_slope(curve), fps, frames)


def _levels(samples: np.ndarray, rate: int, *bands: tuple[float, float]) -> list[np.ndarray]:
    """Level in dBFS of each band around the times k / 200 s, [K] each."""
    size = int(_WINDOW * rate) // 2 * 2
    steps = int(np.ceil(len(samples) / rate * _STEPS)) + 1
    centres = np.round(np.arange(steps) * rate / _STEPS).astype(int)
    padded = np.pad(samples, (size // 2, size))
    window = np.hanning(size).astype(np.float32)
    pieces = np.lib.stride_tricks.sliding_window_view(padded, size)[np.minimum(centres, len(samples))]
    spectrum = np.fft.rfft(pieces * window, axis=-1)
    frequencies = np.fft.rfftfreq(size, 1 / rate)
    scale = 2 / (size * np.square(window).sum())
    power = [
        scale * np.square(np.abs(spectrum[:, (frequencies >= low) & (frequencies <= high)])).sum(-1)
        for low, high in bands
    ]
    return [10 * np.log10(each + 1e-12) for each in power]


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
