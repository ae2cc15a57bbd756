"""The director: turns a text script in English, Spanish, Chinese, Japanese or Korean into a Storyboard.

    Place: park
    Shot 1 (3s, wide, slow push-in): @mira walks past a tree. Mira says, "Look at that."
    Shot 2: Close-up of Leo, surprised. He whispers in Spanish: “¿Qué es eso?”

    镜头1（3秒，全景，缓慢推近）：@mira走过一棵树。@mira说：“你看那边。”

Kling Turbo's form is read too: `shot 1, 3, words; shot 2, 4, words;`. Lines before the first shot may set Title,
Aspect, Place, Time, Seconds and Negative; other words there hold for every shot. A text without "Shot 1" is one shot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kling_core.errors import KlingError, ProblemList
from kling_core.storyboard.camera import find_angle, find_moves, find_size
from kling_core.storyboard.dialogue import SpokenQuote, find_lines
from kling_core.storyboard.gloss import gloss, script_language
from kling_core.storyboard.headers import setting_lines, shot_headers
from kling_core.storyboard.hearing import hear_attributes, move_of
from kling_core.storyboard.masking import QUOTE, Masked, mask
from kling_core.storyboard.setting import find_place, find_time_of_day, find_transition, split_transition_ahead
from kling_core.storyboard.staging import Staging, find_expression, stage_shot
from kling_core.storyboard.storyboard import Action, CameraMove, Heard, Line, Storyboard
from kling_core.storyboard.timing import lines_need, share_seconds
from kling_core.storyboard.validation import validated

MAX_CHARACTERS = 20_000

_SECONDS = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:s|secs?|seconds?|segs?|segundos?|秒[钟間]?|초)?\.?", re.IGNORECASE)
_PARTS = re.compile(r"[;，；、]|(?<!\d),|,(?!\d)")


@dataclass(frozen=True)
class _Block:
    """One shot's stretch of the masked script."""

    number: int
    attributes: str
    seconds: str | None
    body: str


@dataclass(frozen=True)
class _Attributes:
    """What stands in the parentheses of a shot. `words`: what was not understood, kept for the description."""

    seconds: float | None = None
    size: str | None = None
    angle: str | None = None
    camera: tuple[CameraMove, ...] = ()
    place: str | None = None
    time_of_day: str | None = None
    transition: str | None = None
    words: tuple[str, ...] = ()
    heard: tuple[Heard, ...] = ()


def parse_script(
    text: str,
    names: Iterable[str] = (),
    *,
    aspect: str = "16:9",
    seconds: float | None = None,
    place: str | None = None,
) -> Storyboard:
    """A Storyboard from a script.

    names: the cast's names, which the script may write with or without @; without them, the names that it writes
    with an @. aspect, seconds (of the whole scene) and place hold where the script says nothing. Shots without
    seconds share what is left, by the lines they hold. Raises KlingError with every mistake at once; the limits of a
    scene are checked by `plan.resolve.plan`.
    """
    problems = ProblemList()
    if len(text) > MAX_CHARACTERS:
        problems.add("script", f"{len(text)} characters, at most {MAX_CHARACTERS}", "Cut it into scenes.")
        problems.raise_if_any()
    masked = mask(text.replace("\r\n", "\n"), names, problems)
    language = script_language(masked.text)
    preamble, blocks = _split(masked.text, problems)
    scene, prose = _scene_settings(preamble, masked, language, problems)
    total = scene.pop("seconds", seconds)
    shots = _read_shots(blocks, masked, masked.restore(prose), total, language, problems)
    prose = gloss(prose, language)
    place = scene.get("place") or find_place(prose) or place or _first(shots, "place")
    time = scene.get("time_of_day") or find_time_of_day(prose) or _first(shots, "time_of_day")
    data = {"aspect": aspect, **scene, "place": place, "time_of_day": time, "seconds": total, "shots": shots}
    try:
        storyboard = validated({key: value for key, value in data.items() if value is not None})
    except KlingError as error:
        problems.problems += error.problems
    problems.raise_if_any()
    return storyboard


