"""What is seen of a film while it is sampled: ComfyUI's step callback, handed on as our Progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from kling_core.backbone import Progress


@dataclass
class StepCallback:
    """steps: of all experts together. latents: those that are shown. latent_format: of the model. done: steps of an
    earlier expert."""

    steps: int
    progress: Progress | None
    latents: Sequence[int]
    latent_format: Any
    done: int = 0

    def __call__(self, step: int, x0: Any, x: Any, total: int) -> None:
        if self.progress is not None:
            video = x0.unbind()[0] if x0.is_nested else x0
            shown = rough_colours(video[0][:, self.latents], self.latent_format)
            self.progress(self.done + step + 1, self.steps, shown)


def rough_colours(video: torch.Tensor, latent_format: Any) -> torch.Tensor | None:
    """Latents [C, T, H, W] in rough colours, [T, H, W, 3] in [0, 1]; None where nobody knows them."""
    factors = latent_format.latent_rgb_factors
    if factors is None:
        return None
    bias = getattr(latent_format, "latent_rgb_factors_bias", None) or [0.0] * 3
    colours = torch.einsum("cthw,cr->thwr", video.float().cpu(), torch.tensor(factors))
    return ((colours + torch.tensor(bias) + 1) / 2).clamp(0, 1)
