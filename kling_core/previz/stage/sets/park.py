"""The park: mown grass, a winding path, trees all around, hills behind."""

from __future__ import annotations

import torch

from kling_core.previz.stage.light import Light
from kling_core.previz.stage.sets.pigment import Set, azimuth, heaven, lit_colour, mix, tree, waves

_TREES = ((-3.4, -3.6), (3.1, -4.4), (-5.5, 1.0), (5.2, 2.2), (-2.4, 5.2), (3.6, 5.0), (0.4, -6.4))


def _ground(x: torch.Tensor, z: torch.Tensor, light: Light) -> torch.Tensor:
    low, high = lit_colour((0.31, 0.6, 0.22), light), lit_colour((0.44, 0.73, 0.32), light)
    grass = mix(low, high, waves(x, z, 2.5))
    path = (z + 0.8 * torch.sin(x * 0.4) + 2.2).abs() < 0.55
    return torch.where(path[:, None], grass.new_tensor(lit_colour((0.8, 0.72, 0.56), light)), grass)


def _sky(unit: torch.Tensor, light: Light) -> torch.Tensor:
    angle, rise = azimuth(unit), unit[:, 1]
    hill = 0.07 + 0.05 * torch.sin(angle * 3 + 1) + 0.025 * torch.sin(angle * 7 + 2)
    green = mix(
        lit_colour((0.34, 0.6, 0.3), light), lit_colour((0.2, 0.44, 0.24), light), (rise * 8 + 0.2).clamp(0, 1)
    )
    return torch.where((rise < hill)[:, None], green, heaven(unit, light))


PARK = Set(_ground, sky=_sky, standing=sum((tree(x, z, 1.15) for x, z in _TREES), ()))
