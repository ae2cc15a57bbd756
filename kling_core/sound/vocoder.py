"""Give speech another person's pitch, vocal tract and timbre, with the WORLD vocoder (extra [speech]).

WORLD (Morise, Yokomori & Ozawa 2016) takes speech apart into fundamental, spectral envelope and aperiodicity; each is
changed by itself and the speech put together again. Measured with Resemblyzer on the LibriVox reader of
pocketsphinx-testdata: a synthetic female voice resembles him by .52 as it is, by .67 with his pitch and a vocal tract
of the usual length for it, and by .75 with his long-term spectrum too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kling_core.elements.pitch import HIGHEST, LOWEST

_TIMBRE_LIMIT = 13.0  # dB
_TIMBRE_SMOOTHING = 6  # bins to each side, 140 Hz at 24 kHz: formants stay, single harmonics do not count
_TIMBRE_BAND = 0.9  # of the recording's own bandwidth


@dataclass(frozen=True)
class Manner:
    """What is asked of a voice. pitch: Hz. formants: factor on all formants. liveliness: factor on the melody's range.

    timbre: correction of the envelope in nepers of power on `Speech.frequencies`, or None. whispered: without voice.
    """

    pitch: float
    formants: float = 1.0
    liveliness: float = 1.0
    timbre: np.ndarray | None = None
    whispered: bool = False


class Speech:
    """Speech [N] taken apart by WORLD, in frames of 5 ms."""

    def __init__(self, samples: np.ndarray, rate: int):
        import pyworld

        self._samples = np.ascontiguousarray(samples, np.float64)
        self.rate = rate
        coarse, self._times = pyworld.dio(self._samples, rate, f0_floor=LOWEST, f0_ceil=HIGHEST)
        self.fundamental = pyworld.stonemask(self._samples, coarse, self._times, rate)
        self.envelope = pyworld.cheaptrick(self._samples, self.fundamental, self._times, rate)
        voiced = self.fundamental[self.fundamental > 0]
        self.pitch = float(np.median(voiced)) if len(voiced) else None

    @cached_property
    def aperiodicity(self) -> np.ndarray:
        import pyworld

        return pyworld.d4c(self._samples, self.fundamental, self._times, self.rate)

    @cached_property
    def frequencies(self) -> np.ndarray:
        return np.linspace(0, self.rate / 2, self.envelope.shape[1])

    @cached_property
    def long_term(self) -> np.ndarray | None:
        """Mean log power of the voiced frames, each at the same loudness, [K]; None if nothing is voiced."""
        voiced = self.envelope[self.fundamental > 0]
        if not len(voiced):
            return None
        return np.log(voiced / voiced.mean(1, keepdims=True) + 1e-9).mean(0)

    def spoken(self, manner: Manner) -> np.ndarray:
        """Put together in another manner: float32 [about N], its median pitch that of the manner."""
        envelope = _stretched(self.envelope, manner.formants)
        if manner.timbre is not None:
            envelope = envelope * np.exp(manner.timbre)
        aperiodicity = np.clip(_stretched(self.aperiodicity, manner.formants), 0, 1)
        if manner.whispered or self.pitch is None:
            return self._synthesised(0 * self.fundamental, envelope, np.ones_like(aperiodicity))
        melody = (self.fundamental / self.pitch) ** manner.liveliness
        return self._synthesised(manner.pitch * melody, envelope, aperiodicity)

    def _synthesised(self, fundamental: np.ndarray, envelope: np.ndarray, aperiodicity: np.ndarray) -> np.ndarray:
        import pyworld

        parts = (np.ascontiguousarray(part) for part in (fundamental, envelope, aperiodicity))
        return pyworld.synthesize(*parts, self.rate).astype(np.float32)


def timbre_towards(wanted: Speech, given: Speech, formants: float, bandwidth: float) -> np.ndarray | None:
    """What to add to the log envelope of `given`, its formants scaled by `formants`, to resemble `wanted`. [K]

    Only up to `bandwidth` Hz, what the recording of `wanted` has to say about it. None if one of them has no voice.
    """
    if wanted.long_term is None or given.long_term is None:
        return None
    difference = _smooth(wanted.long_term) - _smooth(_stretched(given.long_term, formants))
    limit = _TIMBRE_LIMIT * np.log(10) / 10
    known = np.clip((bandwidth * _TIMBRE_BAND - wanted.frequencies) / 500, 0, 1)
    return np.clip(difference, -limit, limit) * known


def _stretched(spectra: np.ndarray, factor: float) -> np.ndarray:
    """Move what is at f to factor * f, for spectra [..., K]."""
    last = spectra.shape[-1] - 1
    place = np.clip(np.arange(last + 1) / factor, 0, last)
    below = np.minimum(place.astype(int), last - 1)
    share = place - below
    return spectra[..., below] * (1 - share) + spectra[..., below + 1] * share


def _smooth(spectrum: np.ndarray) -> np.ndarray:
    window = np.hanning(2 * _TIMBRE_SMOOTHING + 3)[1:-1]
    return np.convolve(np.pad(spectrum, _TIMBRE_SMOOTHING, "edge"), window / window.sum(), "valid")
