"""One film of the protocol, measured: plain data that JSON can hold. How it is summed up is in `summary`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from benchmarks.large_models.protocol import Family, planned
from kling_core.continuity.check import chosen_listener, on_the_plans_clock
from kling_core.continuity.cuts import measure_cuts
from kling_core.continuity.faces import FaceReader
from kling_core.continuity.identity import FACE_INSTRUMENT, INSTRUMENT, measure_identity
from kling_core.continuity.voices import measure_voices
from kling_core.elements.element import Cast
from kling_core.elements.voice_slice import cleanest
from kling_core.errors import KlingError, Problem
from kling_core.media import Video
from kling_core.plan.plan import Plan
from kling_core.previz.reader import Reader
from kling_core.sound.speech import SpokenLine, speak

_SHAPE, _TOLERANCE = 16 / 9, 0.05


class Instruments:
    """What measures people and voices. Raises KlingError where the package that tells faces is not installed."""

    def __init__(self, puppets: bool):
        self.reader = Reader.load() if puppets else FaceReader()
        self.listener = chosen_listener(photographic=not puppets)
        self.names = {"identity": INSTRUMENT if puppets else FACE_INSTRUMENT, "voices": self.listener.name}


def measure(film: Video, family: Family, cast: Cast, seed: int, instruments: Instruments) -> dict[str, Any]:
    """identity: how many were looked for, and a row for everybody that was found; shots count from 0. voices: a row a
    line, None for a silent film. cuts: a row for every planned one, frames of the plan.

    Pictures are read at the film's own size, since faces are told by details that a smaller one has lost. The bound
    cast is what a control is held against, too. Raises KlingError for a film that cannot be of the family's plan.
    """
    height, width = film.frames.shape[1:3]
    if abs(width / height / _SHAPE - 1) > _TOLERANCE:
        remedy = "Take out what crops or pads it."
        raise KlingError(Problem("film", f"is {width} x {height}, where 16:9 was asked for", remedy))
    plan = planned(family, cast, seed, (width, height))
    frames = on_the_plans_clock(film.frames, film.fps, plan)
    people = measure_identity(frames, plan, cast, reader=instruments.reader)
    cuts = measure_cuts(frames, plan)
    return {
        "film": {"width": width, "height": height, "frames": len(film.frames), "fps": round(film.fps, 3)},
        "identity": {
            "looked for": sum(len(shot.subjects) for shot in plan.shots),
            "found": [
                {"shot": one.shot, "subject": one.subject, "score": round(one.score, 4), "swapped": one.swapped,
                 "alone": len(plan.shots[one.shot].subjects) == 1}
                for one in people
            ],
        },
        "voices": _voices(film, plan, family, cast, instruments),
        "cuts": [asdict(cut) for cut in cuts.cuts],
        "too many cuts": list(cuts.too_many),
    }  # fmt: skip


def _voices(
    film: Video, plan: Plan, family: Family, cast: Cast, instruments: Instruments
) -> list[dict[str, Any]] | None:
    if film.sound is None:
        return None
    speech = _as_recorded(plan, cast) if family.speaks else speak(plan, cast)
    lines = measure_voices(film.sound, film.rate, plan, cast, speech, instruments.listener)
    return [asdict(line) for line in lines]


def _as_recorded(plan: Plan, cast: Cast) -> tuple[SpokenLine, ...]:
    """Each line as its speaker's own recording sounds, over the whole of its shot.

    A large model has the recording to go by, and speaks somewhen in the shot: each shot of the protocol has one line,
    so whatever is spoken in it is that line.
    """
    return tuple(_recorded(plan, cast, line.index, line.shot, line.speaker) for line in plan.lines)


def _recorded(plan: Plan, cast: Cast, index: int, shot: int, speaker: str) -> SpokenLine:
    voice, fps = cast[speaker].voice, plan.grid.fps
    seconds = plan.shots[shot].frames / fps
    start = round(cleanest(voice.samples, voice.sample_rate, seconds, seconds)[0] * voice.sample_rate)
    samples = voice.samples[start: start + round(seconds * voice.sample_rate)]
    return SpokenLine(index, speaker, plan.shots[shot].start / fps, samples, voice.sample_rate)
