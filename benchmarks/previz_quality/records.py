"""What has been measured so far: one file of JSON lines a scene, so that a run can stop and go on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np


class Records:
    """The files of one folder. Refuses, with SystemExit, a folder that was made with other weights, code or
    settings."""

    def __init__(self, folder: Path, about: dict[str, Any]):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        noted = folder / "about.json"
        if noted.exists() and json.loads(noted.read_text(encoding="utf-8")) != about:
            raise SystemExit(f"{folder} holds results of other weights, code or settings: choose another --out-dir")
        write_json(noted, about)

    def has(self, scene: int, what: str, seed: int | None) -> bool:
        return any(record["what"] == what and record["seed"] == seed for record in self._of(scene))

    def add(self, scene: int, record: dict[str, Any]) -> None:
        path = self._path(scene)
        cut_off = path.exists() and not path.read_bytes().endswith(b"\n")
        with path.open("a", encoding="utf-8") as file:
            file.write("\n" * cut_off + json.dumps(record, default=_plain) + "\n")

    def read(self, scenes: int) -> list[dict[str, Any]]:
        return [record for scene in range(scenes) for record in self._of(scene)]

    def _of(self, scene: int) -> list[dict[str, Any]]:
        path = self._path(scene)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [record for line in lines if (record := _whole(line))]

    def _path(self, scene: int) -> Path:
        return self.folder / f"scene-{scene:04}.jsonl"


def _whole(line: str) -> dict[str, Any] | None:
    """A record, or None for a line that was cut off when a run was killed."""
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is nothing that JSON holds")


def write_json(path: Path, value: Any) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, indent=1, default=_plain) + "\n", encoding="utf-8")
    os.replace(temporary, path)
