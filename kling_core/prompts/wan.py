"""Prompts of Wan 2.x in the form that HoloCine trained it on: one caption of the scene, one for each shot, no sound.

    [global caption] The scene features … This scene contains 2 shots. [per shot caption] … [shot cut] …

The form is HoloCine's (arXiv 2510.20822, its published examples), people as [character1]. Plain Wan reads it as prose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.plan.plan import Plan, PlannedShot
from kling_core.prompts import film_grammar as film
from kling_core.prompts.people import in_prose, who
from kling_core.prompts.prompt import Prompt
from kling_core.prompts.telling import Telling, within
from kling_core.prompts.users_words import harmless
from kling_core.prompts.writer import Piece, PromptWriter, sentences

if TYPE_CHECKING:
    from kling_core.elements.element import Cast

MOST_WORDS = 340  # about 512 tokens of its text encoder, which is what it was trained on, with the global caption
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven")


def compile_captions(plan: Plan, cast: "Cast") -> Prompt:
    """The global caption and those of the shots; the negative stays a negative."""
    people = [name for name in plan.cast if cast[name].kind == "character"]
    people = [name for name in people if any(name in shot.subjects for shot in plan.shots)]
    prose = in_prose(cast)

    def call(name: str) -> str:
        return f"[character{people.index(name) + 1}]" if name in people else prose(name)

    telling = Telling(plan, cast, call, introduced=True)
    shots = within(MOST_WORDS, telling, _shots)
    writer = PromptWriter()
    writer.write(f"[global caption] {_global(telling, people)} [per shot caption]")
    for shot, pieces in zip(plan.shots, shots):
        writer.write(" [shot cut] " if shot.index else " ")
        writer.write_shot(shot.index, pieces)
    notes = telling.notes()
    if plan.lines:
        notes.append("Wan makes no sound: its people are told to speak, their words are left to AudioSync")
    return writer.prompt(negative=harmless(plan.negative), notes=notes)


def _global(telling: Telling, people: list[str]) -> str:
    plan = telling.plan
    count = f"{_NUMBERS[len(people)]} character{'' if len(people) == 1 else 's'}"
    said = [f"{telling.style[:1].upper()}{telling.style[1:]}. The scene features {count}"]
    said[0] += ": " + "; ".join(f"{telling.call(name)}, {who(telling.cast[name])}" for name in people) if people else ""
    said[0] += "."
    for name in (*telling.of_kind("item"), *telling.of_kind("scene")):
        called = telling.call(name)
        said.append(f"{called[:1].upper()}{called[1:]} is {who(telling.cast[name])}.")
    if telling.setting:
        said.append(f"It takes place {telling.setting}.")
    said.append(f"This scene contains {len(plan.shots)} shot{'s' if len(plan.shots) > 1 else ''}.")
    return " ".join(said)


def _shots(telling: Telling) -> list[list[Piece]]:
    return [_shot(telling, shot) for shot in telling.plan.shots]


def _shot(telling: Telling, shot: PlannedShot) -> list[Piece]:
    framed = telling.framed(shot)
    framed[0] = Piece(framed[0].text[:1].upper() + framed[0].text[1:])
    return [
        *framed, Piece(". "),
        *sentences(telling.directed(shot), telling.staged(shot), telling.filmed(shot, film.in_prose),
                   _speaking(telling, shot)),
    ]


def _speaking(telling: Telling, shot: PlannedShot) -> list[Piece]:
    """Who is seen to speak, one after another."""
    lines = [line for line in telling.lines(shot) if telling.is_seen(line)]
    pieces = []
    for at, line in enumerate(lines):
        listeners = telling.listeners(line)
        closed = f" while the lips of {listeners} stay closed" if listeners else ""
        then = "Then " if at else ""
        pieces.append(Piece(f"{then}{telling.call(line.speaker)} speaks, the lips moving{closed}.", line.speaker))
    return pieces
