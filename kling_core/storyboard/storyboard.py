"""What a director writes: a Storyboard of Shots with Lines, Actions and CameraMoves.

These are the only types a user writes (as JSON, or through `script.parse_script`). Everything downstream works on
the `Plan` made from them; nothing downstream parses text again.
"""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

MAX_SHOTS = 6
MIN_SECONDS, MAX_SECONDS = 3.0, 15.0
MIN_SHOT_SECONDS = 1.0
MAX_ELEMENTS = 7

Aspect = Literal["16:9", "9:16", "1:1"]
ShotSize = Literal["wide", "full", "medium", "close", "extreme close", "insert"]
Angle = Literal["eye", "low", "high", "over shoulder", "pov"]
Place = Literal[
    "park", "beach", "street", "room", "night street", "studio", "shop", "classroom", "road", "stage"
]
TimeOfDay = Literal["day", "sunset", "night"]
MoveKind = Literal["static", "dolly", "truck", "pedestal", "pan", "tilt", "roll", "zoom", "orbit", "follow", "handheld"]
MoveDirection = Literal["in", "out", "left", "right", "up", "down", "clockwise", "counterclockwise"]
Speed = Literal["slow", "normal", "fast"]
Verb = Literal[
    "stand", "walk", "wave", "talk", "turn", "point", "nod", "sit", "hold", "pour", "bounce", "dance", "embrace", "ride"
]
Prop = Literal["cup", "book", "phone", "umbrella", "bag", "ball", "jug", "bicycle"]
Expression = Literal["neutral", "joy", "sadness", "surprise", "anger", "fear"]
Language = Literal["en", "zh", "ja", "ko", "es"]
Transition = Literal["cut", "dissolve", "fade"]
Position = Literal["left", "center", "right"]
Occluder = Literal["tree", "pillar"]
HeardField = Literal["verb", "expression", "prop", "place", "time_of_day", "size", "angle", "camera"]

PLACES: tuple[str, ...] = get_args(Place)
SHOT_SIZES: tuple[str, ...] = get_args(ShotSize)
ANGLES: tuple[str, ...] = get_args(Angle)
TIMES_OF_DAY: tuple[str, ...] = get_args(TimeOfDay)
VERBS: tuple[str, ...] = get_args(Verb)
PROPS: tuple[str, ...] = get_args(Prop)
EXPRESSIONS: tuple[str, ...] = get_args(Expression)
MOVE_KINDS: tuple[str, ...] = get_args(MoveKind)


class _Written(BaseModel):
    """Users' JSON: unknown keys are mistakes worth telling, and nothing changes after parsing."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CameraMove(_Written):
    """One camera move. Several in a row share the shot's time equally.

    amount: metres for dolly, truck and pedestal; degrees for pan, tilt, roll and orbit; focal factor for zoom;
    None means the usual amount of that kind at that speed.
    """

    kind: MoveKind
    direction: MoveDirection | None = None
    amount: float | None = Field(default=None, gt=0, le=360)
    speed: Speed = "normal"


class Line(_Written):
    """Somebody says something. `start` is in seconds from the start of the shot; None lets the plan place it."""

    speaker: str
    text: str = Field(min_length=1, max_length=500)
    language: Language | None = None
    delivery: str | None = Field(default=None, max_length=100)
    start: float | None = Field(default=None, ge=0)


class Heard(_Written):
    """Words of a script that no table lists, and what the director took them for; the plan's notes tell it.

    field: of the Action or Shot that they fill. read_as: the nearest word that is known there, None for nothing like
    it. confidence: the text encoder's, in [0, 1].
    """

    words: str = Field(min_length=1, max_length=100)
    field: HeardField
    read_as: str | None = None
    confidence: float = Field(ge=0, le=1)


class Action(_Written):
    """What a subject does throughout the shot. `toward`: another subject's name, or a screen direction;
    `prop`: what they have in their hands."""

    subject: str
    verb: Verb = "stand"
    toward: str | None = None
    expression: Expression = "neutral"
    position: Position | None = None
    behind: Occluder | None = None
    prop: Prop | None = None
    heard: tuple[Heard, ...] = ()


class Shot(_Written):
    """One shot. `subjects` are names of cast elements without the @, most important first."""

    seconds: float = Field(gt=0)
    size: ShotSize = "medium"
    angle: Angle = "eye"
    subjects: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    camera: tuple[CameraMove, ...] = ()
    lines: tuple[Line, ...] = ()
    description: str = Field(default="", max_length=512)
    place: Place | None = None
    time_of_day: TimeOfDay | None = None
    transition: Transition = "cut"
    heard: tuple[Heard, ...] = ()


class Storyboard(_Written):
    """A scene of 1 to 6 shots, 3 to 15 s in all. `place` and `time_of_day` hold for every shot that names none."""

    title: str = Field(default="", max_length=100)
    aspect: Aspect = "16:9"
    place: Place = "park"
    time_of_day: TimeOfDay = "day"
    seconds: float | None = None
    negative: str = Field(default="", max_length=2500)
    shots: tuple[Shot, ...]

    @property
    def total_seconds(self) -> float:
        return sum(shot.seconds for shot in self.shots)
