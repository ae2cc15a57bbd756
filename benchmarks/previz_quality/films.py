"""Films to measure: of a prepared scene, generated with or without references, or drawn as the true render."""

from __future__ import annotations

import hashlib
import time
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
from kling_core.previz.backbone import POLICY, Previz
from kling_core.previz.conditioning import Conditioning
from kling_core.previz.draft import draft
from kling_core.previz.training.provenance import code
from kling_core.sound.speech import SpokenLine, speak


@dataclass(frozen=True)
class Prepared:
    """A planned and spoken scene. `unbound` is the plan of the same scene without its references."""

    cast: Cast
    plan: Plan
    unbound: Plan
    speech: tuple[SpokenLine, ...]


@dataclass(frozen=True)
class _Conditioned:
    """The conditioning of a plan, and how long it took."""

    plan: Plan
    conditioning: Conditioning
    seconds: float


def fingerprints() -> dict[str, str]:
    """What decides the figures: SHA-256 of the shipped weights of the model and of the reader that judges it, and the
    code that draws, samples and measures."""
    files = {"weights": weights_file.SHIPPED, "reader": reader.SHIPPED}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} | {"code": code()}


class Studio:
    """The shipped model and the reader that judges it, loaded once."""

    def __init__(self, device: str):
        self.backbone, self.reader = Previz.load(device=device), reader.Reader.load()
        self._conditioned: _Conditioned | None = None

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

    def measure_film(
        self,
        scene: Prepared,
        seed: int,
        settings: Settings,
        *,
        bind: bool = True,
        policy: Policy = POLICY,
        people_only: bool = False,
    ) -> dict[str, Any]:
        """One take. seconds: of conditioning, sampling and decoding it, without the measuring."""
        plan, cast = (scene.plan, scene.cast) if bind else (scene.unbound, scene.cast.unbound())
        conditioned = self._condition(plan, cast, scene.speech)
        self.backbone.policy = policy
        started = time.perf_counter() - conditioned.seconds
        latents = self.backbone.sample(conditioned.conditioning, seed=seed, settings=settings)
        frames = np.concatenate(list(self.backbone.decode_video(latents, plan, cast, scene.speech)))
        seconds = round(time.perf_counter() - started, 2)
        if people_only:
            measured = measure_people(frames, plan, scene.cast, self.reader)
        else:
            measured = measure_film(frames, plan, scene.cast, scene.speech, self.reader)
        return {"seconds": seconds, **measured}

    def _condition(self, plan: Plan, cast: Cast, speech: tuple[SpokenLine, ...]) -> _Conditioned:
        """What all takes of one plan have in common, made once."""
        if self._conditioned is None or self._conditioned.plan is not plan:
            started = time.perf_counter()
            conditioning = self.backbone.condition(plan, cast, speech)
            self._conditioned = _Conditioned(plan, conditioning, time.perf_counter() - started)
        return self._conditioned
