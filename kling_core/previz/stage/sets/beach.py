"""The beach: rippled sand, foam, the sea to the horizon, two parasols."""

from __future__ import annotations

import torch

from kling_core.previz.stage.light import Colour, Light
from kling_core.previz.stage.sets.pigment import Set, Shape, heaven, lit_colour, mix

_POLE = (0.9, 0.88, 0.82)


def _ground(x: torch.Tensor, z: torch.Tensor, light: Light) -> torch.Tensor:
    dune = 0.5 + 0.5 * torch.sin(x * 1.7 + torch.sin(z * 1.3))
    sand = mix(lit_colour((0.93, 0.8, 0.56), light), lit_colour((0.84, 0.7, 0.46), light), dune)
    shore = z + 6.2 - 0.3 * torch.sin(x)
    sea = mix(lit_colour((0.35, 0.66, 0.74), light), lit_colour((0.14, 0.44, 0.62), light), (-shore / 14).clamp(0, 1))
    land = torch.where((shore < 0)[:, None], sea, sand)
    return torch.where((shore.abs() < 0.22)[:, None], sand.new_tensor(lit_colour((0.96, 0.97, 0.97), light)), land)


def _sky(unit: torch.Tensor, light: Light) -> torch.Tensor:
    deep, pale = lit_colour((0.16, 0.45, 0.62), light), lit_colour((0.1, 0.36, 0.58), light)
    sea = mix(deep, pale, ((unit[:, 1] + 0.09) * 11).clamp(0, 1))
    return torch.where((unit[:, 1] < 0)[:, None], sea, heaven(unit, light))


def _parasol(x: float, z: float, cloth: Colour) -> tuple[Shape, ...]:
    return (
        ((x, 1.0, z), (0.04, 1.0, 0.04), _POLE),
        ((x, 1.95, z), (0.95, 0.32, 0.95), cloth),
        ((x, 2.12, z), (0.6, 0.2, 0.6), (0.96, 0.94, 0.88)),
    )


BEACH = Set(_ground, sky=_sky, standing=_parasol(-3.7, -3.4, (0.88, 0.2, 0.2)) + _parasol(4.4, -4.4, (0.95, 0.72, 0.2)))
