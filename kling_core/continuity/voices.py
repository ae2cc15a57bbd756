"""Whose voice is in each line, heard in the film's sound.

By default a voice is known by its median pitch, which is what our own voices differ by. On true renders, each with
three strangers of random pitch (95 to 250 Hz), it names the speaker of 121 of 132 murmured lines (scenes 0 to 21 of
benchmarks/instruments.py); all others were as near to two speakers. In an earlier series it named 126 of 132 and 39
of 48 spoken ones, Resemblyzer's embeddings 112 and 38, and means of mel cepstra 20 of the first 36: these are left
out. Real voices of one pitch differ by more than that: for them there are the embeddings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kling_core.elements.element import Cast
from kling_core.elements.pitch import median_pitch
from kling_core.plan.plan import Plan, PlannedLine
from kling_core.sound.speech import SpokenLine
from kling_core.sound.voices import CastVoice, cast_voices

_SHORTEST = 0.3  # seconds of a line that nobody else talks into
NOT_MEASURED, NO_PITCH = "too short, or others talk at the same time", "has no pitch, as a whisper"
UNLIKE = "even as it should sound not like its speaker, as a word or two"


@dataclass(frozen=True)
class LineVoice:
    """One line. heard: whose voice, of the scene's speakers, is nearest to what is heard in its time; None for nobody.

    distance: to the planned speaker's voice, in the listener's own unit. margin: how much nearer that is than the
    nearest other (negative where another voice is nearer, None where there is no other). left_out: why the voice cannot
    be told, or "".
    """

    line: int
    shot: int
    speaker: str
    heard: str | None = None
    distance: float | None = None
    margin: float | None = None
    left_out: str = ""


class Listener(Protocol):
    """Tells voices apart. alike: what is nearer than this may be one voice; stranger: what is farther is not.

    error: on lines of true renders, in words.
    """

    name: str
    error: str
    alike: float
    stranger: float

    def known(self, voice: CastVoice) -> np.ndarray:
        """What a voice of the cast is known by, [D]."""

    def heard(self, samples: np.ndarray, rate: int) -> np.ndarray | None:
        """The same of a recording, [N] mono; None where no voice is in it."""

    def distance(self, one: np.ndarray, other: np.ndarray) -> float: ...


class PitchListener:
    """Median fundamental (YIN), on a scale of octaves."""

    name = "median pitch (YIN)"
    error = "names 121 of 132 speakers, the others are as near to two"
    alike, stranger = 0.1, 0.3  # octaves: a line is within .05 of its speaker's recording in nine cases of ten

    def known(self, voice: CastVoice) -> np.ndarray:
        return np.log2([voice.pitch])

    def heard(self, samples: np.ndarray, rate: int) -> np.ndarray | None:
        pitch = median_pitch(samples, rate)
        return None if pitch is None else np.log2([pitch])

    def distance(self, one: np.ndarray, other: np.ndarray) -> float:
        return float(np.abs(one - other)[0])


def measure_voices(
    sound: np.ndarray,
    rate: int,
    plan: Plan,
    cast: Cast,
    speech: tuple[SpokenLine, ...],
    listener: Listener | None = None,
) -> tuple[LineVoice, ...]:
    """Every line against the voices of everybody who speaks in the scene.

    sound: float32 [C, N] of the film at `rate`. speech: the plan's lines as they should sound; a line in which the
    listener does not find the speaker's voice even there cannot be told.
    """
    listener = listener or PitchListener()
    speakers = dict.fromkeys(line.speaker for line in plan.lines)
    voices = cast_voices(cast, speakers)
    known = {name: listener.known(voices[name]) for name in speakers}
    # Where the sound ends before the picture, there is silence.
    mono = np.pad(sound.mean(0), (0, max(0, round(plan.seconds * rate) - sound.shape[1])))
    return tuple(_measure_line(line, mono, rate, speech, known, listener) for line in plan.lines)


def _measure_line(
    line: PlannedLine,
    mono: np.ndarray,
    rate: int,
    speech: tuple[SpokenLine, ...],
    known: dict[str, np.ndarray],
    listener: Listener,
) -> LineVoice:
    spoken = next(each for each in speech if each.index == line.index)
    samples = _alone(mono, rate, spoken, speech)
    if len(samples) < _SHORTEST * rate:
        return LineVoice(line.index, line.shot, line.speaker, left_out=NOT_MEASURED)
    ideal = listener.heard(spoken.samples, spoken.sample_rate)
    if ideal is None:
        return LineVoice(line.index, line.shot, line.speaker, left_out=NO_PITCH)
    if listener.distance(ideal, known[line.speaker]) > listener.stranger:
        return LineVoice(line.index, line.shot, line.speaker, left_out=UNLIKE)
    heard = listener.heard(samples, rate)
    if heard is None:
        return LineVoice(line.index, line.shot, line.speaker)
    distances = {name: listener.distance(heard, voice) for name, voice in known.items()}
    own = distances.pop(line.speaker)
    nearest = min(distances, key=distances.__getitem__, default=None)
    margin = None if nearest is None else distances[nearest] - own
    name = line.speaker if margin is None or margin >= 0 else nearest
    return LineVoice(line.index, line.shot, line.speaker, name, own, margin)


def _alone(mono: np.ndarray, rate: int, spoken: SpokenLine, speech: tuple[SpokenLine, ...]) -> np.ndarray:
    """The samples in the time of a line, without those in which somebody else has one."""
    time = np.arange(round(spoken.start * rate), min(round(spoken.stop * rate), len(mono)))
    free = np.ones(len(time), bool)
    for other in speech:
        if other.speaker != spoken.speaker:
            free &= (time < other.start * rate) | (time >= other.stop * rate)
    return mono[time[free]]
