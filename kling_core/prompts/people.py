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

_ARTICLE = re.compile(r"^(?:an?|the|one|some|her|his|their)\s+", re.IGNORECASE)
_SOMEBODY = re.compile(
    r"^[^,;:]*?\b(?:wom[ae]n|m[ae]n|girl|boy|lady|gentleman|person|child|kid|teenager|baby|dancer|clerk|teacher|student"
    r"|doctor|nurse|officer|soldier|actor|actress|singer|tourist|mother|father|grandmother|grandfather|robot|dog|cat"
    r"|horse|bird|creature|animal|monster|alien|puppet)\b", re.IGNORECASE,
)
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def plain_call(name: str) -> str:
    """A name as prose writes it."""
    said = name.replace("_", " ").strip()
    return said[:1].upper() + said[1:]


def who(element: "Element") -> str:
    """An element in words, after "is" or between commas: "the woman in red", "the character with red bun"."""
    said = harmless(element.description).replace("@", "").strip(" .,;")
    if not said:
        return f"the {element.kind}"
    if _ARTICLE.match(said):
        return said[:1].lower() + said[1:]
    if _CJK.search(said):
        return f"the {element.kind} described as {said}"
    if element.kind != "character" or _SOMEBODY.match(said):
        return f"the {said}"
    return f"the {element.kind} with {said}"


def appearances(plan: Plan, cast: "Cast") -> dict[str, tuple[int, ...]]:
    """In which shots (counted from 0) each element is to be seen, in the cast's order.

    Characters are seen where they are staged, and everything where the director names it; scenes that no shot names are
    seen in all of them.
    """
    named = [{found.name for found in Names(shot.description, plan.cast).find(shot.description)} for shot in plan.shots]
    seen = {}
    for name in plan.cast:
        shots = tuple(
            shot.index for shot, names in zip(plan.shots, named)
            if name in shot.subjects or (name in names and name not in _unseen_speakers(plan, shot))
        )
        everywhere = cast[name].kind == "scene" and not shots
        seen[name] = tuple(range(len(plan.shots))) if everywhere else shots
    return seen


def _unseen_speakers(plan: Plan, shot: PlannedShot) -> set[str]:
    return {line.speaker for line in plan.lines if line.shot == shot.index} - set(shot.subjects)


def staged(shot: PlannedShot, blocking: "Blocking", call: Call, *, facing: bool) -> list[Piece]:
    """A sentence for everybody in a shot: where they are on screen, what they do, and with which face.

    facing: also say which way each body is turned.
    """
    return [
        Piece(_performed(shot, track, blocking, call, facing), track.subject) for track in blocking.subjects
    ]


@dataclass(frozen=True)
class _Deed:
    """alone: what they do. to: with somebody, {} in it. way: with a screen direction, {} in it."""

    alone: str
    to: str
    way: str


_LOOKS = ("{}, looking at {{}}", "{}, looking to the {{}}")


def _looking(alone: str) -> _Deed:
    return _Deed(alone, *(form.format(alone) for form in _LOOKS))


_DEEDS = {
    "stand": _looking("stands"),
    "walk": _Deed("walks", "walks towards {}", "walks to the {}"),
    "wave": _Deed("waves", "waves at {}", "waves to the {}"),
    "talk": _looking("talks, with small gestures"),
    "turn": _Deed("turns around", "turns to {}", "turns to the {}"),
    "point": _Deed("points", "points at {}", "points to the {}"),
    "nod": _looking("nods"),
    "sit": _looking("sits"),
    "hold": _looking("stands"),
    "pour": _looking("pours from a jug"),
    "bounce": _looking("bounces a ball"),
    "dance": _looking("dances"),
    "embrace": _Deed("holds both arms open", "embraces {}", "embraces somebody to the {}"),
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


def _performed(shot: PlannedShot, track: "SubjectTrack", blocking: "Blocking", call: Call, facing: bool) -> str:
    one = track.performance
    parts = [on_screen(track), _depth(track, blocking)]
    if facing:
        parts.append(_turned(track))
    parts.append(_FACES.get(one.expression, ""))
    adjuncts = ", ".join(part for part in parts if part)
    return f"{call(one.subject)}, {adjuncts}, {_does(one, shot, call)}."


def _does(one: Performance, shot: PlannedShot, call: Call) -> str:
    deed = _DEEDS[one.verb]
    if one.toward in shot.subjects:
        said = deed.to.format(call(one.toward))
    else:
        said = deed.way.format(one.toward) if one.toward else deed.alone
    if one.carried and _IN_THE_VERB.get(one.verb) != one.carried:
        said += f", {_THINGS.get(one.carried, f'with a {one.carried} in hand')}"
    if one.behind:
        said += f", {'passing' if one.verb in ('walk', 'ride') else 'partly'} behind a {one.behind}"
    return said


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
