"""The Backbone protocol: what a model family must offer so that every storyboard runs on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch

    from kling_core.elements.element import Cast
    from kling_core.plan.grid import Grid
    from kling_core.plan.plan import Plan
    from kling_core.sound.speech import SpokenLine

Progress = Callable[[int, int, "torch.Tensor | None"], None]
"""progress(step, steps, preview): called after each step; preview is [F, H, W, 3] float in [0, 1] or None. It may
raise the host's interrupt."""


@dataclass(frozen=True)
class Limits:
    """What a backbone can take in one scene.

    views_per_element: None where the backbone counts tokens and chooses references itself, see its forecast. dissolves:
    whether it can be asked for other transitions than cuts.
    """

    shots: int
    seconds: tuple[float, float]
    elements: int
    views_per_element: int | None
    subjects_per_shot: int
    dissolves: bool = False


@dataclass(frozen=True)
class Settings:
    """How to sample. Guidance scales: 1 = off. `solver` is a name from `sampling.solvers.SOLVERS`."""

    steps: int = 8
    solver: str = "euler"
    reference_guidance: float = 1.0
    text_guidance: float = 1.0
    audio_guidance: float = 1.0


@dataclass(frozen=True)
class Latents:
    """video: [T, C, H, W] float, audio: [tokens, …] float, both on the CPU. T latents; tokens of one track after those
    of the other, none where the model makes no sound."""

    video: "torch.Tensor"
    audio: "torch.Tensor"

    def settled(self) -> "Latents":
        """Rounded to half precision, which is what a take's file holds. Rounding again changes nothing."""
        return Latents(self.video.half().float(), self.audio.half().float())


@dataclass(frozen=True)
class Keep:
    """What stays as it is while the rest is sampled: first and last frame, given pictures and sound, other shots.

    video: [T, H, W] and audio: [tokens] float masks, 1 = keep the value of `latents`, 0 = generate. In between a token
    starts from that value at noise level 1 - mask instead of from pure noise, which is how a guide is followed.
    """

    latents: Latents
    video: "torch.Tensor"
    audio: "torch.Tensor"


class Conditioning(Protocol):
    """A scene as a model is told it: its own business, but for `notes`, a sentence for each thing that it is told
    otherwise than the director wrote it, or cannot be told."""

    notes: tuple[str, ...]


class Backbone(Protocol):
    """A model family behind one contract. Methods run in the order in which they stand here.

    defaults: how its weights are sampled best. licence: the name of their licence, for the report of every scene.
    weights: tells its weights from any others, in at most 64 characters, for takes. speaks: whether the sound that it
    makes has the lines in it. audio_axis: where the host's audio latents, [C, …] without a batch, have their time.
    """

    grid: "Grid"
    limits: Limits
    defaults: Settings
    licence: str
    weights: str
    speaks: bool
    audio_axis: int

    def condition(
        self,
        plan: "Plan",
        cast: "Cast",
        speech: "tuple[SpokenLine, ...]" = (),
        *,
        first_frame: "np.ndarray | None" = None,
        last_frame: "np.ndarray | None" = None,
    ) -> Conditioning:
        """Everything that the model is told. first_frame, last_frame: uint8 [H, W, 3] that the film is to begin and to
        end with."""
        ...

    def sample(
        self, conditioning: Conditioning, *, seed: int, settings: Settings, keep: Keep | None = None,
        progress: Progress | None = None,
    ) -> Latents: ...

    def forecast(self, plan: "Plan", cast: "Cast") -> str:
        """What sampling will take, and what of the cast is told the model, for people."""
        ...

    def empty(self, plan: "Plan") -> Latents:
        """Zeros of the shapes that `sample` makes of this plan."""
        ...

    def encode_video(self, portions: "Iterable[np.ndarray]", plan: "Plan") -> "torch.Tensor":
        """A guide as clean latents [T, C, H, W], each shot by itself. portions: uint8 [t, H, W, 3], of `plan.size` and
        together of the plan's length."""
        ...

    def decode_video(
        self,
        latents: Latents,
        plan: "Plan",
        cast: "Cast",
        speech: "tuple[SpokenLine, ...]" = (),
        *,
        memory_budget: int | None = None,
    ) -> "Iterator[np.ndarray]":
        """uint8 [T, H, W, 3], shot by shot. Who is cast and what is said may sharpen the pictures, or be ignored."""
        ...

    def decode_audio(self, latents: Latents, plan: "Plan") -> "np.ndarray": ...
