"""The 3D video VAE: frames to tubelet latents and back. Causal in time, fresh at every shot.

A tubelet is 4 frames of 8 x 8 pixels; its latent is a linear projection to 128 channels (principal components, partly
whitened). The decoder inverts it, and a causal refiner removes the seams between tubelets and makes the picture four
times the size. Each shot is decoded on its own, so a cut is exact and memory never grows with the film.
"""

from __future__ import annotations

import torch
from torch import nn

from kling_core.previz.refiner import Refiner
from kling_core.previz.world import GRID, PATCH, VIDEO_CHANNELS

TUBELET = GRID.frames_per_latent * 3 * PATCH * PATCH


class VideoVAE(nn.Module):
    """encode: [T, 3, H, W] in [-1, 1] -> [T / 4, H / 8, W / 8, 128]; decode: back to [T, 3, 4 H, 4 W]."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(TUBELET))
        self.register_buffer("basis", torch.zeros(TUBELET, VIDEO_CHANNELS))
        self.register_buffer("scale", torch.ones(VIDEO_CHANNELS))
        self.refiner = Refiner()

    def fit(self, shots: list[torch.Tensor]) -> None:
        """Principal components of shots [T, 3, H, W] in [-1, 1], T a multiple of 4, of any size."""
        rows = torch.cat([split(shot).flatten(0, 2) for shot in shots])
        self.mean.copy_(rows.mean(0))
        centred = rows - self.mean
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(rows))
        values = values.flip(0)[:VIDEO_CHANNELS].clamp(min=1e-6)
        self.basis.copy_(vectors.flip(1)[:, :VIDEO_CHANNELS])
        # Partial whitening: strong components keep more power, so that noise hides detail before it hides layout.
        scale = values.sqrt().sqrt()
        self.scale.copy_(scale * ((values / scale**2).mean()).sqrt())

    def encode(self, frames: torch.Tensor) -> torch.Tensor:
        return self.project(split(frames) - self.mean)

    def project(self, tubelets: torch.Tensor) -> torch.Tensor:
        """Differences of tubelets [..., 768], as `split` makes them -> differences of latents [..., 128]."""
        return tubelets @ self.basis / self.scale

    def decode_linear(self, latents: torch.Tensor) -> torch.Tensor:
        """[T, 3, H, W] without the refiner."""
        return _join((latents * self.scale) @ self.basis.T + self.mean)

    def decode(self, latents: torch.Tensor, collage: torch.Tensor, before: int = 0) -> torch.Tensor:
        """Frames of latents of one shot but the first `before` of them, 0 or 1, which only tell what was there before;
        at the start of a shot, the first latent stands for that. collage: of those frames, [T, 14, 4 H, 4 W]."""
        earlier = latents[:-1] if before else torch.cat([latents[:1], latents[:-1]])
        latents = latents[before:]
        return self.refiner(latents, earlier, self.decode_linear(latents), collage)


def split(frames: torch.Tensor) -> torch.Tensor:
    """[T, C, H, W] -> tubelets [T / 4, H / 8, W / 8, 4 * C * 64]."""
    count, channels, height, width = frames.shape
    stride = GRID.frames_per_latent
    split = frames.reshape(count // stride, stride, channels, height // PATCH, PATCH, width // PATCH, PATCH)
    return split.permute(0, 3, 5, 1, 2, 4, 6).reshape(count // stride, height // PATCH, width // PATCH, -1)


def _join(tubelets: torch.Tensor) -> torch.Tensor:
    latents, rows, columns, _ = tubelets.shape
    stride = GRID.frames_per_latent
    split = tubelets.reshape(latents, rows, columns, stride, 3, PATCH, PATCH)
    return split.permute(0, 3, 4, 1, 5, 2, 6).reshape(latents * stride, 3, rows * PATCH, columns * PATCH)
