"""Which of several takes is the best: each is measured against its plan, and the figures say why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from kling_core.backbone import Progress
    from kling_core.continuity.report import Report
    from kling_core.render import Scene


@dataclass(frozen=True)
class Rated:
    """A take and what `continuity.check` found. number: of the take, from 1."""

    number: int
    seed: int
    report: "Report"

    def beats(self, other: Rated | None) -> bool:
        """By the score; of equals by fewer shots that fail; then the earlier one stays."""
        return other is None or self._rank() > other._rank()

    def _rank(self) -> tuple[float, int]:
        return self.report.score, -len(self.report.failed_shots)

    def __str__(self) -> str:
        figures = "".join(f"  {measure} {value:.2f}" for measure, value in self.report.scores.items())
        failed = ", ".join(str(shot + 1) for shot in self.report.failed_shots)
        fails = f"shots that fail: {failed}" if failed else "every shot passes"
        return f"take {self.number} (seed {self.seed})  score {self.report.score:.3f}{figures}  {fails}"


def why_best(best: Rated, takes: list[Rated]) -> str:
    """One line: which take stays, and what it has over the next best."""
    head = f"take {best.number} (seed {best.seed}) is the best of {len(takes)}"
    others = [take for take in takes if take is not best]
    if not others:
        return head
    second = max(others, key=Rated._rank)
    if best.report.score == second.report.score:
        return f"{head}: as good as take {second.number}, " + _tie(best, second)
    lead = {
        measure: value - second.report.scores[measure]
        for measure, value in best.report.scores.items() if measure in second.report.scores
    }
    most = max(lead, key=lead.get, default=None)
    why = f", most of it by {most}, {lead[most]:+.2f}" if most and lead[most] >= 0.01 else ""
    return f"{head}: {best.report.score:.3f} against {second.report.score:.3f} of take {second.number}{why}"


def check_scene(scene: "Scene", progress: "Progress | None" = None) -> tuple[np.ndarray, "Report"]:
    """The film's frames, uint8 [T, H, W, 3], and how it measures against its plan."""
    from kling_core.continuity.check import check

    plan, portions, done = scene.plan, [], 0
    for frames in scene.pictures():
        portions.append(frames)
        done += len(frames)
        if progress:
            progress(done, plan.frames, None)
    film = np.concatenate(portions)
    return film, check(film, scene.sound, plan.grid.audio_rate, plan, scene.cast, scene.speech)


def _tie(best: Rated, second: Rated) -> str:
    fewer = len(second.report.failed_shots) - len(best.report.failed_shots)
    return f"but {fewer} shot{'s' * (fewer > 1)} fewer fail{'s' * (fewer == 1)}" if fewer else "but earlier"