def _first(shots: list[dict[str, Any]], key: str) -> Any:
    return next((shot[key] for shot in shots if key in shot), None)


def _split(text: str, problems: ProblemList) -> tuple[str, list[_Block]]:
    """The words before the first shot, and the shots."""
    headers = shot_headers(text)
    if not headers:
        settings = setting_lines(text)
        start = settings[-1].stop if settings else 0
        if not text[start:].strip():
            remedy = "Write at least one shot, as in: Shot 1 (3s, wide): @mira walks past a tree."
            problems.add("script", "is empty", remedy)
        return text[:start], [_Block(1, "", None, text[start:])]
    stops = [header.start for header in headers[1:]] + [len(text)]
    blocks = []
    for expected, (header, stop) in enumerate(zip(headers, stops), 1):
        if header.number != expected:
            what = f"is written where shot {expected} should be"
            problems.add(f"shot {header.number}", what, "Number the shots 1, 2, 3 … in order.")
        blocks.append(_Block(expected, header.attributes, header.seconds, text[header.stop: stop]))
    return text[: headers[0].start], blocks


def _scene_settings(
    preamble: str, masked: Masked, language: str, problems: ProblemList
) -> tuple[dict[str, Any], str]:
    """What the lines before the first shot set for the whole scene, and the rest of their words."""
    scene: dict[str, Any] = {}
    rest = preamble
    for line in reversed(setting_lines(preamble)):
        rest = rest[: line.start] + rest[line.stop:]
    for line in setting_lines(preamble):
        key, value = line.key, masked.restore(line.value).strip()
        if key == "seconds":
            number = _SECONDS.fullmatch(value)
            if number:
                scene["seconds"] = _decimal(number[1])
            else:
                problems.add("Seconds", f"“{value}” is not a number of seconds", "Write it as in: Seconds: 15")
        elif key == "time":
            scene["time_of_day"] = find_time_of_day(gloss(value, language)) or _heard_as("time_of_day", value) or value
        elif key == "place":
            scene["place"] = find_place(gloss(value, language), attribute=True) or _heard_as("place", value) or value
        else:
            scene[key] = value
    return scene, " ".join(rest.split())


def _decimal(written: str) -> float:
    return float(written.replace(",", "."))


def _heard_as(field: str, value: str) -> str | None:
    return next((heard.read_as for heard in hear_attributes(value) if heard.field == field), None)


def _read_shots(
    blocks: list[_Block], masked: Masked, prose: str, total: float | None, language: str, problems: ProblemList
) -> list[dict[str, Any]]:
    shots: list[dict[str, Any]] = []
    seen: tuple[str, ...] = ()
    heard: tuple[str, ...] = ()
    transition: str | None = None
    for block in blocks:
        where = f"shot {block.number}"
        given = _attributes(block, masked, where, language, problems)
        body, ahead = split_transition_ahead(block.body.strip().rstrip(";").strip())
        said, glossed_ahead = split_transition_ahead(gloss(body, language).strip())
        size = given.size or find_size(said)
        staging = stage_shot(body, masked, size, seen, language)
        spoken = find_lines(said, masked, where, problems, heard)
        shot = _shot(given, said, size, staging, spoken)
        words = [prose, *given.words, masked.restore(body).strip()]
        shot["description"] = " ".join(" ".join(word for word in words if word).split())
        shot["transition"] = given.transition or find_transition(said) or transition
        shots.append({key: value for key, value in shot.items() if value is not None})
        transition = ahead or glossed_ahead
        seen = staging.subjects or seen
        heard = (*heard, *reversed(staging.subjects), *(quote.speaker for quote in spoken))
    _fill_seconds(shots, total, problems)
    return shots


