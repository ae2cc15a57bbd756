"""The lines of a plan, spoken: each by the voice of its speaker, at its time, in its time."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np

from kling_core.elements.element import Cast
from kling_core.elements.voice_checks import at_rate
from kling_core.plan.plan import Plan, PlannedLine
from kling_core.sound.murmur import murmur, usual_formant_scale
from kling_core.sound.synthesizers import RATE, Synthesizer, synthesizer
from kling_core.sound.vocoder import Manner, Speech, timbre_towards
from kling_core.sound.voices import CastVoice, cast_voices

_FASTEST = 1.35  # times the natural pace, before a line runs over its time
_OVERRUN = 0.05  # seconds that nobody notices
_LEVEL = -24.0  # dBFS (RMS of the loud parts) of a line in a normal voice
_FORMANT_RANGE = 0.76, 1.25  # beyond it the vocoder sounds like one
_TIMBRE_SECONDS = 12  # of a recording are enough to know its long-term spectrum


@dataclass(frozen=True)
class SpokenLine:
    """A line as it is heard. index: of the PlannedLine. start: seconds from the start of the film.

    samples: [N] float32, mono. voice: what spoke. note: what a user should know about it, or "".
    """

    index: int
    speaker: str
    start: float
    samples: np.ndarray
    sample_rate: int
    voice: str = ""
    note: str = ""

    @property
    def stop(self) -> float:
        return self.start + len(self.samples) / self.sample_rate


@dataclass(frozen=True)
class _Delivery:
    """pace: factor on the speed. level: dB. liveliness: factor on the range of the melody."""

    pace: float = 1.0
    level: float = 0.0
    liveliness: float = 1.0
    whispered: bool = False


_DELIVERIES = (
    (r"whisper|under \w+ breath|susurr|低声|悄悄|小声|ささや|囁|속삭", _Delivery(0.92, -9, 1.0, whispered=True)),
    (r"shout|yell|scream|call(s|ing)? out|grita|大声|大喊|叫|외치", _Delivery(1.0, 5, 1.3)),
    (r"soft|quiet|gent|murmur|mumbl|suave|轻声|静か|조용", _Delivery(0.97, -5, 0.9)),
    (r"excit|joy|happ|cheer|delight|laugh|emocionad|alegre|激动|兴奋|嬉し|신나", _Delivery(1.08, 2, 1.35)),
    (r"\bsad|sob|weep|tearful|\bcry|tired|wear[yi]|triste|难过|悲|슬프", _Delivery(0.9, -2, 0.75)),
    (r"angr|furious|rage|enfadad|生气|愤怒|怒|화나", _Delivery(1.05, 3, 1.15)),
    (r"slow|hesitan|halting|thoughtful|lent[ao]|despacio|慢|ゆっくり|천천히", _Delivery(0.82)),
    (r"\bfast|quick|rapid|hurr|breathless|rápid|快|急|빠르", _Delivery(1.2)),
    (r"monoton|\bflat|\bcalm|bored|tranquil|平静|冷静|차분", _Delivery(1.0, 0, 0.6)),
)


class _Actor:
    """Turns a synthesizer's voice into that of one member of the cast."""

    def __init__(self, voice: CastVoice):
        self.voice = voice

    @cached_property
    def _recorded(self) -> Speech | None:
        recording = self.voice.recording
        if recording is None:
            return None
        enough = recording.samples[: _TIMBRE_SECONDS * recording.sample_rate]
        return Speech(at_rate(replace(recording, samples=enough), RATE).samples, RATE)

    def play(self, samples: np.ndarray, base: Speech, delivery: _Delivery) -> np.ndarray:
        """samples: [N] at 24 kHz, spoken by the voice that `base` is an example of. [about N]"""
        size = self.voice.formant_scale / usual_formant_scale(base.pitch)
        formants = float(np.clip(size, *_FORMANT_RANGE))
        timbre = None
        if self._recorded is not None:
            timbre = timbre_towards(self._recorded, base, formants, self.voice.recording.sample_rate / 2)
        manner = Manner(self.voice.pitch, formants, delivery.liveliness, timbre, delivery.whispered)
        return Speech(samples, RATE).spoken(manner)


def speak(plan: Plan, cast: Cast) -> tuple[SpokenLine, ...]:
    """Every line of the plan, in order, as mono sound at 24 kHz.

    A line in a language that a synthesizer here speaks is spoken, first at its natural pace; where that takes longer
    than the plan gave it, up to 1.35 times faster, and then it runs over and says so in its note. Other lines are
    murmured, exactly in their time. Deterministic.
    """
    voices = cast_voices(cast, (line.speaker for line in plan.lines))
    actors = {name: _Actor(voice) for name, voice in voices.items()}
    return tuple(_speak_line(line, actors[line.speaker]) for line in plan.lines)


def _speak_line(line: PlannedLine, actor: _Actor) -> SpokenLine:
    delivery, voice = _delivery(line.delivery), actor.voice
    speaker, note = synthesizer(line.language)
    samples = np.zeros(0, np.float32)
    if speaker:
        base = speaker.nearest_voice(voice.pitch)
        name = f"{speaker.name} {base}"
        samples, note = _in_time(speaker, line, base, delivery.pace)
    if len(samples):
        samples = actor.play(samples, _base_voice(speaker, base), delivery)
    else:
        name = "murmur"
        # Seeded by the shot, not by the line: a line more elsewhere leaves the mouths of a shot that stays in a retake.
        samples = murmur(line.text, voice.pitch, line.stop - line.start, RATE, line.shot, voice.formant_scale)
        note = f"line {line.index + 1} is murmured: {note or 'nothing in it can be spoken'}"
    samples = _levelled(samples, _LEVEL + delivery.level)
    return SpokenLine(line.index, line.speaker, line.start, samples, RATE, f"{name}, {voice.pitch:.0f} Hz", note)


def _in_time(speaker: Synthesizer, line: PlannedLine, base: str, pace: float) -> tuple[np.ndarray, str]:
    """The line at the pace of its delivery, or faster if it must be, and what to say if that does not suffice."""
    time = line.stop - line.start
    samples = speaker.say(line.text, base, pace)
    if len(samples) / RATE > time + _OVERRUN:
        needed = len(samples) / RATE / time
        samples = speaker.say(line.text, base, pace * min(1.03 * needed, _FASTEST))
    over = len(samples) / RATE - time
    note = f"line {line.index + 1} runs {over:.1f} s over its {time:.1f} s" if over > _OVERRUN else ""
    return samples, note


@cache
def _base_voice(speaker: Synthesizer, base: str) -> Speech:
    return Speech(speaker.say(speaker.sample, base, 1.0), RATE)


def _delivery(words: str) -> _Delivery:
    found = [delivery for pattern, delivery in _DELIVERIES if re.search(pattern, words.lower())]
    return _Delivery(
        float(np.clip(np.prod([each.pace for each in found]), 0.7, 1.35)),
        float(np.clip(sum(each.level for each in found), -12, 6)),
        float(np.prod([each.liveliness for each in found])),
        any(each.whispered for each in found),
    )


def _levelled(samples: np.ndarray, level: float) -> np.ndarray:
    """The samples with their loud parts (20 ms pieces within 25 dB of the loudest) at `level` dBFS (RMS)."""
    size = RATE // 50
    pieces = samples[: len(samples) // size * size].reshape(-1, size)
    power = np.square(pieces).mean(1, dtype=np.float64) if len(pieces) else np.zeros(1)
    if not power.max() > 0:
        return samples
    loud = power[power > power.max() * 10**-2.5].mean()
    return samples * np.float32(np.sqrt(10 ** (level / 10) / loud))
