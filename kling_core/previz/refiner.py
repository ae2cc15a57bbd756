"""The refiner: what the linear decoder cannot know, because it draws every tubelet alone and small.

The collage is sharper than any latent could carry it, and mostly right about edges; the small picture is right about
light and colour. A guided filter makes one of both. Convolutions over latents, from one cell a token up to one cell a
pixel of the small picture, where the linear decoder's own frames and the collage join them, add what is missing still.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from kling_core.previz.world import COLLAGE_LAYERS, COLLAGE_SCALE, GRID, UPSCALE, VIDEO_CHANNELS

_WIDTHS, _LAYERS = (128, 96, 64, 64), (2, 1, 1, 2)  # from one cell a token to 8 x 8
_RADIUS, _FLAT = 2, 0.003  # pixels; variance of a guide that counts as an edge
_PICTURES = GRID.frames_per_latent * (3 + (COLLAGE_LAYERS - 3) * COLLAGE_SCALE**2)


class Refiner(nn.Module):
    """Latents, those before them, their linear decoding and the collage -> finished frames."""

    def __init__(self, widths: tuple[int, ...] = _WIDTHS, layers: tuple[int, ...] = _LAYERS):
        super().__init__()
        self.enter = nn.Conv2d(2 * VIDEO_CHANNELS, widths[0], 3, padding=1)
        self.levels = nn.ModuleList(
            nn.Sequential(*(_Residual(width) for _ in range(count))) for width, count in zip(widths, layers)
        )
        self.enlarge = nn.ModuleList(nn.Conv2d(small, 4 * large, 1) for small, large in zip(widths, widths[1:]))
        self.pictures = nn.Conv2d(_PICTURES, widths[-1], 3, padding=1)
        self.leave = nn.Conv2d(widths[-1], GRID.frames_per_latent * 3 * UPSCALE**2, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(
        self, latents: torch.Tensor, before: torch.Tensor, frames: torch.Tensor, collage: torch.Tensor
    ) -> torch.Tensor:
        """latents, before: [L, R, C, 128] each; frames: [4 L, 3, 8 R, 8 C] in [-1, 1]; collage:
        [4 L, 14, 32 R, 32 C] -> [4 L, 3, 32 R, 32 C]."""
        count, stride = len(latents), GRID.frames_per_latent
        x = self.levels[0](self.enter(torch.cat([before, latents], -1).permute(0, 3, 1, 2)))
        for number, (enlarge, level) in enumerate(zip(self.enlarge, self.levels[1:]), 2):
            x = F.pixel_shuffle(enlarge(x), 2)
            if number == len(self.levels):
                halved = F.avg_pool2d(collage, UPSCALE // COLLAGE_SCALE)
                whole = torch.cat([halved[:, :3] + halved[:, 3:6], halved[:, 6:]], 1)
                fine = F.pixel_unshuffle(whole, COLLAGE_SCALE).reshape(count, -1, *x.shape[2:])
                x = x + self.pictures(torch.cat([frames.reshape(count, stride * 3, *x.shape[2:]), fine], 1))
            x = level(x)
        detail = F.pixel_shuffle(self.leave(F.silu(x)), UPSCALE)
        base = enlarged(frames, collage)
        return base + detail.reshape(base.shape)


def enlarged(frames: torch.Tensor, collage: torch.Tensor) -> torch.Tensor:
    """Small frames [T, 3, H, W] with the edges of their collage [T, 14, 4 H, 4 W] -> [T, 3, 4 H, 4 W].

    The fast guided filter (He and Sun 2015): around every pixel the picture is a linear function of its guide, found at
    the small size and applied at the guide's. Where the guide shows no edge it smooths, and seams with it.
    """
    guide = collage[:, :3] + collage[:, 3:6]
    low = F.avg_pool2d(guide, UPSCALE)
    guide_mean, mean = _box(low), _box(frames)
    slope = (_box(low * frames) - guide_mean * mean) / (_box(low * low) - guide_mean**2 + _FLAT)
    slope, offset = (
        F.interpolate(_box(each), scale_factor=UPSCALE, mode="bilinear", align_corners=False)
        for each in (slope, mean - slope * guide_mean)
    )
    return slope * guide + offset


def _box(picture: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(picture, 2 * _RADIUS + 1, 1, _RADIUS, count_include_pad=False)


class _Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(F.silu(self.first(F.silu(x))))
