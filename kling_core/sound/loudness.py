"""How loud a sound is and how high it peaks, after ITU-R BS.1770, and a limiter that keeps both. numpy only.

torchaudio has the same measure, but the filters it is made of run in a Python loop where its compiled part is absent:
six seconds for each second of sound. Here they are applied to the spectrum.
"""

from __future__ import annotations

import numpy as np

# BS.1770-5, annex 1, tables 1 and 2: numerator and denominator of the head's shelf and of the high pass, at 48 kHz.
_FILTER_RATE = 48_000
_K_WEIGHTING = (
    ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)),
    ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)),
)
_OFFSET = -0.691
_BLOCK, _STEP = 0.4, 0.1  # seconds
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0
_TAIL = 0.5  # seconds until the high pass has died away
_PEAK_RATE = 192_000  # annex 2: four times 48 kHz
_CONTROL_RATE = 1000  # gains a second
_REACH = 10  # of these: a gain is down this long before a peak and after it, so that it never follows a single wave
_ROUNDS, _NEAR_ENOUGH = 6, 0.05


def loudness(sound: np.ndarray, rate: int) -> float:
    """Integrated loudness of [C, N] in LUFS, one or two channels; -inf if nothing reaches the gate at -70.

    The filters are those of 48 kHz at every rate. A sound shorter than a block of 400 ms is one block.
    """
    length = sound.shape[1]
    if length == 0:
        return -np.inf
    energy = np.square(_k_weighted(sound, rate)).sum(0)
    sums = np.concatenate([[0.0], np.cumsum(energy)])
    block = min(round(_BLOCK * rate), length)
    starts = np.arange(0, length - block + 1, round(_STEP * rate))
    power = (sums[starts + block] - sums[starts]) / block
    power = power[power > _power_of(_ABSOLUTE_GATE)]
    if not len(power):
        return -np.inf
    power = power[power > power.mean() * 10 ** (_RELATIVE_GATE / 10)]
    return float(_OFFSET + 10 * np.log10(power.mean()))


def true_peak(sound: np.ndarray, rate: int) -> float:
    """Highest level of [C, N] between and at its samples, in dBTP; -inf for silence."""
    peak = np.abs(_oversampled(sound, _oversampling(rate))).max(initial=0.0)
    return float(20 * np.log10(peak)) if peak > 0 else -np.inf


def levelled(sound: np.ndarray, rate: int, target: float, ceiling: float, most_gain: float) -> np.ndarray:
    """[C, N] at `target` LUFS and no peak over `ceiling` dBTP, both channels alike; float32.

    What the limiter takes away in loudness is made up for by more gain, as far as that is possible: `ceiling` always
    holds, and no gain is above `most_gain` dB. Silence stays as it is.
    """
    measured = loudness(sound, rate)
    if not np.isfinite(measured):
        return sound.astype(np.float32)
    peaks, gain = _peaks(sound, rate), min(target - measured, most_gain)
    result = sound * _gains(peaks, gain, ceiling, rate, sound.shape[1])
    for _ in range(_ROUNDS):
        missing = min(target - loudness(result, rate), most_gain - gain)
        if abs(missing) < _NEAR_ENOUGH:
            break
        gain += missing
        result = sound * _gains(peaks, gain, ceiling, rate, sound.shape[1])
    over = max(true_peak(result, rate) - ceiling, 0.0)  # a few hundredths: the gain moves while a wave passes
    return (result * 10 ** (-over / 20)).astype(np.float32)


def _power_of(level: float) -> float:
    return 10 ** ((level - _OFFSET) / 10)


def _k_weighted(sound: np.ndarray, rate: int) -> np.ndarray:
    size = _fast_size(sound.shape[1] + round(_TAIL * rate))
    frequency = np.minimum(np.fft.rfftfreq(size, 1 / rate), _FILTER_RATE / 2)
    delay = np.exp(-2j * np.pi * frequency / _FILTER_RATE)
    response = np.ones(len(frequency), complex)
    for above, below in _K_WEIGHTING:
        response *= np.polyval(above[::-1], delay) / np.polyval(below[::-1], delay)
    return np.fft.irfft(np.fft.rfft(sound, size) * response, size)[:, : sound.shape[1]]


def _oversampling(rate: int) -> int:
    return -(-_PEAK_RATE // rate)


def _oversampled(sound: np.ndarray, factor: int) -> np.ndarray:
    """[C, N] with more samples in between: the spectrum, continued with zeros. [C, factor * N]"""
    length = sound.shape[1]
    size = _fast_size(length + 256)  # the end must not ring into the beginning
    fine = np.fft.irfft(np.fft.rfft(sound, size), size * factor) * factor
    return fine[:, : length * factor]


def _peaks(sound: np.ndarray, rate: int) -> np.ndarray:
    """Highest level, as a factor, in each piece of a millisecond. [K]"""
    factor = _oversampling(rate)
    size = _piece(rate) * factor
    level = np.abs(_oversampled(sound, factor)).max(0)
    return np.pad(level, (0, -len(level) % size)).reshape(-1, size).max(1)


def _gains(peaks: np.ndarray, gain: float, ceiling: float, rate: int, length: int) -> np.ndarray:
    """`gain` (dB) as a factor for each of `length` samples, less where the peaks would go over `ceiling`. [N]

    Every piece's gain is the lowest within _REACH pieces, then smoothed over one piece less to either side: so neither
    the smoothing nor the straight lines between pieces lift it over what the piece itself can bear.
    """
    factor = 10 ** (gain / 20)
    bearable = np.minimum(factor, 10 ** (ceiling / 20) / np.maximum(peaks, 1e-12))
    around = np.pad(bearable, _REACH, mode="edge")
    lowest = np.lib.stride_tricks.sliding_window_view(around, 2 * _REACH + 1).min(1)
    window = np.hanning(2 * _REACH + 1)[1:-1]
    smooth = np.convolve(np.pad(lowest, _REACH - 1, mode="edge"), window / window.sum(), "valid")
    middles = (np.arange(len(peaks)) + 0.5) * _piece(rate)
    return np.interp(np.arange(length) + 0.5, middles, smooth)


def _fast_size(length: int) -> int:
    """At least `length`, and without the large prime factors that slow a Fourier transform down."""
    return -(-length // 4096) * 4096


def _piece(rate: int) -> int:
    """Samples in a piece."""
    return max(1, rate // _CONTROL_RATE)
