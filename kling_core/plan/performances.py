"""Who is on screen in a shot and what each of them does, out of the director's subjects, actions and lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from kling_core.errors import ProblemList
from kling_core.plan.checks import plain
from kling_core.plan.plan import Performance
from kling_core.storyboard.storyboard import Action, Shot

if TYPE_CHECKING:
    from kling_core.backbone import Limits
    from kling_core.elements.element import Cast

_SIDES = {"left": -1.0, "center": 0.0, "right": 1.0}


def perform(
    number: int, shot: Shot, cast: "Cast", limits: "Limits", problems: ProblemList, notes: list[str]
) -> tuple[Performance, ...]:
    """The performances of shot `number`, most important subject first.

    A speaker is on screen when the shot names him or names nobody; others are voices off screen. Who speaks and does
    nothing else talks. Unknown names are left to `checks`.
    """
    where = f"shot {number}"
    speakers = list(dict.fromkeys(plain(line.speaker) for line in shot.lines))
    subjects = _subjects(where, shot, speakers, cast, limits, notes)
    if len(subjects) > limits.subjects_per_shot:
        what = f"{len(subjects)} subjects, at most {limits.subjects_per_shot} in a shot"
        problems.add(where, what, "Leave some of them to another shot.")
    unseen = [name for name in speakers if name not in subjects]
    if unseen:
        notes.append(f"{where}: {_listed(unseen)} {'is' if len(unseen) == 1 else 'are'} heard, not seen")
    performances = [_performance(where, name, shot.actions, notes) for name in subjects]
    performances = [_speaking(one) if one.subject in speakers else one for one in performances]
    if shot.angle == "over shoulder" and len(subjects) < 2:
        notes.append(f"{where}: over the shoulder needs two subjects, so this is a plain shot")
    directed = [_directed(one, at, performances, cast.names) for at, one in enumerate(performances)]
    return tuple(_embraced(where, directed, notes))


def _speaking(one: Performance) -> Performance:
    """Who speaks and does nothing else talks, with whatever is in hand."""
    return replace(one, verb="talk", prop=one.carried) if one.verb in ("stand", "hold") else one


def _embraced(where: str, performances: list[Performance], notes: list[str]) -> list[Performance]:
    """Who is embraced embraces too; who has nobody in the shot to embrace stands, and who needs both arms for it, or
    for dancing, has nothing in hand."""
    result = list(performances)
    subjects = [one.subject for one in performances]
    for at, one in enumerate(performances):
        if one.verb != "embrace" or result[at].verb != "embrace":
            continue
        others = [subject for subject in subjects if subject != one.subject]
        partner = one.toward if one.toward in others else (others[0] if len(others) == 1 else None)
        if partner is None:
            notes.append(f"{where}: @{one.subject} has nobody in the shot to embrace, so stands")
            result[at] = replace(one, verb="stand")
            continue
        other = subjects.index(partner)
        if performances[other].verb not in ("stand", "talk", "embrace"):
            notes.append(f"{where}: @{partner} will be embraced by @{one.subject}, not {performances[other].verb}")
        result[at] = replace(one, toward=partner)
        result[other] = replace(performances[other], verb="embrace", toward=one.subject)
    for at, one in enumerate(result):
        if one.verb in ("dance", "embrace") and one.prop:
            notes.append(f"{where}: @{one.subject} puts the {one.prop} away to {one.verb}")
            result[at] = replace(one, prop=None)
    return result


def _subjects(
    where: str, shot: Shot, speakers: Sequence[str], cast: "Cast", limits: "Limits", notes: list[str]
) -> list[str]:
    named = [plain(name) for name in shot.subjects]
    acting = [plain(action.subject) for action in shot.actions]
    added = list(dict.fromkeys(name for name in acting if name not in named))
    if added and named:
        notes.append(f"{where}: {_listed(added)} joins the subjects, having something to do")
    subjects = list(dict.fromkeys(named + added))
    if not subjects:
        subjects = list(speakers[: limits.subjects_per_shot])
        if subjects:
            notes.append(f"{where}: names no subject, so it shows who speaks: {_listed(subjects)}")
    things = [name for name in subjects if name in cast.names and cast[name].kind != "character"]
    if things:
        notes.append(f"{where}: {_listed(things)} stays in the words, only characters are staged")
    return [name for name in subjects if name not in things]


def _performance(where: str, name: str, actions: Sequence[Action], notes: list[str]) -> Performance:
    """All actions of one subject as one performance: the first verb, and what the others add."""
    mine = [action for action in actions if plain(action.subject) == name]
    verbs = list(dict.fromkeys(action.verb for action in mine if action.verb != "stand"))
    if len(verbs) > 1 and "hold" in verbs:
        verbs.remove("hold")  # what is held stays in hand whatever else is done
    if len(verbs) > 1:
        left_out = " or ".join(verbs[1:])
        notes.append(f"{where}: @{name} will only {verbs[0]}, not {left_out}: one action a subject and shot")

    def first(values: list, default):
        return next((value for value in values if value != default and value is not None), default)

    verb = verbs[0] if verbs else "stand"
    toward = first([action.toward for action in mine if action.verb in (verb, "stand", "hold")], None)
    return Performance(
        subject=name, verb=verb, toward=toward,
        expression=first([action.expression for action in mine], "neutral"),
        position=first([action.position for action in mine], None),
        behind=first([action.behind for action in mine], None),
        prop=first([action.prop for action in mine], None),
    )


def _directed(one: Performance, at: int, everyone: Sequence[Performance], cast: Sequence[str]) -> Performance:
    """`toward` as the blocking takes it: a screen direction, or somebody in the shot.

    Who walks to somebody walks to that side of the screen. Who looks at somebody outside the shot looks to a side
    that only the order of the cast decides, so that looks between two people match across cuts (the 180 degree rule).
    """
    if one.toward is None:
        return one
    toward = plain(one.toward)
    subjects = [other.subject for other in everyone]
    if toward in subjects and toward != one.subject:
        if one.verb not in ("walk", "ride"):
            return replace(one, toward=toward)
        other = subjects.index(toward)
        side = _spot(everyone[other], other) - _spot(one, at)
        return replace(one, toward="left" if side < 0 else "right")
    if toward in cast and toward != one.subject and one.subject in cast:
        return replace(one, toward="right" if cast.index(toward) > cast.index(one.subject) else "left")
    toward = toward.lower()
    return replace(one, toward=toward if toward in ("left", "right") else None)


def _spot(one: Performance, at: int) -> float:
    """Where somebody stands from left to right: as written, else in the order of the subjects."""
    return _SIDES[one.position] if one.position else at * 0.1


def _listed(names: Sequence[str]) -> str:
    return ", ".join("@" + name for name in names)
