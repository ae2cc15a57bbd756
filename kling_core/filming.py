"""What `kling render` and `kling demo` do once everything is given: shoot, or retake, or shoot several times and keep
the best; and what they print."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kling_core.console import ProgressBar, printable
from kling_core.plan.report import plan_text
from kling_core.plan.resolve import plan as resolve
from kling_core.previz.world import LIMITS

if TYPE_CHECKING:
    import numpy as np

    from kling_core.backbone import Backbone
    from kling_core.best_of import Rated
    from kling_core.elements.element import Cast
    from kling_core.plan.plan import Plan
    from kling_core.render import Scene
    from kling_core.retakes import Retake
    from kling_core.storyboard.storyboard import Storyboard


@dataclass(frozen=True)
class Job:
    """A scene, how to shoot it and what to write.

    plan: the storyboard's, for `seed`, and for `retake` if there is one. A retake without shots is of those that fail.
    steps, structure: None leaves them as the backbone, or the take, has them. frames: `first_frame` and `last_frame`,
    those that are given.
    """

    storyboard: "Storyboard"
    cast: "Cast"
    plan: "Plan"
    seed: int
    film: Path
    sheet: Path | None = None
    report: Path | None = None
    take: Path | None = None
    steps: int | None = None
    structure: float | None = None
    takes: int = 1
    retake: "Retake | None" = None
    frames: "dict[str, np.ndarray]" = field(default_factory=dict)

    def plan_for(self, seed: int) -> "Plan":
        if seed == self.seed:
            return self.plan
        seeds = self.retake.seeds(seed) if self.retake else seed
        return resolve(self.storyboard, self.cast, self.plan.grid, LIMITS, seed=seeds)


def carry_out(job: Job) -> None:
    """Prints the plan, makes the film and what belongs to it, and prints where they lie."""
    print(printable(plan_text(job.plan)), flush=True)
    bar = ProgressBar()
    bar.stage("load")
    from kling_core.previz.backbone import Previz

    backbone = Previz.load()
    try:
        if job.retake and not job.retake.shots:
            job = _of_what_fails(job, backbone, bar)
            if not job.retake.shots:
                return
        shoot = _single if job.takes == 1 else _best
        scene = shoot(job, backbone, bar)
    finally:
        bar.close()
    print_notes(scene)
    for path in (job.film, job.sheet, job.report, job.take):
        if path:
            print(path)


def print_notes(scene: "Scene") -> None:
    for note in (*scene.notes, *(line.note for line in scene.speech if line.note)):
        print(printable(f"note: {note}"))


def _single(job: Job, backbone: "Backbone", bar: ProgressBar) -> "Scene":
    scene = _shoot(job, backbone, job.seed, bar, bar.stage)
    _write(job, scene, bar, bar.stage)
    return scene


def _best(job: Job, backbone: "Backbone", bar: ProgressBar) -> "Scene":
    """Every take that is better than those before it is written at once, so that stopping loses nothing."""
    from kling_core.best_of import Rated, check_scene, why_best

    best, kept, rated = None, None, []
    try:
        for number in range(1, job.takes + 1):
            stage = _numbered(bar, number, job.takes)
            scene = _shoot(job, backbone, job.seed + number - 1, bar, stage)
            stage("check")
            frames, report = check_scene(scene, bar)
            take = Rated(number, scene.seed, report)
            if take.beats(best):
                _write(job, scene, bar, stage, frames)
                best, kept = take, scene
            rated.append(take)
            bar.close()
            print(take, flush=True)
    except KeyboardInterrupt:
        bar.close()
        print(_stopped(job, best), flush=True)
        raise
    print(why_best(best, rated))
    return kept


def _stopped(job: Job, best: "Rated | None") -> str:
    if best is None:
        return "stopped before the first take was done: nothing is written"
    return f"stopped: {job.film} has take {best.number} (seed {best.seed}), the best so far"


def _of_what_fails(job: Job, backbone: "Backbone", bar: ProgressBar) -> Job:
    """The job with a retake of the shots in which the take fails."""
    from kling_core.best_of import check_scene

    job.retake.require_backbone(backbone, job.plan)
    bar.stage("check")
    _, report = check_scene(job.retake.scene(job.plan, job.cast, backbone), bar)
    bar.close()
    retake = replace(job.retake, shots=report.failed_shots)
    numbers = ", ".join(str(shot + 1) for shot in retake.shots)
    print(f"shots that fail: {numbers}" if numbers else "every shot passes: there is nothing to retake", flush=True)
    plan = resolve(job.storyboard, job.cast, job.plan.grid, LIMITS, seed=retake.seeds(job.seed))
    return replace(job, retake=retake, plan=plan)


def _shoot(job: Job, backbone: "Backbone", seed: int, bar: ProgressBar, stage: Callable[[str], None]) -> "Scene":
    from kling_core.render import shoot

    settings = job.retake.take.settings if job.retake else backbone.defaults
    structure = job.structure
    if structure is None:
        structure = job.retake.take.structure if job.retake else 0.0
    settings = replace(settings, steps=job.steps or settings.steps)
    return shoot(
        job.plan_for(seed), job.cast, backbone, seed=seed, settings=settings, structure=structure, retake=job.retake,
        progress=bar, stage=stage, **job.frames,
    )


def _write(
    job: Job, scene: "Scene", bar: ProgressBar, stage: Callable[[str], None], frames: "np.ndarray | None" = None
) -> None:
    pictures = None if frames is None else iter([frames])
    scene.write(
        job.film, sheet=job.sheet, report=job.report, take=job.take, pictures=pictures, progress=bar, stage=stage
    )


def _numbered(bar: ProgressBar, number: int, takes: int) -> Callable[[str], None]:
    return lambda name: bar.stage(f"{number}/{takes} {name}")
