"""The quality of the embedded model as one command, which can be stopped and goes on where it stopped.

    python -m benchmarks.previz_quality [--scenes 200] [--seeds 3] [--limit-minutes M] [--out-dir out/previz_quality]
    python -m benchmarks.previz_quality --ablate [--scenes 12]
    python -m benchmarks.previz_quality --table README.md

Every scene is filmed with each seed, drawn as the true render (the ceiling) and filmed without its references (the
floor, first seed only), and each of them measured against the plan. The first command leaves a file of JSON lines a
scene and `summary.json`; the second films the same scenes with rules, guidance and steps varied and leaves
`ablation.json`; the third writes the first one's figures between the markers of a Markdown file.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.previz_quality.ablation import summarise_ablation, variants
from benchmarks.previz_quality.films import Studio
from benchmarks.previz_quality.records import Records, write_json
from benchmarks.previz_quality.scenes import BenchmarkScene, benchmark_scene
from benchmarks.previz_quality.summary import summarise, table, write_table
from benchmarks.results import describe_machine
from kling_core.backbone import Settings
from kling_core.continuity.identity import INSTRUMENT, instrument_error


def main() -> int:
    arguments = _arguments()
    if arguments.table:
        figures = json.loads((arguments.out_dir / "summary.json").read_text(encoding="utf-8"))
        write_table(arguments.table, table(figures["figures"]))
        return 0
    studio = Studio(arguments.device)
    settings = replace(
        studio.backbone.defaults,
        **{name: value for name, value in (("steps", arguments.steps), ("reference_guidance", arguments.guidance))
           if value is not None},
    )  # fmt: skip
    about = {**studio.fingerprints, "settings": asdict(settings)}
    folder = arguments.out_dir / "ablation" if arguments.ablate else arguments.out_dir
    records = Records(folder, about)
    until = time.monotonic() + arguments.limit_minutes * 60
    try:
        run = _ablate if arguments.ablate else _measure
        run(arguments, studio, settings, records, until)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
    found = records.read(arguments.scenes)
    figures = summarise_ablation(found) if arguments.ablate else summarise(found)
    result = {
        "machine": describe_machine(), **about, "instrument": INSTRUMENT,
        "instrument error": instrument_error(studio.reader), "figures": figures,
    }  # fmt: skip
    write_json(arguments.out_dir / ("ablation.json" if arguments.ablate else "summary.json"), result)
    print(json.dumps(result, indent=1))
    if not arguments.ablate:
        print(table(figures))
    return 0


def _measure(
    arguments: argparse.Namespace, studio: Studio, settings: Settings, records: Records, until: float
) -> None:
    for number in range(arguments.scenes):
        jobs = [("truth", None), *(("film", seed) for seed in range(arguments.seeds)), ("floor", 0)]
        missing = [job for job in jobs if not records.has(number, *job)]
        if not missing:
            continue
        scene = benchmark_scene(number)
        prepared = studio.prepare(scene)
        for what, seed in missing:
            if time.monotonic() > until:
                return
            started = time.perf_counter()
            if what == "truth":
                measured = studio.measure_truth(prepared)
            else:
                measured = studio.measure_film(prepared, seed, settings, bind=what == "film")
            _note(records, scene, what, seed, measured, started)


def _ablate(
    arguments: argparse.Namespace, studio: Studio, settings: Settings, records: Records, until: float
) -> None:
    ways = variants(settings)
    for number in range(arguments.scenes):
        missing = [name for name in ways if not records.has(number, name, 0)]
        if not missing:
            continue
        scene = benchmark_scene(number)
        prepared = studio.prepare(scene)
        for name in missing:
            if time.monotonic() > until:
                return
            started = time.perf_counter()
            policy, varied = ways[name]
            measured = studio.measure_film(prepared, 0, varied, policy=policy, people_only=True)
            _note(records, scene, name, 0, measured, started)


def _note(
    records: Records, scene: BenchmarkScene, what: str, seed: int | None, measured: dict[str, Any], started: float
) -> None:
    records.add(scene.number, {"scene": scene.number, "kind": scene.kind, "what": what, "seed": seed, **measured})
    people = measured["identity"]
    right, count = (sum(row[name] for row in people) for name in ("right", "count"))
    print(
        f"scene {scene.number} ({scene.kind}), {what}{'' if seed is None else f' {seed}'}: {right} of {count}, "
        f"{sum(row['swapped'] for row in people)} swapped, {time.perf_counter() - started:.0f} s", flush=True,
    )  # fmt: skip


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="default: the backbone's own")
    parser.add_argument("--guidance", type=float, help="of the references; default: the backbone's own")
    parser.add_argument("--limit-minutes", type=float, default=float("inf"), help="begin no film after so many")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out-dir", type=Path, default=Path("out/previz_quality"))
    parser.add_argument("--ablate", action="store_true", help="vary rules, guidance and steps instead")
    parser.add_argument("--table", type=Path, metavar="README.md", help="only write the table of the last summary")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
