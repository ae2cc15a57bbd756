"""The studio: a seamless grey backdrop, a pool of soft light on the floor, two soft boxes."""

from __future__ import annotations

import torch

from kling_core.previz.stage.light import Light
from kling_core.previz.stage.sets.pigment import Set, Shape, mix


def _ground(x: torch.Tensor, z: torch.Tensor, light: Light) -> torch.Tensor:
    return mix((0.84, 0.84, 0.86), (0.71, 0.71, 0.748), ((x * x + z * z) / 40).clamp(0, 1))


def _sky(unit: torch.Tensor, light: Light) -> torch.Tensor:
    return mix((0.80, 0.80, 0.83), (0.5, 0.5, 0.56), (unit[:, 1] * 2 + 0.3).clamp(0, 1))


def _soft_box(x: float, z: float) -> tuple[Shape, ...]:
    return (
        ((x, 1.1, z), (0.04, 1.2, 0.04), (0.12, 0.12, 0.13)),
        ((x, 2.2, z), (0.52, 0.42, 0.2), (0.14, 0.14, 0.15)),
        ((x * 0.98, 2.2, z * 0.95), (0.46, 0.36, 0.18), (1.7, 1.7, 1.68)),
    )


STUDIO = Set(_ground, sky=_sky, standing=_soft_box(-3.9, -3.4) + _soft_box(3.9, -3.4))
