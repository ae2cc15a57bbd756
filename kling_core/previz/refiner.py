"""The refiner: what the linear decoder cannot know, because it draws every tubelet alone.

Convolutions over latents, first at one cell a token, then at 2 x 2 and 4 x 4 cells a token, add detail to a bicubic
enlargement of the linear decoder's frames: seams between tubelets go, edges become sharp, the size doubles.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from kling_core.previz.world import GRID, PATCH, UPSCALE, VIDEO_CHANNELS

_WIDTHS, _LAYERS = (160, 96, 48), (3, 2, 1)  # from one cell a token to 4 x 4
_CELL = PATCH * UPSCALE // 2 ** (len(_WIDTHS) - 1)  # pixels a side of the smallest cell, in the finished frames


class Refiner(nn.Module):
    """Latents, those before them, and their linear decoding -> finished frames."""

    def __init__(self, widths: tuple[int, ...] = _WIDTHS, layers: tuple[int, ...] = _LAYERS):
        super().__init__()
        self.enter = nn.Conv2d(2 * VIDEO_CHANNELS, widths[0], 3, padding=1)
        self.levels = nn.ModuleList(
            nn.Sequential(*(_Residual(width) for _ in range(count))) for width, count in zip(widths, layers)
        )
        self.enlarge = nn.ModuleList(nn.Conv2d(small, 4 * large, 1) for small, large in zip(widths, widths[1:]))
        self.leave = nn.Conv2d(widths[-1], GRID.frames_per_latent * 3 * _CELL**2, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, latents: torch.Tensor, before: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        """latents, before: [L, R, C, 128] each, frames: [4 L, 3, 8 R, 8 C] in [-1, 1] -> [4 L, 3, 16 R, 16 C]."""
        x = self.levels[0](self.enter(torch.cat([before, latents], -1).permute(0, 3, 1, 2)))
        for enlarge, level in zip(self.enlarge, self.levels[1:]):
            x = level(F.pixel_shuffle(enlarge(x), 2))
        detail = F.pixel_shuffle(self.leave(F.silu(x)), _CELL)
        base = F.interpolate(frames, scale_factor=UPSCALE, mode="bicubic", align_corners=False)
        return base + detail.reshape(base.shape)


class _Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(F.silu(self.first(F.silu(x))))