def _shot(
    given: _Attributes, body: str, size: str | None, staging: Staging, spoken: list[SpokenQuote]
) -> dict[str, Any]:
    prose = re.sub(QUOTE, " ", body)
    off_screen = {quote.speaker for quote in spoken if quote.off_screen}
    speakers = [quote.speaker for quote in spoken if not quote.off_screen]
    subjects = [name for name in staging.subjects if name not in off_screen or name in speakers]
    # Who speaks is on screen unless the text says otherwise.
    subjects += [name for name in dict.fromkeys(speakers) if name not in subjects]
    lines = tuple(
        Line.model_construct(speaker=q.speaker, text=q.text, language=q.language, delivery=q.delivery) for q in spoken
    )
    return {
        "seconds": given.seconds,
        "size": size,
        "angle": given.angle or find_angle(prose),
        "subjects": subjects,
        "actions": [action.model_dump() for action in _with_delivery(staging.actions, spoken, subjects)],
        "camera": [move.model_dump() for move in given.camera or find_moves(prose)],
        "lines": [line.model_dump() for line in lines],
        "place": given.place or find_place(prose),
        "time_of_day": given.time_of_day or find_time_of_day(prose),
        "heard": [heard.model_dump() for heard in given.heard],
    }


def _with_delivery(actions: tuple[Action, ...], spoken: list[SpokenQuote], subjects: list[str]) -> list[Action]:
    """The actions, with expressions that only the delivery of a line gives ("says happily")."""
    by_name = {action.subject: action for action in actions if action.subject in subjects}
    for quote in spoken:
        expression = find_expression(quote.delivery or "")
        if expression and quote.speaker in subjects:
            action = by_name.get(quote.speaker) or Action(subject=quote.speaker)
            if action.expression == "neutral":
                by_name[quote.speaker] = action.model_copy(update={"expression": expression})
    return list(by_name.values())


def _attributes(block: _Block, masked: Masked, where: str, language: str, problems: ProblemList) -> _Attributes:
    found: dict[str, Any] = {"camera": (), "words": (), "heard": ()}
    parts = [part.strip() for part in _PARTS.split(block.attributes) if part.strip()]
    if block.seconds is not None:
        parts.insert(0, block.seconds.strip())
    for number, part in enumerate(parts):
        seconds = _SECONDS.fullmatch(part)
        said = gloss(part, language)
        moves = find_moves(said, attribute=True)
        facts = _facts(said)
        if seconds:
            found["seconds"] = _decimal(seconds[1])
        elif moves or facts:
            found["camera"] += moves
            found.update({key: value for key, value in facts.items() if key not in found})
        elif part[0].isdigit() or (block.seconds is not None and number == 0):
            what = f"“{masked.restore(part)}” is not a number of seconds"
            problems.add(where, what, "Write it as in: Shot 1 (3s): …")
        else:
            found["words"] += (masked.restore(part) + ".",)
            _hear(masked.restore(part), found)
    return _Attributes(**found)


def _facts(part: str) -> dict[str, str]:
    """What the tables know of a part of the parentheses, in English words, but for seconds and camera moves."""
    facts = {
        "size": find_size(part, attribute=True),
        "angle": find_angle(part),
        "place": find_place(part, attribute=True),
        "time_of_day": find_time_of_day(part),
        "transition": find_transition(part, attribute=True),
    }
    return {key: value for key, value in facts.items() if value}


def _hear(part: str, found: dict[str, Any]) -> None:
    """Adds to `found` what the encoder makes of a part that no table knows."""
    for heard in hear_attributes(part):
        if heard.field == "camera":
            found["camera"] += (CameraMove(kind=heard.read_as, **move_of(part)),)
        elif heard.field in found:
            continue
        else:
            found[heard.field] = heard.read_as
        found["heard"] += (heard,)


def _fill_seconds(shots: list[dict[str, Any]], total: float | None, problems: ProblemList) -> None:
    needs = [lines_need(Line.model_construct(**line) for line in shot["lines"]) for shot in shots]
    shared = share_seconds([shot.get("seconds") for shot in shots], needs, total)
    if shared is None:
        given = sum(shot.get("seconds", 0.0) for shot in shots)
        open_shots = ", ".join(str(number) for number, shot in enumerate(shots, 1) if "seconds" not in shot)
        what = f"no second is left for shot {open_shots}: the others already take {given:g} s"
        problems.add("script", what, "Give every shot its seconds, or shorten the others.")
        shared = [shot.get("seconds", 1.0) for shot in shots]
    for shot, seconds in zip(shots, shared):
        shot["seconds"] = seconds
