"""Seconds and memory of the demo scene, stage by stage, on this machine.

    python benchmarks/render_demo.py [--steps N] [--seed N] [--device auto] [--out-dir out] [--out FILE.json]

One process renders the demo once: loads the weights, plans, speaks, samples, decodes and writes film, contact sheet
and report into --out-dir. Memory is the most that the process had held by the end of each stage (its resident set), so
it never falls from one stage to the next. What `import torch` takes counts as a stage of its own.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median

from results import describe_machine, publish


class Stopwatch:
    """Seconds and peak memory by stage; a stage lasts until the next one begins."""

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, float]] = {}
        self.step_times: list[float] = []
        self._name: str | None = None
        self._began = time.perf_counter()

    def stage(self, name: str) -> None:
        self._close()
        self._name, self._began = name, time.perf_counter()
        if name == "sample":
            self.step_times.append(self._began)

    def step(self, done: int, steps: int, preview: object) -> None:
        self.step_times.append(time.perf_counter())

    def stop(self) -> None:
        self._close()
        self._name = None

    def seconds_per_step(self) -> list[float]:
        return [round(later - earlier, 3) for earlier, later in zip(self.step_times, self.step_times[1:])]

    def _close(self) -> None:
        from kling_core.scene_report import peak_memory

        if self._name:
            seconds = self.stages.get(self._name, {}).get("seconds", 0.0) + time.perf_counter() - self._began
            self.stages[self._name] = {"seconds": round(seconds, 3), "peak_mb": round(peak_memory() / 2**20)}


def measure(arguments: argparse.Namespace) -> dict:
    watch = Stopwatch()
    began = time.perf_counter()
    watch.stage("import")
    from kling_core.demo import demo_cast, demo_scene
    from kling_core.previz.backbone import DEFAULT_SETTINGS, Previz
    from kling_core.render import render

    watch.stage("load")
    backbone = Previz.load(device=arguments.device)
    watch.stage("cast")
    storyboard, cast = demo_scene(), demo_cast()
    settings = DEFAULT_SETTINGS
    if arguments.steps:
        settings = replace(settings, steps=arguments.steps)
    scene = render(
        storyboard, cast, backbone, seed=arguments.seed, settings=settings, progress=watch.step, stage=watch.stage
    )
    arguments.out_dir.mkdir(parents=True, exist_ok=True)
    names = [arguments.out_dir / name for name in ("demo.mp4", "demo.png", "demo.json")]
    scene.write(names[0], sheet=names[1], report=names[2], stage=watch.stage)
    watch.stop()
    steps = watch.seconds_per_step()
    return {
        "machine": describe_machine(),
        "device": str(backbone.device),
        "seed": arguments.seed,
        "settings": asdict(settings),
        "scene": {
            "seconds": scene.plan.seconds, "shots": len(scene.plan.shots), "frames": scene.plan.frames,
            "size": list(backbone.output_size(scene.plan)), "tokens": scene.plan.tokens,
        },
        "stages": watch.stages,
        "seconds_per_step": {"median": median(steps), "all": steps},
        "seconds": round(time.perf_counter() - began, 2),
        "peak_mb": max(stage["peak_mb"] for stage in watch.stages.values()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, help="default: the backbone's own")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out-dir", type=Path, default=Path("out"))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    publish(measure(arguments), arguments.out)


if __name__ == "__main__":
    main()
