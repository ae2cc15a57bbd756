"""Films to measure: of a prepared scene, generated with or without references, or drawn as the true render."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.previz_quality.measure import measure_film, measure_people
from benchmarks.previz_quality.scenes import BenchmarkScene
from kling_core.attention.routing import Policy
from kling_core.backbone import Settings
from kling_core.elements.element import Cast
from kling_core.plan.plan import Plan
from kling_core.plan.resolve import plan as resolve
from kling_core.previz import reader, weights_file
from kling_core.previz.backbone import Previz
from kling_core.previz.draft import draft
from kling_core.previz.training.provenance import code
from kling_core.sound.speech import SpokenLine, speak


@dataclass(frozen=True)
class Take:
    """What differs between films of one plan."""

    seed: int
    settings: Settings
    policy: Policy


@dataclass(frozen=True)
class Prepared:
    """A planned and spoken scene. `unbound` is the plan of the same scene without its references."""

    cast: Cast
    plan: Plan
    unbound: Plan
    speech: tuple[SpokenLine, ...]


def fingerprints() -> dict[str, str]:
    """What decides the figures: SHA-256 of the shipped weights of the model and of the reader that judges it, and the
    code that draws, samples and measures."""
    files = {"weights": weights_file.SHIPPED, "reader": reader.SHIPPED}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} | {"code": code()}


class Studio:
    """The shipped model and the reader that judges it, loaded once."""

    def __init__(self, device: str):
        self.backbone, self.reader = Previz.load(device=device), reader.Reader.load()

    def prepare(self, scene: BenchmarkScene) -> Prepared:
        grid, limits = self.backbone.grid, self.backbone.limits
        plan, unbound = (
            resolve(scene.storyboard, cast, grid, limits, seed=scene.number)
            for cast in (scene.cast, scene.cast.unbound())
        )
        return Prepared(scene.cast, plan, unbound, speak(plan, scene.cast))

    def measure_truth(self, scene: Prepared) -> dict[str, Any]:
        """The stage's own render at the film's size."""
        width, height = self.backbone.output_size(scene.plan)
        frames = np.concatenate(list(draft(scene.plan, scene.cast, width, height, scene.speech)))
        return measure_film(frames, scene.plan, scene.cast, scene.speech, self.reader)

    def measure_takes(
        self, scene: Prepared, takes: Sequence[Take], *, bind: bool, people_only: bool
    ) -> list[dict[str, Any]]:
        """Films of one plan, decoded side by side. seconds: of sampling a take, the rest is the same for all."""
        plan, cast = (scene.plan, scene.cast) if bind else (scene.unbound, scene.cast.unbound())
        conditioning = self.backbone.condition(plan, cast, scene.speech)
        sampled, seconds = [], []
        for take in takes:
            self.backbone.policy, started = take.policy, time.perf_counter()
            sampled.append(self.backbone.sample(conditioning, seed=take.seed, settings=take.settings))
            seconds.append(round(time.perf_counter() - started, 2))
        pieces = list(self.backbone.decode_takes(sampled, plan, cast, scene.speech))
        measured = []
        for number, sampling in enumerate(seconds):
            frames = np.concatenate([piece[number] for piece in pieces])
            if people_only:
                figures = measure_people(frames, plan, scene.cast, self.reader)
            else:
                figures = measure_film(frames, plan, scene.cast, scene.speech, self.reader)
            measured.append({"seconds": sampling, **figures})
        return measured
