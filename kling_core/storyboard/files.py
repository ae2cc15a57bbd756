"""Storyboards on disk: JSON or a text script in, JSON out, and the JSON Schema of the JSON form."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kling_core.atomic import replacing
from kling_core.errors import KlingError, Problem
from kling_core.storyboard.script import parse_script
from kling_core.storyboard.storyboard import Storyboard
from kling_core.storyboard.validation import validated

MAX_FILE_BYTES = 1_000_000
SCHEMA_FILE = Path(__file__).with_name("storyboard.schema.json")


def load_storyboard(path: str | Path, names: Iterable[str] = ()) -> Storyboard:
    """A storyboard from a JSON file, or from a text script (any other file name).

    `names` are those of the cast, for scripts that write them without an @. Raises KlingError for a missing or
    oversized file, text that is not UTF-8, and every mistake inside.
    """
    path = Path(path)
    text = _read_text(path)
    if path.suffix.lower() != ".json":
        return parse_script(text, names)
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{path.name}, line {error.lineno}, column {error.colno}"
        raise KlingError(Problem(where, f"not valid JSON: {error.msg}", "Correct the file there.")) from None
    except RecursionError:
        raise KlingError(Problem(path.name, "is nested too deeply", "A storyboard has at most five levels.")) from None
    if isinstance(data, dict):
        data.pop("$schema", None)
    return validated(data)


def save_storyboard(storyboard: Storyboard, path: str | Path) -> None:
    """Writes the storyboard as JSON; the file appears complete or not at all. Unset fields are left out."""
    text = json.dumps(storyboard.model_dump(exclude_defaults=True), indent=2, ensure_ascii=False)
    write_text_atomically(path, text + "\n")


def storyboard_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a storyboard file, for editors and other programs."""
    schema = Storyboard.model_json_schema()
    schema["properties"]["$schema"] = {"type": "string", "description": "Where this schema lies; for editors only."}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def write_text_atomically(path: str | Path, text: str) -> None:
    """Writes a UTF-8 text file through a temporary file beside it, so that no half-written file is ever seen.

    Raises KlingError when the folder does not exist or nothing can be written there.
    """
    path = Path(path)
    try:
        with replacing(path) as draft:
            draft.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        reason = error.strerror or str(error)
        remedy = "Choose another folder, or make room there."
        raise KlingError(Problem(str(path), f"cannot be written: {reason}", remedy)) from None


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise KlingError(Problem(str(path), f"cannot be read: {reason}", "Check the path.")) from None
    if len(raw) > MAX_FILE_BYTES:
        what = f"is larger than {MAX_FILE_BYTES // 1_000_000} MB, which no storyboard is"
        raise KlingError(Problem(str(path), what, "Check that this is the right file."))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 text (byte {error.start})"
        raise KlingError(Problem(str(path), what, "Save it as UTF-8, or check that this is the right file.")) from None


if __name__ == "__main__":
    write_text_atomically(SCHEMA_FILE, json.dumps(storyboard_schema(), indent=2) + "\n")
