"""Prompts of LTX-2.x: one paragraph of prose in the order of the film, its cuts, sounds and lines woven in.

One literal, chronological paragraph within 200 words is what Lightricks asks for (Lightricks/LTX-2, README); voices and
lines are told in it as a novel does. LTX-2.5 cuts from such prose by itself. It takes a negative prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.plan.plan import Plan, PlannedLine, PlannedShot
from kling_core.prompts import film_grammar as film
from kling_core.prompts.people import in_prose, who
from kling_core.prompts.prompt import Prompt
from kling_core.prompts.sound import LANGUAGES, ambience, deed_sounds, delivery_of, voice_of
from kling_core.prompts.telling import Telling, within
from kling_core.prompts.users_words import harmless, spoken_text
from kling_core.prompts.writer import Piece, PromptWriter, sentences

if TYPE_CHECKING:
    from kling_core.elements.element import Cast

MOST_WORDS = 200


def compile_prose(plan: Plan, cast: "Cast") -> Prompt:
    """One paragraph; the negative stays a negative."""
    telling = Telling(plan, cast, in_prose(cast), introduced=True)
    writer = PromptWriter()
    writer.write(_opening(telling))
    for shot, pieces in zip(plan.shots, within(MOST_WORDS, telling, _shots)):
        writer.write(" ")
        writer.write_shot(shot.index, pieces)
    return writer.prompt(negative=harmless(plan.negative), notes=telling.notes())


def _opening(telling: Telling) -> str:
    """What holds for the whole film: its style, its people, and what is to be heard of the place."""
    plan = telling.plan
    count = len(plan.shots)
    where = f", {telling.setting}" if telling.setting else ""
    said = [f"A {telling.style} scene in {count} shot{'s' if count > 1 else ''}{where}."]
    for name in plan.cast:
        if telling.seen[name] or name in telling.speakers:
            voice = voice_of(telling.cast[name]) if name in telling.speakers else ""
            called = f"{telling.call(name)} is {who(telling.cast[name])}"
            said.append(f"{called[:1].upper()}{called[1:]}{f', with {voice}' if voice else ''}.")
    deeds = deed_sounds(plan)
    said.append(f"The sound is {ambience(plan)}{f', with {deeds}' if deeds else ''}.")
    return " ".join(said)


def _shots(telling: Telling) -> list[list[Piece]]:
    return [_shot(telling, shot) for shot in telling.plan.shots]


def _shot(telling: Telling, shot: PlannedShot) -> list[Piece]:
    opens = f"The picture {film.TRANSITIONS[shot.transition]} " if shot.index else "The film opens on "
    return [
        Piece(opens), *telling.framed(shot), Piece(". "),
        *sentences(
            telling.directed(shot), telling.directed(shot, score=True), telling.staged(shot),
            telling.filmed(shot, film.in_prose), *(_line(telling, line) for line in telling.lines(shot)),
        ),
    ]


def _line(telling: Telling, line: PlannedLine) -> list[Piece]:
    text = spoken_text(line.text, telling.plan.cast, telling.call).replace('"', "'")
    speaker, listeners = telling.call(line.speaker), telling.listeners(line)
    seen = telling.is_seen(line)
    where = f"{telling.whereabouts(line)} opens the mouth and" if seen else ", out of the picture,"
    manner = delivery_of(line).rstrip(",")
    closed = [Piece(f"The lips of {listeners} stay closed meanwhile.")] if listeners else []
    return [Piece(f'{speaker}{where} says in {LANGUAGES[line.language]}{manner}: "{text}"', line.speaker), *closed]
