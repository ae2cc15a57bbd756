"""Whether the cuts of a film lie where its plan put them, found in the pictures alone.

    python benchmarks/cuts.py FILM.mp4 REPORT.json [--out FILE.json]

REPORT.json, which `kling render --report` wrote, says where the cuts should be; `kling check`'s detector looks for
them. Errors are in frames, positive where the film cuts late. Exit code 1 if a cut is missing, one too many was found,
or one is more than a latent frame off.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from results import publish

from kling_core.continuity.cuts import find_cuts, match_cuts
from kling_core.media import read_video


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path)
    parser.add_argument("report", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    plan = json.loads(arguments.report.read_text(encoding="utf-8"))["plan"]
    planned = [shot["start_frame"] for shot in plan["shots"][1:]]
    found = find_cuts(read_video(arguments.film).frames)
    report = match_cuts(found, planned, plan["grid"]["frames_per_latent"])
    missing = [cut.planned for cut in report.cuts if cut.found is None]
    errors = [cut.error for cut in report.cuts]
    publish({
        "planned": planned,
        "found": found,
        "error_frames": errors,
        "missing": missing,
        "too_many": list(report.too_many),
        "largest_error_frames": max((abs(error) for error in errors if error is not None), default=None),
    }, arguments.out)  # fmt: skip
    return 1 if missing or report.too_many else 0


if __name__ == "__main__":
    sys.exit(main())
