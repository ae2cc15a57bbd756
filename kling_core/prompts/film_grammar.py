"""How films are spoken of: sizes, angles, places, light, transitions and camera moves as English words."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from kling_core.plan.plan import PlannedMove, PlannedShot
from kling_core.storyboard.camera import usual_amount

SIZES = {
    "wide": "wide shot", "full": "full shot", "medium": "medium shot", "close": "close-up",
    "extreme close": "extreme close-up", "insert": "insert shot",
}
_ANGLES = {"eye": "at eye level", "low": "from a low angle", "high": "from a high angle"}
_PLACES = {
    "park": "in a park", "beach": "on a beach", "street": "in a street", "room": "in a room",
    "night street": "in a street at night", "studio": "in a studio with a plain background", "shop": "in a shop",
    "classroom": "in a classroom", "road": "on a road", "stage": "on the stage of a theatre",
}
_INDOORS = ("room", "studio", "shop", "classroom", "stage")
_LIGHT = {
    "day": "in clear daylight", "sunset": "in the low, warm light of sunset", "night": "at night, in dim light",
}
_LIGHT_INDOORS = {
    "day": "in even daytime light", "sunset": "in the low, warm light of evening", "night": "in lamplight at night",
}
_STYLES = (
    ("2D-animated", r"anime|cartoons?|2d[- ]?animat\w+|hand[- ]drawn"), ("3D CG", r"3d[- ]?(?:cg|animat\w+)|cgi"),
    ("claymation", r"claymation|clay figures?"), ("stop-motion", r"stop[- ]motion|felt puppets?"),
    ("watercolor", r"watercolou?rs?"), ("vintage film", r"vintage film|old film|super ?8"),
    ("documentary", r"documentary"),
)
TRANSITIONS = {"cut": "cuts to", "dissolve": "cross-dissolves to", "fade": "fades to"}
_USUAL_SECONDS = 3.0  # the length of shot for which the usual amounts of moves are made
_SLOW, _FAST = 0.67, 1.5  # shares of the usual pace


def style_of(words: str) -> str:
    """The style that a director's words ask for, "live-action, cinematic" where they ask for none."""
    asked = (name for name, pattern in _STYLES if re.search(rf"\b(?:{pattern})\b", words, re.IGNORECASE))
    return next(asked, "live-action, cinematic")


def sized(shot: PlannedShot) -> str:
    """The size and angle of a shot with its article: "an over-the-shoulder medium shot"."""
    if shot.angle == "over shoulder" and len(shot.subjects) > 1:
        return f"an over-the-shoulder {SIZES[shot.size]}"
    if shot.angle == "pov":
        return f"a POV {SIZES[shot.size]}"
    return f"{'an' if SIZES[shot.size][0] in 'aeiou' else 'a'} {SIZES[shot.size]}"


def angled(shot: PlannedShot) -> str:
    """From where the camera looks; empty where the size already says it."""
    return _ANGLES.get(shot.angle, "")


def place_of(shot: PlannedShot) -> str:
    """Where a shot plays, "in a park"; empty where nobody wrote it."""
    return "" if "place" in shot.assumed else _PLACES[shot.place]


def light_of(shot: PlannedShot) -> str:
    """Empty where nobody wrote the time of day, and where the place says it."""
    if "time_of_day" in shot.assumed or (shot.place == "night street" and shot.time_of_day == "night"):
        return ""
    return (_LIGHT_INDOORS if shot.place in _INDOORS else _LIGHT)[shot.time_of_day]


def joinable(before: PlannedShot, after: PlannedShot) -> bool:
    """Whether nothing tells two neighbouring shots apart by which a model could see the cut."""
    return (before.size, before.angle, before.place, before.time_of_day, before.subjects) == (
        after.size, after.angle, after.place, after.time_of_day, after.subjects
    )


@dataclass(frozen=True)
class MoveWords:
    """verb: what the camera does ("pushes in"). amplitude: "small", "large" or "". speed: "slow", "fast" or "".
    around: it goes on about or after its subject."""

    verb: str
    amplitude: str = ""
    speed: str = ""
    around: bool = False


def moves_of(shot: PlannedShot, fps: int) -> tuple[MoveWords, ...]:
    """The camera moves of a shot in order; a camera that nobody moves is static."""
    seconds = shot.frames / fps / max(1, len(shot.camera))
    return tuple(_move_words(move, seconds) for move in shot.camera) or (MoveWords("holds a static shot"),)


def _move_words(move: PlannedMove, seconds: float) -> MoveWords:
    if move.kind == "static":
        return MoveWords("holds a static shot")
    if move.kind == "handheld":
        return MoveWords("shakes strongly" if move.amount > usual_amount("handheld") else "shakes slightly")
    if move.kind == "follow":
        return MoveWords("moves along in a tracking shot of", around=True)
    amplitude = "small" if move.amount <= usual_amount(move.kind, "slow") else ""
    amplitude = "large" if move.amount >= usual_amount(move.kind, "fast") else amplitude
    if move.kind == "orbit":
        return MoveWords(_orbit(move), amplitude, _speed(move, seconds), around=True)
    verb = {"dolly": "pushes" if move.direction == "in" else "pulls", "pedestal": "pedestals"}.get(move.kind)
    return MoveWords(f"{verb or _third_person(move.kind)} {_way(move)}", amplitude, _speed(move, seconds))


def _third_person(kind: str) -> str:
    return kind + "s"  # trucks, pans, tilts, rolls, zooms


def _way(move: PlannedMove) -> str:
    turns = {"left": "counterclockwise", "right": "clockwise"} if move.kind == "roll" else {}
    return turns.get(move.direction, move.direction)


def _orbit(move: PlannedMove) -> str:
    way = move.direction if "clockwise" in move.direction else f"to the {move.direction}"
    return f"moves {way} in an arc of {move.amount:g} degrees around"


def _speed(move: PlannedMove, seconds: float) -> str:
    """The director's own word where the amount is the usual one of a speed, else the pace against the usual one."""
    for name, said in (("normal", ""), ("slow", "slow"), ("fast", "fast")):
        if math.isclose(move.amount, usual_amount(move.kind, name)):
            return said
    pace = _extent(move, move.amount) / _extent(move, usual_amount(move.kind)) * _USUAL_SECONDS / seconds
    return "slow" if pace <= _SLOW else "fast" if pace >= _FAST else ""


def _extent(move: PlannedMove, amount: float) -> float:
    return abs(math.log(amount)) if move.kind == "zoom" else amount


def in_prose(move: MoveWords) -> str:
    """A move in everyday words: "slowly pushes in a little"."""
    pace = {"slow": "slowly ", "fast": "quickly "}.get(move.speed, "")
    reach = {"small": " a little", "large": " a long way"}.get("" if move.around else move.amplitude, "")
    return f"{pace}{move.verb}{reach}"
