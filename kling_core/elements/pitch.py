"""The pitch of a voice: YIN (de Cheveigné & Kawahara, JASA 111(4), 2002), steps 1 to 5, in numpy.

Own code because the ready ones did not fit: `torchaudio.functional.detect_pitch_frequency` reads a 290 Hz tone as
145 Hz and says nothing about voicing; swift-f0 and librosa bring a runtime of tens of megabytes for one number.
"""

from __future__ import annotations

import numpy as np

LOWEST, HIGHEST = 60.0, 500.0
_HOP_SECONDS = 0.01
_DIP = 0.3
"""A frame is voiced if the normalised difference falls below this. YIN's paper uses 0.1 for singing and clean speech;
on the reading voices of our tests 0.3 is nearest to swift-f0's median."""
_LOUD_SHARE = 0.02
_FRAMES_AT_ONCE = 500


def median_pitch(samples: np.ndarray, rate: int) -> float | None:
    """Median fundamental in Hz over the voiced frames of `samples` [N] in [-1, 1], within 60 to 500 Hz.

    None if less than a tenth of the loud frames is voiced: whispering, noise, silence.
    """
    longest_lag = int(np.ceil(rate / LOWEST)) + 2
    if len(samples) < 2 * longest_lag:
        return None
    frames = np.lib.stride_tricks.sliding_window_view(samples, 2 * longest_lag)[:: int(rate * _HOP_SECONDS)]
    power = np.einsum("fn,fn->f", frames, frames, dtype=np.float64) / frames.shape[1]
    loud = power > max(_LOUD_SHARE * np.quantile(power, 0.95), 1e-10)
    pitches = [
        _pitches(frames[loud][start : start + _FRAMES_AT_ONCE], rate)
        for start in range(0, int(loud.sum()), _FRAMES_AT_ONCE)
    ]
    voiced = np.concatenate(pitches) if pitches else np.empty(0)
    if len(voiced) < 0.1 * loud.sum() or not len(voiced):
        return None
    return float(np.median(voiced))


def _pitches(frames: np.ndarray, rate: int) -> np.ndarray:
    """Pitch in Hz of those of the frames [F, N] that are voiced."""
    difference = _normalised_difference(frames.astype(np.float64))
    shortest_lag = int(rate / HIGHEST)
    found = []
    for row in difference:
        dips = np.flatnonzero(row[shortest_lag:] < _DIP)
        if not len(dips):
            continue
        lag = shortest_lag + dips[0]  # the first dip, not the deepest: no octave errors downwards
        while lag + 1 < len(row) and row[lag + 1] < row[lag]:
            lag += 1
        if lag + 1 < len(row):
            found.append(rate / (lag + _parabola_offset(row[lag - 1], row[lag], row[lag + 1])))
    return np.array(found)


def _normalised_difference(frames: np.ndarray) -> np.ndarray:
    """Cumulative mean normalised difference [F, lags] of frames [F, 2 x lags] (equations 6 and 8 of the paper)."""
    lags = frames.shape[1] // 2
    size = 1 << (frames.shape[1] + lags - 1).bit_length()
    spectrum, head = np.fft.rfft(frames, size), np.fft.rfft(frames[:, :lags], size)
    correlation = np.fft.irfft(spectrum * head.conj(), size)[:, :lags]
    running = np.cumsum(np.pad(frames**2, ((0, 0), (1, 0))), axis=1)
    energy = running[:, lags : 2 * lags] - running[:, :lags]
    difference = energy[:, :1] + energy - 2 * correlation
    mean = np.cumsum(difference[:, 1:], axis=1) / np.arange(1, lags)
    return np.pad(difference[:, 1:] / np.maximum(mean, 1e-12), ((0, 0), (1, 0)), constant_values=1.0)


def _parabola_offset(before: float, at: float, after: float) -> float:
    """Where between the neighbours of a minimum the parabola through the three points has its own, in samples."""
    bend = before - 2 * at + after
    return 0.5 * (before - after) / bend if bend > 0 else 0.0
