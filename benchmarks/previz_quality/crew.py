"""What is to be filmed of every scene, and the processes that do it side by side."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch

from benchmarks.previz_quality.films import Prepared, Studio, Take
from benchmarks.previz_quality.records import Records
from benchmarks.previz_quality.scenes import benchmark_scene
from kling_core.attention.routing import Policy
from kling_core.backbone import Settings
from kling_core.previz.backbone import DEFAULT_SETTINGS, POLICY

_crew: dict[str, Studio] = {}


@dataclass(frozen=True)
class Job:
    """One film of every scene. what: its name in `records`; "truth" is the stage's own render, anything else a take."""

    what: str
    seed: int | None
    records: Records
    settings: Settings = DEFAULT_SETTINGS
    policy: Policy = POLICY
    bind: bool = True
    people_only: bool = False


def film_scenes(scenes: int, jobs: Sequence[Job], device: str, workers: int, until: float) -> None:
    """Film and record what is missing of the first `scenes` scenes. until: no film begins after that `time.time()`."""
    todo = [(number, left) for number in range(scenes) if (left := missing(number, jobs))]
    if not todo:
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start, initargs=(device, workers)) as pool:
        try:
            for scene in as_completed([pool.submit(_film_scene, number, left, until) for number, left in todo]):
                for line in scene.result():
                    print(line, flush=True)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def missing(number: int, jobs: Sequence[Job]) -> list[Job]:
    """Those of `jobs` that have no record of scene `number` yet."""
    return [job for job in jobs if not job.records.has(number, job.what, job.seed)]


def _start(device: str, workers: int) -> None:
    torch.set_num_threads(max(1, torch.get_num_threads() // workers))
    _crew["studio"] = Studio(device)


def _film_scene(number: int, jobs: Sequence[Job], until: float) -> list[str]:
    """Does `jobs` of one scene and says a line about each."""
    said: list[str] = []
    if time.time() > until:
        return said
    scene, studio = benchmark_scene(number), _crew["studio"]
    prepared = studio.prepare(scene)
    for _, group in groupby(jobs, key=lambda job: (job.what == "truth", job.bind, job.people_only)):
        if time.time() > until:
            break
        together, started = list(group), time.perf_counter()
        for job, measured in zip(together, _measure(studio, prepared, together)):
            about = {"scene": number, "kind": scene.kind, "what": job.what, "seed": job.seed}
            job.records.add(number, {**about, **measured})
            people = measured["identity"]
            right, count = (sum(row[name] for row in people) for name in ("right", "count"))
            said.append(
                f"scene {number} ({scene.kind}), {job.what}{'' if job.seed is None else f' {job.seed}'}: "
                f"{right} of {count}, {sum(row['swapped'] for row in people)} swapped"
            )
        said.append(f"  {len(together)} in {time.perf_counter() - started:.0f} s")
    return said


def _measure(studio: Studio, scene: Prepared, jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """What is measured of films that differ in nothing but their takes."""
    if jobs[0].what == "truth":
        return [studio.measure_truth(scene)]
    takes = [Take(job.seed, job.settings, job.policy) for job in jobs]
    return studio.measure_takes(scene, takes, bind=jobs[0].bind, people_only=jobs[0].people_only)
