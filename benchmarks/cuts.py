"""Whether the cuts of a film lie where its plan put them, found in the pictures alone.

    python benchmarks/cuts.py FILM.mp4 REPORT.json [--out FILE.json]

PySceneDetect's content detector looks for the cuts; REPORT.json, which `kling render --report` wrote, says where they
should be. Errors are in frames, positive where the film cuts late. Exit code 1 if a cut is missing, one too many was
found, or one is more than a latent frame off.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from results import publish
from scenedetect import ContentDetector, detect


def found_cuts(film: Path, shortest_shot: int) -> list[int]:
    """Frames at which a new shot begins."""
    scenes = detect(str(film), ContentDetector(min_scene_len=shortest_shot))
    return [start.frame_num for start, _ in scenes[1:]]


def compare(planned: list[int], found: list[int], tolerance: int) -> dict:
    """Each planned cut with the nearest one found, and those found that no planned cut is near."""
    nearest = {cut: min(found, key=lambda other: abs(other - cut), default=None) for cut in planned}
    errors = {cut: None if at is None or abs(at - cut) > tolerance else at - cut for cut, at in nearest.items()}
    return {
        "planned": planned,
        "found": found,
        "error_frames": list(errors.values()),
        "missing": [cut for cut, error in errors.items() if error is None],
        "too_many": [at for at in found if all(abs(at - cut) > tolerance for cut in planned)],
        "largest_error_frames": max((abs(error) for error in errors.values() if error is not None), default=None),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path)
    parser.add_argument("report", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    plan = json.loads(arguments.report.read_text(encoding="utf-8"))["plan"]
    latent = plan["grid"]["frames_per_latent"]
    result = compare([shot["start_frame"] for shot in plan["shots"][1:]], found_cuts(arguments.film, latent), latent)
    publish(result, arguments.out)
    return 1 if result["missing"] or result["too_many"] else 0


if __name__ == "__main__":
    sys.exit(main())
