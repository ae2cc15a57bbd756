"""Turns what pydantic says about users' data into KlingErrors with a place a director understands."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from kling_core.errors import KlingError, Problem
from kling_core.storyboard.storyboard import Storyboard

_PART_NAMES = {"shots": "shot", "lines": "line", "actions": "action", "camera": "camera move", "subjects": "subject"}
_TEXT_SHOWN = 40


def validated(data: Any) -> Storyboard:
    """A Storyboard from plain data.

    Raises KlingError with every mistake at once, each with its place ("shot 3, line 2, speaker").
    """
    try:
        return Storyboard.model_validate(data)
    except ValidationError as error:
        raise KlingError(*(_problem(detail) for detail in error.errors(include_url=False))) from None


def human_place(location: tuple[int | str, ...]) -> str:
    """("shots", 2, "lines", 1, "speaker") as "shot 3, line 2, speaker"."""
    parts: list[str] = []
    for part in location:
        if isinstance(part, int):
            name = parts.pop() if parts else "item"
            parts.append(f"{_PART_NAMES.get(name, name)} {part + 1}")
        else:
            parts.append(part)
    return ", ".join(parts) or "storyboard"


def _problem(detail: dict[str, Any]) -> Problem:
    context, kind = detail.get("ctx", {}), detail["type"]
    where = human_place(detail["loc"])
    given = _shown(detail.get("input"))
    if kind == "missing":
        return Problem(where, "is missing", "Add it.")
    if kind == "extra_forbidden":
        return Problem(where, "is not a field of a storyboard", "Remove it, or look up its spelling in the schema.")
    if kind == "literal_error":
        return Problem(where, f"{given} is not known", f"Use one of {context['expected']}.")
    if kind == "string_too_long":
        longest = context["max_length"]
        return Problem(where, f"{len(detail['input'])} characters, at most {longest}", "Shorten the text.")
    if kind == "string_too_short":
        return Problem(where, "is empty", "Write something or remove it.")
    return Problem(where, f"{given}: {detail['msg'][:1].lower()}{detail['msg'][1:]}", "Correct the value.")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _TEXT_SHOWN else text[: _TEXT_SHOWN - 1] + "…"
