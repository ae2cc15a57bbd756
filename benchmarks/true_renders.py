"""Random scenes and their true renders: what instruments are calibrated on.

A scene has six shots of two seconds with three strangers of random looks and voices: every camera move and number of
people in turn, places, shot sizes, expressions and what listeners do at random. Its draft is what a faultless film of
it would show, and its mix what it would sound like. The same scene may be seen in any aspect, with its speakers at rest
or doing something else: who walks through a tall picture covers most of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kling_core.elements.element import Binding, Cast, Element, Voice
from kling_core.plan.plan import Plan
from kling_core.plan.resolve import plan as resolve
from kling_core.previz.draft import draft
from kling_core.previz.stage.casting import random_look
from kling_core.previz.stage.portraits import portraits
from kling_core.previz.world import GRID, LIMITS
from kling_core.sound.ambience import film_ambience
from kling_core.sound.mix import mix
from kling_core.sound.murmur import murmur
from kling_core.sound.speech import SpokenLine, speak
from kling_core.storyboard.storyboard import (
    EXPRESSIONS,
    MOVE_KINDS,
    PLACES,
    Action,
    CameraMove,
    Line,
    Shot,
    Storyboard,
)

NAMES = ("ana", "bo", "cem")
BESIDE = ("stand", "nod", "hold", "wave", "sit")  # what is done by who listens
GOING = ("walk", "ride")
SIZES = ("wide", "medium", "close", "full")
TEXTS = ("Look at that, over there.", "I never said so.", "We can go now, if you like.", "Nobody told me about it.")
VOICE_SECONDS, VOICE_TEXT = 6.0, "All of us were there when it began, and most of us remember how it ended."


@dataclass(frozen=True)
class TrueRender:
    """frames: uint8 [T, H, W, 3]. sound: float32 [2, N] at the grid's rate."""

    plan: Plan
    cast: Cast
    speech: tuple[SpokenLine, ...]
    frames: np.ndarray
    sound: np.ndarray


def true_render(seed: int, scale: int = 2, aspect: str = "16:9", verb: str = "talk") -> TrueRender:
    """The scene of a seed, drawn at `scale` times the grid's size, and mixed. verb: what its speakers do."""
    rng = np.random.default_rng([seed, 61])
    cast = Cast(tuple(Binding(_stranger(name, rng)) for name in NAMES))
    plan = resolve(_storyboard(seed, rng, aspect, verb), cast, GRID, LIMITS, seed=seed)
    speech = speak(plan, cast)
    width, height = (scale * side for side in plan.size)
    frames = np.concatenate(list(draft(plan, cast, width, height, speech)))
    return TrueRender(plan, cast, speech, frames, mix(plan, speech, film_ambience(plan, seed)))


def _stranger(name: str, rng: np.random.Generator) -> Element:
    look, pitch = random_look(rng), float(np.exp(rng.uniform(np.log(95), np.log(250))))
    recording = murmur(VOICE_TEXT, pitch, VOICE_SECONDS, GRID.audio_rate, int(rng.integers(2**31)))
    voice = Voice(recording, GRID.audio_rate, pitch)
    return Element(name, views=portraits(look, 256), voice=voice, origin="stage", look=look.to_json())


def _storyboard(seed: int, rng: np.random.Generator, aspect: str, verb: str) -> Storyboard:
    """Six of the moves in turn, so that eleven scenes show each six times; every other scene stays in one place."""
    shots, places = [], [str(place) for place in rng.choice(PLACES, 6)]
    for number in range(6):
        turn = 6 * seed + number
        subjects = tuple(rng.permutation(NAMES)[: 1 + turn % 2].tolist())
        # A camera that follows needs somebody who goes.
        kind = MOVE_KINDS[turn % len(MOVE_KINDS)]
        verbs = ("walk" if kind == "follow" and verb not in GOING else verb, str(rng.choice(BESIDE)))
        directions = {"dolly": ("in", "out"), "zoom": ("in", "out"), "pedestal": ("up", "down"), "tilt": ("up", "down"),
                      "roll": ("clockwise", "counterclockwise")}
        sideways = ("left", "right") if kind in ("truck", "pan", "orbit") else None
        ways = directions.get(kind, sideways)
        shots.append(Shot(
            seconds=2, size=str(rng.choice(SIZES)), subjects=subjects,
            actions=tuple(
                Action(
                    subject=subject, verb=done, expression=str(rng.choice(EXPRESSIONS)),
                    toward=str(rng.choice(["left", "right"])) if done in GOING else None,
                )
                for subject, done in zip(subjects, verbs)
            ),
            camera=(CameraMove(kind=kind, direction=ways and str(rng.choice(ways))),),
            lines=(Line(speaker=subjects[0], text=str(rng.choice(TEXTS))),),
            place=places[number * (seed % 2)], time_of_day=str(rng.choice(["day", "sunset"])),
        ))
    return Storyboard(title=f"True render {seed}", aspect=aspect, shots=tuple(shots))
