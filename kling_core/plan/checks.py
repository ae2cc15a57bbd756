"""The limits of a scene and the names in it, checked before anything else is done. Every mistake is collected."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from kling_core.errors import ProblemList
from kling_core.storyboard.mentions import at_names
from kling_core.storyboard.storyboard import MAX_SHOTS, MIN_SHOT_SECONDS, Shot, Storyboard

if TYPE_CHECKING:
    from kling_core.backbone import Limits
    from kling_core.elements.element import Cast

DIRECTIONS = ("left", "right", "up", "down", "camera")
_SUM_TOLERANCE = 0.011  # seconds; shots are written in hundredths


def check_scene(storyboard: Storyboard, cast: "Cast", limits: "Limits", problems: ProblemList) -> None:
    """Adds every broken limit and unknown name of a scene to `problems`."""
    _check_length(storyboard, limits, problems)
    _check_cast(cast, limits, problems)
    for number, shot in enumerate(storyboard.shots, 1):
        if shot.seconds < MIN_SHOT_SECONDS:
            remedy = f"Give it at least {MIN_SHOT_SECONDS:g} s, or join it with a shot beside it."
            problems.add(f"shot {number}", f"lasts {shot.seconds:g} s, a shot takes at least 1 s", remedy)
        _check_names(number, shot, cast, problems)


def plain(name: str) -> str:
    """A name as elements have it; JSON written by hand often keeps the @."""
    return name.removeprefix("@")


def _check_length(storyboard: Storyboard, limits: "Limits", problems: ProblemList) -> None:
    count, most = len(storyboard.shots), min(limits.shots, MAX_SHOTS)
    if not count:
        problems.add("storyboard", "has no shots", "Write at least one.")
        return
    if count > most:
        problems.add("storyboard", f"{count} shots, at most {most} in a scene", f"Drop or join {count - most} of them.")
    total, (shortest, longest) = round(storyboard.total_seconds, 2), limits.seconds
    if not shortest - _SUM_TOLERANCE <= total <= longest + _SUM_TOLERANCE:
        off = total - longest if total > longest else shortest - total
        remedy = f"{'Shorten' if total > longest else 'Lengthen'} the shots by {off:.2f} s in all."
        problems.add("storyboard", f"lasts {total:g} s, a scene takes {shortest:g} to {longest:g} s", remedy)
    if storyboard.seconds is not None and abs(total - storyboard.seconds) > _SUM_TOLERANCE:
        what = f"its shots add up to {total:g} s, but it is to last {storyboard.seconds:g} s"
        verb = "Lengthen" if total < storyboard.seconds else "Shorten"
        problems.add("storyboard", what, f"{verb} the shots by {abs(total - storyboard.seconds):.2f} s in all.")


def _check_cast(cast: "Cast", limits: "Limits", problems: ProblemList) -> None:
    names = cast.names
    if len(names) > limits.elements:
        problems.add("cast", f"{len(names)} elements, at most {limits.elements} in a scene", "Leave some of them out.")
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        problems.add("cast", f"two elements are called @{name}", "Rename one of them.")


def _check_names(number: int, shot: Shot, cast: "Cast", problems: ProblemList) -> None:
    places = [(f"shot {number}", plain(name), "subject") for name in shot.subjects]
    places += [(f"shot {number}", plain(action.subject), "subject") for action in shot.actions]
    places += [
        (f"shot {number}, action {at}", plain(action.toward), "subject")
        for at, action in enumerate(shot.actions, 1) if action.toward and action.toward.lower() not in DIRECTIONS
    ]
    places += [(f"shot {number}, line {at}", plain(line.speaker), "speaker") for at, line in enumerate(shot.lines, 1)]
    places += [(f"shot {number}", name, "name") for name in at_names(shot.description, cast.names)]
    told: set[str] = set()
    for where, name, role in places:
        if name in cast.names or name in told:
            continue
        told.add(name)
        problems.add(where, f"unknown {role} @{name}", _remedy_for(name, cast.names))


def _remedy_for(name: str, known: tuple[str, ...]) -> str:
    lower = {other.lower(): other for other in known}
    close = get_close_matches(name.lower(), lower, n=1)
    if close:
        return f"Did you mean @{lower[close[0]]}?"
    others = f", or use {', '.join('@' + other for other in known)}" if known else ""
    return f"Cast an element of that name (--element {name}=FILE, the library, or BindSubject){others}."
