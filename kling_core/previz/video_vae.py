"""The 3D video VAE: frames to tubelet latents and back. Causal in time, fresh at every shot.

A tubelet is 4 frames of 8 x 8 pixels; its latent is a linear projection to 128 channels (principal components, partly
whitened). The decoder inverts it and runs a causal convolutional refiner that removes the seams between tubelets and
doubles the size. Each shot is decoded on its own, so a cut is exact and memory never grows with the film.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from kling_core.previz.world import GRID, PATCH, UPSCALE, VIDEO_CHANNELS

TUBELET = GRID.frames_per_latent * 3 * PATCH * PATCH
_FOLD = 2


class VideoVAE(nn.Module):
    """encode: [T, 3, H, W] in [-1, 1] -> [T / 4, H / 8, W / 8, 128]; decode: back to [T, 3, 2 H, 2 W]."""

    def __init__(self, refiner_width: int = 40, refiner_layers: int = 4):
        super().__init__()
        self.register_buffer("mean", torch.zeros(TUBELET))
        self.register_buffer("basis", torch.zeros(TUBELET, VIDEO_CHANNELS))
        self.register_buffer("scale", torch.ones(VIDEO_CHANNELS))
        self.refiner = Refiner(refiner_width, refiner_layers)

    def fit(self, shots: list[torch.Tensor]) -> None:
        """Principal components of shots [T, 3, H, W] in [-1, 1], T a multiple of 4, of any size."""
        rows = torch.cat([_split(shot).flatten(0, 2) for shot in shots])
        self.mean.copy_(rows.mean(0))
        centred = rows - self.mean
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(rows))
        values = values.flip(0)[:VIDEO_CHANNELS].clamp(min=1e-6)
        self.basis.copy_(vectors.flip(1)[:, :VIDEO_CHANNELS])
        # Partial whitening: strong components keep more power, so that noise hides detail before it hides layout.
        scale = values.sqrt().sqrt()
        self.scale.copy_(scale * ((values / scale**2).mean()).sqrt())

    def encode(self, frames: torch.Tensor) -> torch.Tensor:
        return (_split(frames) - self.mean) @ self.basis / self.scale

    def decode_linear(self, latents: torch.Tensor) -> torch.Tensor:
        """[T, 3, H, W] without the refiner."""
        return _join((latents * self.scale) @ self.basis.T + self.mean)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        return self.refiner(self.decode_linear(latents))


class Refiner(nn.Module):
    """Causal 3D convolutions at half size, then sub-pixel upscaling (Shi et al. 2016) on top of a bicubic base."""

    def __init__(self, width: int, layers: int):
        super().__init__()
        self.enter = nn.Conv3d(3 * _FOLD**2, width, (1, 3, 3), padding=(0, 1, 1))
        self.layers = nn.ModuleList(nn.Conv3d(width, width, (2, 3, 3), padding=(0, 1, 1)) for _ in range(layers))
        self.leave = nn.Conv3d(width, 3 * (_FOLD * UPSCALE) ** 2, (1, 3, 3), padding=(0, 1, 1))
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """[T, 3, H, W] of one shot, in [-1, 1] -> [T, 3, 2 H, 2 W]. Frame t sees frames up to t only."""
        base = F.interpolate(frames, scale_factor=UPSCALE, mode="bicubic", align_corners=False)
        x = F.pixel_unshuffle(frames, _FOLD).transpose(0, 1)[None]
        x = F.silu(self.enter(x))
        for layer in self.layers:
            x = x + F.silu(layer(torch.cat([x[:, :, :1], x], 2)))
        detail = self.leave(x)[0].transpose(0, 1)
        return base + F.pixel_shuffle(detail, _FOLD * UPSCALE)


def _split(frames: torch.Tensor) -> torch.Tensor:
    """[T, 3, H, W] -> tubelets [T / 4, H / 8, W / 8, 768]."""
    count, channels, height, width = frames.shape
    stride = GRID.frames_per_latent
    split = frames.reshape(count // stride, stride, channels, height // PATCH, PATCH, width // PATCH, PATCH)
    return split.permute(0, 3, 5, 1, 2, 4, 6).reshape(count // stride, height // PATCH, width // PATCH, TUBELET)


def _join(tubelets: torch.Tensor) -> torch.Tensor:
    latents, rows, columns, _ = tubelets.shape
    stride = GRID.frames_per_latent
    split = tubelets.reshape(latents, rows, columns, stride, 3, PATCH, PATCH)
    return split.permute(0, 3, 4, 1, 5, 2, 6).reshape(latents * stride, 3, rows * PATCH, columns * PATCH)
