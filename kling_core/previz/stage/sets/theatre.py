"""The stage of a theatre: boards in a pool of light, red curtains at the back and sides, the dark hall in front."""

from __future__ import annotations

import torch

from kling_core.previz.stage.light import Light
from kling_core.previz.stage.sets.pigment import Set, WallPoints, between, coats, lit_colour, near

_FOLD = 0.9  # metres from fold to fold


def _ground(x: torch.Tensor, z: torch.Tensor, light: Light) -> torch.Tensor:
    board = torch.remainder(torch.floor(x / 0.45), 2) == 0
    wood = coats(lit_colour((0.62, 0.38, 0.2), light), x, (board, lit_colour((0.72, 0.46, 0.25), light)))
    pool = 1 / (1 + ((x * x + z * z) / 4.4) ** 3)
    return wood * (0.24 + 0.96 * pool)[:, None]


def _wall(at: WallPoints, light: Light) -> torch.Tensor:
    along, height = at.along, at.height
    turn = 2 * torch.pi / _FOLD
    fold = 0.62 + 0.3 * torch.sin(along * turn) + 0.1 * torch.sin(along * 2 * turn + 1)
    valance = 2.55 + 0.12 * torch.sin(along * turn / 2)
    gold = lit_colour((0.8, 0.6, 0.22), light)
    curtain = coats(
        lit_colour((0.74, 0.07, 0.09), light),
        height,
        (height < 0.14, gold),
        (height > valance, lit_colour((0.5, 0.03, 0.06), light)),
        (near(height - valance, 0.0, 0.06), gold),
        (height > 3.3, lit_colour((0.06, 0.03, 0.04), light)),
    )
    curtain *= fold[:, None]
    hall = (~at.on_side & (at.z > 0)).nonzero()[:, 0]
    return curtain.index_copy_(0, hall, _hall(along[hall], height[hall]))


def _hall(along: torch.Tensor, height: torch.Tensor) -> torch.Tensor:
    """Rows of seats in the dark, a balcony with small lamps."""
    row = torch.floor(height / 0.4)
    seat, up = torch.remainder(along + 0.3 * row, 0.6) - 0.3, height - (row + 0.3) * 0.4
    lamp = torch.remainder(along, 0.9) - 0.45
    return coats(
        (0.07, 0.05, 0.08),
        along,
        ((seat * seat / 0.05 + up * up / 0.02 < 1) & (height < 1.9), (0.3, 0.06, 0.09)),
        (between(height, 2.15, 2.55), (0.2, 0.13, 0.08)),
        (lamp * lamp + (height - 2.35) ** 2 < 0.008, (1.0, 0.82, 0.45)),
    )


THEATRE = Set(_ground, walls=5.0, wall=_wall)
