"""Results that survive a kill: JSON lines that are added one by one, and JSON files that appear whole."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np


def add_line(path: Path, record: dict[str, Any]) -> None:
    cut_off = path.exists() and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" * cut_off + json.dumps(record, default=_plain) + "\n")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All records, without a line that was cut off when a run was killed; none where there is no file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [record for line in lines if (record := _whole(line))]


def write_json(path: Path, value: Any) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, indent=1, default=_plain) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def _whole(line: str) -> dict[str, Any] | None:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is nothing that JSON holds")
