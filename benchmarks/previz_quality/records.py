"""What has been measured so far: one file of JSON lines a scene, so that a run can stop and go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.json_lines import add_line, read_lines, write_json


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
        return any(record["what"] == what and record["seed"] == seed for record in read_lines(self._path(scene)))

    def add(self, scene: int, record: dict[str, Any]) -> None:
        add_line(self._path(scene), record)

    def read(self, scenes: int) -> list[dict[str, Any]]:
        return [record for scene in range(scenes) for record in read_lines(self._path(scene))]

    def _path(self, scene: int) -> Path:
        return self.folder / f"scene-{scene:04}.jsonl"
