"""The quality of the embedded model as one command, which can be stopped and goes on where it stopped.

    python -m benchmarks.previz_quality [--scenes 200] [--seeds 3] [--limit-minutes M] [--out-dir out/previz_quality]
    python -m benchmarks.previz_quality --ablate [--scenes 12]
    python -m benchmarks.previz_quality --table README.md

Every scene is filmed with each seed, drawn as the true render (the ceiling) and filmed without its references (the
floor, first seed only), and each of them measured against the plan. The first command leaves a file of JSON lines a
scene and `summary.json`; the second films the same scenes with rules, guidance and steps varied and leaves
`ablation.json`; the third writes what figures there are between the markers of a Markdown file.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.json_lines import write_json
from benchmarks.previz_quality.ablation import ablation_jobs, ablation_table, summarise_ablation
from benchmarks.previz_quality.crew import Job, film_scenes
from benchmarks.previz_quality.films import fingerprints
from benchmarks.previz_quality.records import Records
from benchmarks.previz_quality.summary import summarise, table, write_table
from benchmarks.results import describe_machine
from kling_core.continuity.identity import INSTRUMENT, instrument_error
from kling_core.previz.backbone import DEFAULT_SETTINGS
from kling_core.previz.reader import Reader


def main() -> int:
    arguments = _arguments()
    if arguments.table:
        for name, as_table in (("summary", table), ("ablation", ablation_table)):
            measured = arguments.out_dir / f"{name}.json"
            if measured.exists():
                figures = json.loads(measured.read_text(encoding="utf-8"))["figures"]
                write_table(arguments.table, f"previz_quality {name}", as_table(figures))
        return 0
    settings = replace(
        DEFAULT_SETTINGS,
        **{name: value for name, value in (("steps", arguments.steps), ("reference_guidance", arguments.guidance))
           if value is not None},
    )  # fmt: skip
    made_with = fingerprints()
    about = {**made_with, "settings": asdict(settings)}
    # What the stage draws is the same for all weights of the model.
    truths = Records(arguments.out_dir / "truth", {name: made_with[name] for name in ("reader", "code")})
    films = Records(arguments.out_dir / "ablation" if arguments.ablate else arguments.out_dir, about)
    if arguments.ablate:
        jobs = ablation_jobs(settings, films)
    else:
        jobs = [Job("truth", None, truths), *(Job("film", seed, films, settings) for seed in range(arguments.seeds))]
        jobs += [Job("floor", 0, films, settings, bind=False, people_only=True)] * bool(arguments.seeds)
    until = time.time() + arguments.limit_minutes * 60
    try:
        film_scenes(arguments.scenes, jobs, arguments.device, arguments.workers, until)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
    found = films.read(arguments.scenes)
    figures = summarise_ablation(found) if arguments.ablate else summarise(found + truths.read(arguments.scenes))
    result = {
        "machine": describe_machine(), **about, "instrument": INSTRUMENT,
        "instrument error": instrument_error(Reader.load()), "figures": figures,
    }  # fmt: skip
    write_json(arguments.out_dir / ("ablation.json" if arguments.ablate else "summary.json"), result)
    print(json.dumps(result, indent=1))
    if not arguments.ablate:
        print(table(figures))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="default: the backbone's own")
    parser.add_argument("--guidance", type=float, help="of the references; default: the backbone's own")
    parser.add_argument("--limit-minutes", type=float, default=float("inf"), help="begin no film after so many")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="scenes at once; default: one a core")
    parser.add_argument("--out-dir", type=Path, default=Path("out/previz_quality"))
    parser.add_argument("--ablate", action="store_true", help="vary rules, guidance and steps instead")
    parser.add_argument("--table", type=Path, metavar="README.md", help="only write the tables of the last figures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
