"""Our directing on a large model, measured as one command, which can be stopped and goes on where it stopped.

    python -m benchmarks.large_models WORKFLOW.json --family h3|ltx|wan|wan-5b --cast NAME,NAME

WORKFLOW.json is one of workflows/api with your own loader files in it, exported from ComfyUI with Export (API). ComfyUI
must be running (--server). Of every seed, one film is made from the words alone and one with the two elements for each
routing; each is fetched, measured against its plan, and noted in --out-dir, where result.md is what to send back. See
docs/measure_large_models.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.json_lines import add_line, read_lines, write_json
from benchmarks.large_models.comfyui import POLL_SECONDS, ComfyUI
from benchmarks.large_models.measure import Instruments, measure
from benchmarks.large_models.people import fingerprint, load_people, require_two_people
from benchmarks.large_models.protocol import FAMILIES, ROUTINGS, SEEDS, Run, runs
from benchmarks.large_models.summary import notes, page, summarise
from benchmarks.large_models.workflow import load_workflow
from kling_core import __version__
from kling_core.console import printable
from kling_core.errors import KlingError, ProblemList
from kling_core.media import read_video


class Protocol:
    """Everything given and found fit, before the first film. Raises KlingError with all that is not, at once."""

    def __init__(self, arguments: argparse.Namespace, poll_seconds: float):
        self.family = FAMILIES[arguments.family]
        self.listed = [name.strip() for name in arguments.cast.split(",")]
        self.server = ComfyUI(arguments.server, poll_seconds)
        problems = ProblemList()
        self.workflow = problems.gather(load_workflow, arguments.workflow, self.family)
        self.cast = problems.gather(load_people, self.listed)
        self.instruments = problems.gather(Instruments, arguments.puppets)
        if self.cast and self.instruments:
            problems.gather(require_two_people, self.cast, self.instruments)
        kinds = [node["class_type"] for node in self.workflow.nodes.values()] if self.workflow else []
        problems.gather(self.server.require_ready, kinds, self.listed)
        problems.raise_if_any()
        self.runs = runs(self.family, arguments.seeds, arguments.routings)
        self.folder = arguments.out_dir
        (self.folder / "films").mkdir(parents=True, exist_ok=True)
        self.about = {
            "version": __version__, "family": self.family.name, "workflow": self.workflow.name,
            "models": self.workflow.models, "settings": self.workflow.settings, "cast": self.cast.names,
            "instruments": self.instruments.names,
        }  # fmt: skip
        self._elements = [fingerprint(name) for name in self.listed]
        self._by = {"family": self.family.name, **self.about["instruments"]}

    def measured(self, run: Run) -> dict[str, Any] | None:
        key = self._key(run)
        found = (line for line in self._lines("measured") if line["key"] == key)
        return next((line for line in found if line["by"] == self._by), None)

    def carry_out(self, run: Run) -> dict[str, Any]:
        """Films and measures; a film that was made before is only measured."""
        key = self._key(run)
        film = self.folder / "films" / f"{key}.mp4"
        made = next((line for line in self._lines("made") if line["key"] == key), None)
        if made is None or not film.is_file():
            there = self.server.make(self.workflow.directed(run, self.listed))
            self.server.fetch(there.film, film)
            made = {"key": key, "arm": run.arm, "seed": run.seed, "seconds": there.seconds}
            add_line(self.folder / "made.jsonl", made)
        figures = measure(read_video(film), self.family, self.cast, run.seed, self.instruments)
        record = {**made, "by": self._by, **figures}
        add_line(self.folder / "measured.jsonl", record)
        return record

    def publish(self, machine: dict[str, Any]) -> None:
        """Writes result.json and result.md of what has been measured so far, and prints the latter."""
        records = [record for run in self.runs if (record := self.measured(run))]
        if not records:
            return
        shape = "{width} x {height}, {frames} frames, {fps:g} fps"
        sizes = dict.fromkeys(shape.format(**record["film"]) for record in records)
        result = {
            "about": self.about, "machine": machine, "film": "; ".join(sizes),
            "seeds": sorted({record["seed"] for record in records}),
            "notes": notes(records, self.family.speaks), "figures": summarise(records), "records": records,
        }  # fmt: skip
        write_json(self.folder / "result.json", result)
        text = page(result)
        (self.folder / "result.md").write_text(text + "\n", encoding="utf-8")
        print("\n" + printable(text))

    def _key(self, run: Run) -> str:
        """Of all that decides a film: every node as it is sent, who the elements are, and the pack."""
        nodes = self.workflow.directed(run, self.listed)
        decisive = json.dumps([nodes, self._elements, __version__], sort_keys=True)
        return hashlib.sha256(decisive.encode()).hexdigest()[:16]

    def _lines(self, name: str) -> list[dict[str, Any]]:
        return read_lines(self.folder / f"{name}.jsonl")


def main(arguments: Sequence[str] | None = None, poll_seconds: float = POLL_SECONDS) -> int:
    """The exit code: 0 once all is measured, 1 where it stopped before, 2 where something was not fit to begin."""
    try:
        protocol = Protocol(_arguments(arguments), poll_seconds)
        machine = protocol.server.machine()
    except KlingError as problems:
        print(printable(str(problems)), file=sys.stderr)
        return 2
    code = 0
    try:
        _carry_out_all(protocol)
    except KlingError as problems:
        print(printable(str(problems)), file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        code = 1
    protocol.publish(machine)
    return code


def _carry_out_all(protocol: Protocol) -> None:
    missing = [run for run in protocol.runs if not protocol.measured(run)]
    print(f"{len(missing)} of {len(protocol.runs)} films to make", flush=True)
    seconds = []
    for number, run in enumerate(missing, 1):
        record = protocol.carry_out(run)
        seconds += [record["seconds"]] if record["seconds"] is not None else []
        left = (len(missing) - number) * median(seconds) / 60 if seconds else 0
        took = "from the server's cache" if record["seconds"] is None else f"{record['seconds']:.0f} s"
        print(f"{number} of {len(missing)}: seed {run.seed}, {run.arm}: {took}; about {left:.0f} min left", flush=True)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.large_models", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("workflow", type=Path, help="in API form, with your loader files in it")
    parser.add_argument("--family", choices=FAMILIES, required=True, help="of the model in the workflow")
    parser.add_argument("--cast", required=True, metavar="NAME,NAME", help="two people, as Load Element lists them")
    parser.add_argument("--server", default="http://127.0.0.1:8188", help="default: %(default)s")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="seeds 0 to N-1; default: %(default)s")
    parser.add_argument("--routings", nargs="+", choices=ROUTINGS, default=ROUTINGS, help="default: all three")
    parser.add_argument("--puppets", action="store_true", help="films of puppets, as the embedded model makes them")
    parser.add_argument("--out-dir", type=Path, default=Path("out/large_models"), help="default: %(default)s")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
