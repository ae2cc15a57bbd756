"""Single sounds that happen in a place now and then: a door bell, chalk, children far away, a rustle. numpy only.

Each takes a random generator and the sample rate and gives one mono sound [N], at most 2 s long.
"""

from __future__ import annotations

import numpy as np


def _bell(rng: np.random.Generator, rate: int) -> np.ndarray:
    """The bell over a shop's door, struck twice: partials of a small bell that fade at their own pace."""
    time = np.arange(int(1.6 * rate)) / rate
    sound = np.zeros(len(time))
    for stroke in (0.0, rng.uniform(0.12, 0.22)):
        since = np.clip(time - stroke, 0, None)
        for ratio, height, decay in ((1.0, 1.0, 4.0), (2.4, 0.5, 7.0), (3.9, 0.25, 12.0)):
            sound += height * (time >= stroke) * np.exp(-decay * since) * np.sin(2 * np.pi * 1480 * ratio * since)
    end = np.minimum((time[-1] - time) / 0.1, 1)
    return 10 ** (rng.uniform(-48, -44) / 20) * sound * end


def _chalk(rng: np.random.Generator, rate: int) -> np.ndarray:
    """A word on the board: a few strokes, each a tap and a scrape."""
    sound = np.zeros(int(1.9 * rate))
    begin = 0.0
    for _ in range(rng.integers(3, 7)):
        length = rng.uniform(0.08, 0.2)
        time = np.arange(int(length * rate)) / rate
        shape = np.exp(-time * 120) + 0.3 * np.sin(np.pi * time / length)
        stroke = _band(rng, len(time), rate, 1800, 6500) * shape
        at = int(begin * rate)
        sound[at : at + len(stroke)] += stroke
        begin += length + rng.uniform(0.02, 0.1)
    return 10 ** (rng.uniform(-46, -41) / 20) * sound


def _children(rng: np.random.Generator, rate: int) -> np.ndarray:
    """A far call in a playground: a gliding voice of one or two syllables, its overtones dulled by the distance."""
    length = rng.uniform(0.35, 0.9)
    time = np.arange(int(length * rate)) / rate
    progress = time / length
    pitch = rng.uniform(380, 620) * (1 + rng.uniform(0.05, 0.3) * np.sin(np.pi * progress))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = sum(height * np.sin(number * phase) for number, height in ((1, 1.0), (2, 0.6), (3, 0.2)))
    syllables = np.square(np.sin(np.pi * progress * rng.integers(1, 3)))
    return 10 ** (rng.uniform(-62, -54) / 20) * voice * syllables


def _rustle(rng: np.random.Generator, rate: int) -> np.ndarray:
    """Somebody moves in a seat: soft noise that swells and goes."""
    length = rng.uniform(0.3, 0.9)
    size = int(length * rate)
    swell = np.square(np.sin(np.pi * (np.arange(size) + 0.5) / size))
    return 10 ** (rng.uniform(-56, -48) / 20) * swell * _band(rng, size, rate, 300, 2600)


def _band(rng: np.random.Generator, size: int, rate: int, low: float, high: float) -> np.ndarray:
    """White noise between two frequencies, RMS 1. [size]"""
    spectrum = np.fft.rfft(rng.standard_normal(size))
    frequency = np.fft.rfftfreq(size, 1 / rate)
    noise = np.fft.irfft(spectrum * ((frequency > low) & (frequency < high)), size)
    return noise / np.sqrt(np.square(noise).mean() + 1e-12)


HAPPENINGS = {"bell": _bell, "chalk": _chalk, "children": _children, "rustle": _rustle}
