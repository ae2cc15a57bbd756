"""Who the elements of a scene are and what each does in a shot, as English words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kling_core.plan.plan import Performance, Plan, PlannedShot
from kling_core.prompts.users_words import harmless
from kling_core.prompts.writer import Piece
from kling_core.storyboard.mentions import Names

if TYPE_CHECKING:
    from kling_core.elements.element import Cast, Element
    from kling_core.plan.blocking import Blocking, SubjectTrack

Call = Callable[[str], str]
"""What the model calls an element, by its name."""

_ARTICLE = re.compile(r"^(?:an?|the)\s+", re.IGNORECASE)
_SOMEBODY = re.compile(
    r"^[^,;:]*?\b(?:wom[ae]n|m[ae]n|girl|boy|lady|gentleman|person|child|kid|teenager|baby|dancer|clerk|teacher|student"
    r"|doctor|nurse|officer|soldier|actor|actress|singer|tourist|mother|father|grandmother|grandfather|robot|dog|cat"
    r"|horse|bird|creature|animal|monster|alien|puppet)\b", re.IGNORECASE,
)
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def in_prose(cast: "Cast") -> Call:
    """Names as prose writes them: people by their names, items and scenes as "the cake"."""

    def call(name: str) -> str:
        said = name.replace("_", " ").strip()
        return said[:1].upper() + said[1:] if cast[name].kind == "character" else f"the {said}"

    return call


def who(element: "Element") -> str:
    """An element in words, after "is" or between commas: "the woman in red", "the character with red bun"."""
    said = harmless(element.description).replace("@", "").strip(" .,;")
    if not said:
        return f"the {element.kind}"
    if _ARTICLE.match(said):
        return f"the {_ARTICLE.sub('', said)}"  # told again in every shot, "a woman" would be another one each time
    if _CJK.search(said):
        return f"the {element.kind} described as {said}"
    if element.kind != "character" or _SOMEBODY.match(said):
        return f"the {said}"
    return f"the {element.kind} with {said}"


def appearances(plan: Plan, cast: "Cast") -> dict[str, tuple[int, ...]]:
    """In which shots (counted from 0) each element is to be seen, in the cast's order.

    Characters and items are seen where they are staged or the director names them. A scene that he names holds for the
    shots in the same place that name none, the nearest before them first; scenes that he never names, for all shots.
    """
    named = [
        {found.name for found in Names(shot.description, plan.cast).find(shot.description)} - _only_heard(plan, shot)
        | set(shot.subjects) for shot in plan.shots
    ]
    scenes = {name for name in plan.cast if cast[name].kind == "scene"}
    setting = [_scenes_of(shot, plan, [names & scenes for names in named]) for shot in plan.shots]
    never = scenes - set().union(*setting)
    return {
        name: tuple(
            at for at, names in enumerate(named) if name in (setting[at] | never if name in scenes else names)
        )
        for name in plan.cast
    }


def _scenes_of(shot: PlannedShot, plan: Plan, named: list[set[str]]) -> set[str]:
    nearest = sorted(range(len(named)), key=lambda at: (at > shot.index, abs(at - shot.index)))
    alike = (at for at in nearest if named[at] and (at == shot.index or plan.shots[at].place == shot.place))
    return named[next(alike, shot.index)]


def _only_heard(plan: Plan, shot: PlannedShot) -> set[str]:
    return {line.speaker for line in plan.lines if line.shot == shot.index} - set(shot.subjects)


def staged(
    shot: PlannedShot, blocking: "Blocking", call: Call, speaking: set[str], *, full: bool
) -> list[Piece]:
    """A sentence for everybody in a shot: where they are on screen, what they do, and with which face.

    speaking: whose lines say that they talk. full: also say which way each body is turned, and what goes without
    saying, that who is alone and at rest is in the centre.
    """
    pieces = []
    for track in blocking.subjects:
        one = track.performance
        resting = one.verb in _RESTING or (one.verb == "talk" and one.subject in speaking)
        deed = _does(one, shot, call, resting)
        adjuncts = [on_screen(track), _depth(track, blocking), _turned(track) if full else "",
                    _FACES.get(one.expression, "")]
        adjuncts = [adjunct for adjunct in adjuncts if adjunct]
        if resting and not deed and len(adjuncts) == 1 and len(blocking.subjects) == 1:
            continue
        if resting:
            said = f"{call(one.subject)} is {', '.join([*adjuncts, deed] if deed else adjuncts)}."
        else:
            said = f"{call(one.subject)}, {', '.join(adjuncts)}, {deed}."
        pieces.append(Piece(said, one.subject))
    return pieces


@dataclass(frozen=True)
class _Deed:
    """alone: what they do. to: with somebody, {} in it. way: with a screen direction, {} in it."""

    alone: str
    to: str
    way: str


def _looking(deed: str) -> _Deed:
    joint = f"{deed}, " if deed else ""
    return _Deed(deed, f"{joint}looking at {{}}", f"{joint}looking to the {{}}")


_RESTING = ("stand", "hold")
_DEEDS = {
    "stand": _looking(""),
    "walk": _Deed("walks", "walks towards {}", "walks to the {}"),
    "wave": _Deed("waves", "waves at {}", "waves to the {}"),
    "talk": _looking("talks, with small gestures"),
    "turn": _Deed("turns around", "turns to {}", "turns to the {}"),
    "point": _Deed("points", "points at {}", "points to the {}"),
    "nod": _looking("nods"),
    "sit": _looking("sits"),
    "pour": _looking("pours from a jug"),
    "bounce": _looking("bounces a ball"),
    "dance": _looking("dances"),
    "embrace": _Deed("holds both arms open", "embraces {}", "holds both arms open to the {}"),
    "ride": _Deed("rides a bicycle", "rides a bicycle towards {}", "rides a bicycle to the {}"),
}
_IN_THE_VERB = {"pour": "jug", "bounce": "ball", "ride": "bicycle"}
_FACES = {
    "joy": "smiling", "sadness": "with lowered eyes and a sad face", "surprise": "with raised eyebrows and wide eyes",
    "anger": "with knitted brows and a hard look", "fear": "with a tense, frightened face",
}
_THINGS = {"bicycle": "beside a bicycle", "umbrella": "under an umbrella"}
_THIRDS = ((0.38, "on the left of the frame"), (0.62, "in the centre of the frame"), (9.0, "on the right of the frame"))
_FACINGS = ((25, "facing the camera"), (65, "turned half to the {}"), (115, "in profile to the {}"),
            (150, "turned away to the {}"), (181, "seen from behind"))
_CROSSING = 0.2  # of the screen's width: somebody who walks this far goes from one part of it to another
_DEPTH_RATIO = 1.35


def _does(one: Performance, shot: PlannedShot, call: Call, resting: bool) -> str:
    deed = _DEEDS["stand" if resting else one.verb]
    if one.toward in shot.subjects:
        said = deed.to.format(call(one.toward))
    else:
        said = deed.way.format(one.toward) if one.toward else deed.alone
    parts = [said]
    if one.carried and _IN_THE_VERB.get(one.verb) != one.carried:
        parts.append(_THINGS.get(one.carried, f"with a {one.carried} in hand"))
    if one.behind:
        parts.append(f"{'passing' if one.verb in ('walk', 'ride') else 'partly'} behind a {one.behind}")
    return ", ".join(part for part in parts if part)


def on_screen(track: "SubjectTrack") -> str:
    """On which part of the screen somebody is over a shot: "on the left of the frame"."""
    centre = np.clip((track.head[:, 0] + track.head[:, 2]) / 2, 0.0, 1.0)
    start, stop = _third(centre[0]), _third(centre[-1])
    goes = track.performance.verb in ("walk", "ride") and abs(centre[-1] - centre[0]) > _CROSSING
    if goes and start != stop:
        return f"first {start}, then {stop}"
    return _third(float(np.median(centre)))


def _third(x: float) -> str:
    return next(words for edge, words in _THIRDS if x < edge)


def _depth(track: "SubjectTrack", blocking: "Blocking") -> str:
    others = [float(np.median(other.depth)) for other in blocking.subjects if other is not track]
    own = float(np.median(track.depth))
    if others and max(others) > own * _DEPTH_RATIO:
        return "in the foreground"
    return "in the background" if others and own > min(others) * _DEPTH_RATIO else ""


def _turned(track: "SubjectTrack") -> str:
    angle = math.degrees(float(np.arctan2(np.median(np.sin(track.facing)), np.median(np.cos(track.facing)))))
    side = "right" if angle > 0 else "left"
    return next(words for edge, words in _FACINGS if abs(angle) < edge).format(side)
