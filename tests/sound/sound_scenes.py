"""Small plans for the tests of this room, made by hand so that they need nobody else's code to be right."""

from __future__ import annotations

import numpy as np

from kling_core.plan.blocking import block_shot
from kling_core.plan.grid import Grid, Lattice
from kling_core.plan.plan import Performance, Plan, PlannedLine, PlannedShot

GRID = Grid(fps=12, lattice=Lattice((4,)), spatial_stride=8, sizes={"16:9": (128, 72)}, audio_rate=24000)


def line(index, speaker, text, start, stop, *, shot=0, language="en", delivery=""):
    return PlannedLine(index, shot, speaker, text, language, delivery, start, stop)


def scene(lines, *, shots=(60,), people=(("mira", "left"), ("tom", "right"))):
    """A plan of shots of so many frames each, with the people in all of them."""
    planned, start = [], 0
    for index, frames in enumerate(shots):
        cast = tuple(Performance(name, "talk", position=position) for name, position in people)
        planned.append(
            PlannedShot(index, start, start + frames, "medium", "eye", "park", "day", cast, ())
        )
        start += frames
    blocking = tuple(block_shot(shot, GRID.fps, 16 / 9) for shot in planned)
    names = tuple(name for name, _ in people)
    return Plan("test", "16:9", GRID, names, tuple(planned), tuple(lines), blocking)


def buzz(pitch, seconds, rate=24000):
    """A voice-like sound: harmonics under a fixed formant at 700 Hz, with a little vibrato. float32 [N]"""
    time = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * pitch * time + 0.5 * np.sin(2 * np.pi * 5 * time)
    harmonics = range(1, int(8000 / pitch))
    tones = sum(np.sin(k * phase) / (1 + ((k * pitch - 700) / 150) ** 2) ** 0.5 / k**0.3 for k in harmonics)
    return (0.3 * tones / np.abs(tones).max()).astype(np.float32)
