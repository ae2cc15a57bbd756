"""Random scenes for the benchmark: held-out people and voices, and in every scene something that can go wrong.

Training draws from seeds of 1000 and above, the benchmark's scenes from SEED. Their people have combinations of factors
that training never draws, and speak at pitches (Hz) outside those of its lines, in English instead of syllables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kling_core.elements.element import Binding, Cast, Element, Voice
from kling_core.previz.stage.casting import random_look
from kling_core.previz.stage.portraits import portraits
from kling_core.sound.murmur import murmur
from kling_core.storyboard.camera import legal_directions
from kling_core.storyboard.storyboard import EXPRESSIONS, PLACES, Storyboard

SEED = 31
KINDS = ("occlusion", "orbit", "pair", "trio", "dialogue", "camera", "pair", "camera", "dialogue", "orbit")
DRIFT_EVERY = 20  # scenes: every so many lasts 15 s
_NAMES = ("ana", "ben", "cleo")
_PITCHES = ((62.0, 78.0), (325.0, 380.0))
_VOICE_RATE, _VOICE_SECONDS = 24000, 6.0
_LINES = (
    "Look at that.", "I did not expect you.", "Come over here.", "We should go now.", "It was always like this.",
    "Nobody told me that.", "Wait a moment.", "That is a good idea.",
)  # fmt: skip
_SIZES, _SIZE_ODDS = ("wide", "full", "medium", "close"), (0.2, 0.2, 0.35, 0.25)
_VERBS = ("stand", "wave", "point", "nod", "sit", "turn", "walk")
_MOVES = {
    "dolly": (0.5, 1.0), "truck": (0.5, 1.0), "pedestal": (0.3, 0.6), "pan": (12, 25), "tilt": (7, 14), "roll": (8, 20),
    "zoom": (1.3, 1.8), "orbit": (50, 120), "follow": (1, 1), "handheld": (1, 1),
}  # fmt: skip


@dataclass(frozen=True)
class BenchmarkScene:
    """A scene to measure. kind: what it puts to the test, of KINDS or "drift"."""

    number: int
    kind: str
    storyboard: Storyboard
    cast: Cast


def benchmark_scene(number: int) -> BenchmarkScene:
    """Scene `number`, the same on every machine."""
    rng = np.random.default_rng([SEED, number])
    kind = "drift" if number % DRIFT_EVERY == DRIFT_EVERY - 1 else KINDS[number % len(KINDS)]
    shots = _Writer(rng, number).shots(kind)
    aspect = str(rng.choice(("16:9", "9:16", "1:1"), p=(0.8, 0.1, 0.1)))
    place, hour = str(rng.choice(PLACES)), str(rng.choice(("day", "sunset", "night"), p=(0.6, 0.2, 0.2)))
    storyboard = Storyboard.model_validate({"aspect": aspect, "place": place, "time_of_day": hour, "shots": shots})
    named = {name for shot in shots for name in shot["subjects"]}
    # Two at least are cast in every scene, so that a lone shot has somebody else to show by mistake.
    names = [name for name in _NAMES if name in named or name in _NAMES[:2]]
    return BenchmarkScene(number, kind, storyboard, Cast(tuple(Binding(_stranger(rng, name)) for name in names)))


def _stranger(rng: np.random.Generator, name: str) -> Element:
    look = random_look(rng, held_out=True)
    pitch = float(rng.uniform(*_PITCHES[rng.integers(2)]))
    spoken = murmur(" ".join(_LINES[:4]), pitch, _VOICE_SECONDS, _VOICE_RATE, int(rng.integers(1 << 30)))
    views = portraits(look, 256)
    return Element(name, views=views, voice=Voice(spoken, _VOICE_RATE, pitch), look=look.to_json(), origin="stage")


class _Writer:
    """Writes the shots of one scene, as the JSON of a storyboard."""

    def __init__(self, rng: np.random.Generator, number: int):
        self.rng, self.number = rng, number
        self.people = [str(name) for name in rng.permutation(_NAMES[:2])]

    def shots(self, kind: str) -> list[dict[str, Any]]:
        one, other = self.people
        lone, pair = self.lone(one), self.shot([one, other], 2)
        if kind == "occlusion":
            behind = str(self.rng.choice(("tree", "pillar")))
            walk = {"subject": one, "verb": "walk", "toward": self.side(), "behind": behind}
            passing = self.shot([one], 3, size=str(self.rng.choice(("full", "medium"))), actions=[walk])
            return [passing, self.lone(other)]
        if kind == "orbit":
            amount = float(self.rng.uniform(180, 330))
            around = {"kind": "orbit", "direction": self.side(), "amount": amount}
            return [self.shot([one], 3, size="medium", camera=[around]), self.lone(other), lone]
        if kind == "pair":
            return [pair, lone, self.shot([other, one], 2, angle=str(self.rng.choice(("eye", "over shoulder"))))]
        if kind == "trio":
            return [self.shot([one, other, _NAMES[2]], 3), self.lone(_NAMES[2]), pair]
        if kind == "dialogue":
            together = self.speaking([one, other], 2, str(self.rng.choice(("medium", "full"))))
            return [together, self.speaking([other], 2, "close"), self.speaking([one], 2, "close")]
        if kind == "camera":
            return [self.moving(one, at) for at in range(2)] + [pair]
        first = self.shot([one], 5, size="medium", actions=[{"subject": one, "verb": "stand"}])
        return [first, self.speaking([one, other], 5, "medium"), first]

    def shot(self, subjects: list[str], seconds: int, **fields: Any) -> dict[str, Any]:
        size = str(self.rng.choice(_SIZES[: 3 if len(subjects) > 1 else 4], p=self.odds(len(subjects))))
        actions = [
            {"subject": name, "verb": "stand", "expression": str(self.rng.choice(EXPRESSIONS))} for name in subjects
        ]
        return {"subjects": subjects, "seconds": seconds, "size": size, "actions": actions, **fields}

    def odds(self, people: int) -> np.ndarray:
        odds = np.array(_SIZE_ODDS[: 3 if people > 1 else 4])
        return odds / odds.sum()

    def lone(self, name: str) -> dict[str, Any]:
        verb = str(self.rng.choice(_VERBS))
        return self.shot([name], 2, actions=[{"subject": name, "verb": verb, "toward": self.side()}
                                             if verb == "walk" else {"subject": name, "verb": verb}])  # fmt: skip

    def speaking(self, subjects: list[str], seconds: int, size: str) -> dict[str, Any]:
        """The first of the subjects says something."""
        line = {"speaker": subjects[0], "text": str(self.rng.choice(_LINES)), "language": "en"}
        actions = [{"subject": name, "expression": str(self.rng.choice(EXPRESSIONS))} for name in subjects]
        return {"subjects": subjects, "seconds": seconds, "size": size, "actions": actions, "lines": [line]}

    def moving(self, name: str, at: int) -> dict[str, Any]:
        """A move of the camera; all kinds come in turn."""
        before = sum(KINDS[number % len(KINDS)] == "camera" for number in range(self.number))
        kind = list(_MOVES)[(before + 5 * at) % len(_MOVES)]
        move: dict[str, Any] = {"kind": kind, "amount": float(self.rng.uniform(*_MOVES[kind]))}
        if directions := legal_directions(kind)[:2]:
            move["direction"] = str(self.rng.choice(directions))
        verb = {"subject": name, "verb": "walk", "toward": self.side()} if kind == "follow" else {"subject": name}
        return self.shot([name], 2, size=str(self.rng.choice(("full", "medium"))), camera=[move], actions=[verb])

    def side(self) -> str:
        return str(self.rng.choice(("left", "right")))
