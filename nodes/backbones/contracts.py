"""What the Backbone node plugs together, and what a family makes of a scene before it is sampled. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kling_core.attention.layout import Layout
from kling_core.attention.routing import Policy

if TYPE_CHECKING:
    import torch
    from comfy.model_patcher import ModelPatcher
    from comfy.sd import CLIP, VAE

    from kling_core.plan.plan import Plan

POSITIVE, NEGATIVE = 0, 1
"""ComfyUI's numbers of the two conditions."""


@dataclass(frozen=True)
class Connected:
    """What is plugged into the Backbone node. low_noise: the second expert of a model that has two."""

    model: ModelPatcher
    clip: CLIP
    vae: VAE
    audio_vae: VAE | None = None
    low_noise: ModelPatcher | None = None


@dataclass(frozen=True)
class Options:
    """How to sample and to route.

    sampler, scheduler: ComfyUI's names, or OWN_SCHEDULER. cfg: 1 = no negative branch. short_edge: of the picture in
    pixels, 0 = the family's own. checkpoint: what weights take, where no file of theirs tells: "references"
    (H3's Ref2VA, Wan's Phantom), "frames" (H3's FL2VA, first and last), or "auto", for H3 whatever the scene has.
    id_lora: whether LTX has its LoRA for voices. moving_guide: whether the stage's own film of the scene goes along as
    a reference video. sigmas: noise levels in place of scheduler and steps, as a scheduler node makes them, or None.
    """

    sampler: str = "euler"
    scheduler: str = "simple"
    cfg: float = 1.0
    steps: int = 20
    short_edge: int = 0
    policy: Policy = Policy.open()
    checkpoint: str = "auto"
    id_lora: bool = False
    moving_guide: bool = False
    sigmas: torch.Tensor | None = None


@dataclass(frozen=True)
class Conditioned:
    """A scene as the model is told it.

    positive, negative: ComfyUI's CONDITIONING. layouts: of the tokens under each, by POSITIVE and NEGATIVE, where it is
    known; others are not routed. latent: what sampling starts from, a tensor [1, C, T, H, W] or a nested one with
    sound. mask: 1 where it is made anew, of the same kind, or None for all of it. notes: what the user should know.
    model: the MODEL with what this scene adds to it, None for the connected one.
    """

    plan: Plan
    positive: list
    negative: list
    layouts: Mapping[int, Layout]
    latent: Any
    mask: Any = None
    notes: tuple[str, ...] = ()
    model: ModelPatcher | None = None
