"""What stays of a scene while the rest is sampled, as ComfyUI's samplers take it: a latent to start from, and a mask,
1 where it is made anew."""

from __future__ import annotations

import torch

from kling_core.backbone import Keep, Latents


def started(start: Latents, keep: Keep) -> Latents:
    """What sampling starts from: `start` with the value of `keep` wherever any of it stays."""
    return Latents(
        torch.where(keep.video[:, None] > 0, keep.latents.video, start.video),
        torch.where(_along(keep.audio, start.audio) > 0, keep.latents.audio, start.audio),
    )


def mask_of(keep: Keep, given: Latents | None, like: Latents) -> Latents:
    """1 where all is made anew, for latents of the shape of `like`. given: a mask that the scene has already."""
    free = Latents((1 - keep.video)[:, None], _along(1 - keep.audio, like.audio))
    if given is None:
        return free
    return Latents(torch.minimum(free.video, given.video), torch.minimum(free.audio, given.audio))


def pinned(found: Latents, keep: Keep) -> Latents:
    """What is kept whole at its value, to the bit."""
    return Latents(
        torch.where((keep.video == 1)[:, None], keep.latents.video, found.video),
        torch.where(_along(keep.audio == 1, found.audio), keep.latents.audio, found.audio),
    )


def _along(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """[tokens] with as many dimensions as `like`, [tokens, …]."""
    return values.reshape(-1, *(1,) * (like.dim() - 1))
