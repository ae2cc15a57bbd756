"""The film's sound: lines where their speakers stand, ambience below them, at a standard loudness. numpy only."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from kling_core.plan.plan import Plan
from kling_core.sound.loudness import levelled, loudness
from kling_core.sound.speech import SpokenLine

LOUDNESS, TRUE_PEAK = -16.0, -1.0
_MOST_GAIN = 24.0  # dB: enough for a film of whispers, too little to make a studio's hiss a storm
_OFF_SCREEN = 0.6
_PAN_WIDTH = 0.8  # of the way from ear to ear: who stands at the edge is still heard by both
_UNDER_SPEECH = 20.0  # LU
_UNDER_PROGRAMME = 13.0  # LU: the measure gates out what is 10 below the mean
_DUCKED, _DUCKING, _RECOVERY = 0.5, 0.15, 0.4  # factor; seconds before a line and after it
_CROSSING = 0.02  # seconds
_EDGE = 0.01  # seconds of fading at both ends of the film, so that they do not click


def mix(plan: Plan, speech: tuple[SpokenLine, ...], ambience: np.ndarray) -> np.ndarray:
    """Stereo sound float32 [2, N] of the film at LOUDNESS LUFS (ITU-R BS.1770), true peak at most TRUE_PEAK dB.

    speech and ambience (float32 [2, N]) are at the grid's rate; ambience that is too short ends in silence. A line
    follows its speaker's head across the screen, at constant power; who is off screen speaks from the middle, a little
    softer. Ambience is 20 LU below the lines or more, and halved under them. Sound is raised by 24 dB at most:
    where nobody speaks, a quiet place stays quiet. Where peak limit and loudness cannot both hold, the peak limit does.
    """
    rate, length = plan.grid.audio_rate, round(plan.seconds * plan.grid.audio_rate)
    time = np.arange(length) / rate
    lines = np.zeros((2, length))
    for line in speech:
        if line.sample_rate != rate:
            raise ValueError(f"speech must be at {rate} Hz, this line is at {line.sample_rate} Hz")
        start = round(line.start * rate)
        samples = line.samples[: max(0, length - start)]
        here = slice(start, start + len(samples))
        lines[:, here] += _sides(plan, line, time[here]) * samples
    bed = np.zeros((2, length))
    bed[:, : ambience.shape[1]] = ambience[:, :length]
    before = loudness(lines, rate)
    if np.isfinite(before):
        # The peaks of the lines are limited first, and the ambience put below what is left of them.
        lines = levelled(lines, rate, LOUDNESS, TRUE_PEAK, _MOST_GAIN)
        after = loudness(lines, rate)
        below = after - _distance(speech, plan.seconds) - loudness(bed, rate)
        bed *= 10 ** (min(after - before, below) / 20)
    sound = lines + bed * _ducking(speech, time)
    sound *= np.clip(np.minimum(time, time[::-1]) / _EDGE, 0, 1)
    return levelled(sound, rate, LOUDNESS, TRUE_PEAK, _MOST_GAIN)


def spliced(plan: Plan, sound: np.ndarray, earlier: np.ndarray, shots: Iterable[int]) -> np.ndarray:
    """`sound` in the 0-based `shots` and `earlier` everywhere else, to the bit; both float32 [2, N].

    Where the one passes into the other they cross within the shots, in 20 ms. Each is at the loudness of its own mix.
    """
    rate, time = plan.grid.audio_rate, (np.arange(sound.shape[1]) + 0.5) / plan.grid.audio_rate
    new = np.zeros(sound.shape[1])
    for start, stop in _runs(plan, shots):
        begin = 1.0 if start == 0 else np.clip((time - start) / _CROSSING, 0, 1)
        end = 1.0 if stop >= len(time) / rate else np.clip((stop - time) / _CROSSING, 0, 1)
        new = np.maximum(new, np.minimum(begin, end) * ((time > start) & (time < stop)))
    crossed = (1 - new) * earlier + new * sound
    return np.where(new == 0, earlier, np.where(new == 1, sound, crossed)).astype(np.float32)


def _runs(plan: Plan, shots: Iterable[int]) -> list[tuple[float, float]]:
    """Start and stop, in seconds, of neighbouring shots in one."""
    runs: list[tuple[float, float]] = []
    for shot in (plan.shots[number] for number in sorted(set(shots))):
        start, stop = shot.start / plan.grid.fps, shot.stop / plan.grid.fps
        if runs and runs[-1][1] == start:
            start = runs.pop()[0]
        runs.append((start, stop))
    return runs


def _distance(speech: tuple[SpokenLine, ...], seconds: float) -> float:
    """LU between lines and ambience: more in a scene of few words, or the measure would turn up the pauses."""
    spoken = min(sum(line.stop - line.start for line in speech), seconds)
    return max(_UNDER_SPEECH, _UNDER_PROGRAMME - 10 * np.log10(spoken / seconds))


def _ducking(speech: tuple[SpokenLine, ...], time: np.ndarray) -> np.ndarray:
    """Factors for the ambience at times [N]."""
    gain = np.ones(len(time))
    for line in speech:
        knots = line.start - _DUCKING, line.start, line.stop, line.stop + _RECOVERY
        gain = np.minimum(gain, np.interp(time, knots, (1, _DUCKED, _DUCKED, 1)))
    return gain


def _sides(plan: Plan, line: SpokenLine, time: np.ndarray) -> np.ndarray:
    """Factors [2, N] of a line, left and right, at times [N]. A line that runs over its cut stays where it was."""
    number = plan.lines[line.index].shot
    shot, track = plan.shots[number], plan.blocking[number].track(line.speaker)
    seen = np.flatnonzero(track.depth > 0) if track else ()
    if not len(seen):
        return np.full((2, 1), _OFF_SCREEN * np.sqrt(0.5))
    middle = (track.head[seen, 0] + track.head[seen, 2]) / 2
    across = np.interp(time * plan.grid.fps, shot.start + seen + 0.5, np.clip(middle, 0, 1))
    angle = (0.5 + _PAN_WIDTH * (across - 0.5)) * np.pi / 2
    return np.stack([np.cos(angle), np.sin(angle)])
