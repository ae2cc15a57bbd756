"""The shop: shelves full of bright goods, a counter along the back, the shop window at the front."""

from __future__ import annotations

import torch

from kling_core.previz.stage.light import Light
from kling_core.previz.stage.sets.pigment import Set, WallPoints, between, chequer, coats, lit_colour

_GOODS = ((0.86, 0.2, 0.18), (0.96, 0.78, 0.2), (0.25, 0.62, 0.3), (0.2, 0.42, 0.8), (0.95, 0.52, 0.15))
_SHELF, _CELL = 0.45, 0.3


def _ground(x: torch.Tensor, z: torch.Tensor, light: Light) -> torch.Tensor:
    return coats(
        lit_colour((0.68, 0.72, 0.72), light), x, (chequer(x, z), lit_colour((0.88, 0.87, 0.83), light))
    )


def _wall(at: WallPoints, light: Light) -> torch.Tensor:
    height = at.height
    row, cell = torch.floor((height - 0.1) / _SHELF), torch.floor(at.along / _CELL)
    above, across = height - 0.1 - row * _SHELF, (at.along - (cell + 0.5) * _CELL).abs()
    kind = torch.remainder(2 * cell + 3 * row, len(_GOODS))
    item = (across < 0.12) & between(above, 0.05, 0.3) & (height < 2.8)
    goods = [(item & (kind == number), lit_colour(colour, light)) for number, colour in enumerate(_GOODS)]
    back = ~at.on_side & (at.z < 0)
    front = ~at.on_side & (at.z > 0)
    return coats(
        lit_colour((0.46, 0.36, 0.27), light),
        height,
        *goods,
        ((above < 0.05) | (height < 0.1), lit_colour((0.93, 0.9, 0.82), light)),
        (back & (height < 1.0), lit_colour((0.16, 0.5, 0.5), light)),
        (back & (height < 0.9) & (torch.remainder(at.along, 0.9) < 0.06), lit_colour((0.1, 0.36, 0.37), light)),
        (back & between(height, 0.92, 1.06), lit_colour((0.9, 0.76, 0.54), light)),
        (front, lit_colour((0.85, 0.82, 0.74), light)),
        (front & between(height, 0.5, 2.5) & (torch.remainder(at.along, 2.4) > 0.15), light.horizon),
        (height > 2.8, lit_colour((0.95, 0.94, 0.9), light)),
        (between(height, 2.86, 2.98), lit_colour((0.82, 0.16, 0.16), light)),
        (between(height, 3.3, 3.5), (1.0, 0.99, 0.94)),
    )


_CRATES = tuple(
    shape
    for x, fruit in ((-3.3, (0.95, 0.55, 0.12)), (3.3, (0.8, 0.16, 0.14)))
    for shape in (
        ((x, 0.3, -3.4), (0.42, 0.36, 0.36), (0.62, 0.44, 0.24)),
        ((x, 0.6, -3.4), (0.36, 0.22, 0.3), fruit),
    )
)
SHOP = Set(_ground, walls=4.2, wall=_wall, standing=_CRATES)
