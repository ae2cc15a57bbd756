"""Voices and beds of sound for training: made once, then cut from at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from kling_core.plan.plan import PlannedShot
from kling_core.previz.audio_codec import AudioCodec
from kling_core.previz.world import GRID
from kling_core.sound.ambience import ambience
from kling_core.sound.envelope import REST, mouth_shape
from kling_core.sound.murmur import murmur

_LINE_SECONDS, _BED_SECONDS = 6.0, 24.0
_SYLLABLES = "ka to mi ra ne so lu di pa we ho chi ban gor tel mun sa ri fo ny"


@dataclass(frozen=True)
class Talk:
    """What is said in a shot of F frames. speaker: None if nobody speaks; mouth: [F, 2] opening and spread;
    loud: [F] bool, somebody is heard; rows: [F, 320] log-mel of the speech."""

    speaker: str | None
    mouth: np.ndarray
    loud: np.ndarray
    rows: torch.Tensor


class SoundBank:
    """Spoken lines and ambience beds as log-mel rows."""

    def __init__(self, rng: np.random.Generator, lines: int = 120):
        codec = AudioCodec()
        frames = int(_LINE_SECONDS * GRID.fps)
        self.lines = []
        for _ in range(lines):
            sound = _line(rng)
            mouth = mouth_shape(sound, GRID.audio_rate, GRID.fps, frames)
            self.lines.append((mouth, codec.rows(torch.from_numpy(np.stack([sound, sound])), frames)))
        self.silence = codec.rows(torch.zeros(2, 1), 1)
        self.codec, self.beds = codec, {}

    def talk(self, rng: np.random.Generator, shot: PlannedShot) -> Talk:
        """A random line for the first person of the shot who talks."""
        speaker = next((each.subject for each in shot.performances if each.verb == "talk"), None)
        rows = self.silence.repeat(shot.frames, 1)
        mouth = np.tile(REST, (shot.frames, 1))
        if speaker is None:
            return Talk(None, mouth, np.zeros(shot.frames, bool), rows)
        line, line_rows = self.lines[rng.integers(len(self.lines))]
        start = int(rng.integers(0, max(1, min(12, shot.frames // 2))))
        count = min(len(line), shot.frames - start)
        mouth[start:start + count] = line[:count]
        rows[start:start + count] = line_rows[:count]
        loud = np.zeros(shot.frames, bool)
        loud[start:start + count] = True
        return Talk(speaker, mouth, loud, rows)

    def bed(self, rng: np.random.Generator, place: str, hour: str, times: np.ndarray) -> torch.Tensor:
        """Ambience rows [len(times), 320] of a place at times in seconds."""
        key = (place, hour)
        if key not in self.beds:
            sound = ambience(place, hour, _BED_SECONDS, GRID.audio_rate, int(rng.integers(1 << 30)))
            self.beds[key] = self.codec.rows(torch.from_numpy(sound), int(_BED_SECONDS * GRID.fps))
        bed = self.beds[key]
        return bed[torch.from_numpy(np.round(times * GRID.fps).astype(int) % len(bed))]


def _line(rng: np.random.Generator) -> np.ndarray:
    words = rng.choice(_SYLLABLES.split(), int(rng.integers(8, 30)))
    said = "".join(str(word) + str(rng.choice(("", " ", " ", ", "))) for word in words) + "."
    seconds = float(rng.uniform(2.5, _LINE_SECONDS))
    sound = murmur(said, float(rng.uniform(80, 320)), seconds, GRID.audio_rate, int(rng.integers(1 << 30)))
    return np.pad(sound, (0, int(_LINE_SECONDS * GRID.audio_rate) - len(sound)))
