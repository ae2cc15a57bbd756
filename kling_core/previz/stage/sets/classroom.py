"""The classroom: green boards with chalk at front and back, windows at the sides, desks in the corners."""

from __future__ import annotations

import torch

from kling_core.previz.stage.light import Light
from kling_core.previz.stage.sets.pigment import Set, Shape, WallPoints, between, chequer, coats, lit_colour, near


def _ground(x: torch.Tensor, z: torch.Tensor, light: Light) -> torch.Tensor:
    return coats(
        lit_colour((0.5, 0.56, 0.6), light), x, (chequer(x, z), lit_colour((0.56, 0.62, 0.66), light))
    )


def _wall(at: WallPoints, light: Light) -> torch.Tensor:
    along, height = at.along, at.height
    ends = ~at.on_side
    board = ends & (along.abs() < 3.2) & between(height, 0.9, 2.3)
    slate = ends & (along.abs() < 3.12) & between(height, 0.98, 2.22)
    across = torch.remainder(along, 2.4)
    pane = at.on_side & between((across - 1.2).abs(), 0.05, 0.85) & between(height, 0.95, 2.45)
    return coats(
        lit_colour((0.9, 0.88, 0.72), light),
        height,
        (height < 0.8, lit_colour((0.6, 0.7, 0.62), light)),
        (board, lit_colour((0.66, 0.45, 0.24), light)),
        (slate, lit_colour((0.1, 0.33, 0.23), light)),
        (slate & _chalk(along, height), lit_colour((0.88, 0.92, 0.86), light)),
        (at.on_side & near(across, 1.2, 0.95) & between(height, 0.85, 2.55), lit_colour((0.97, 0.97, 0.95), light)),
        (pane, tuple((a + b) / 2 for a, b in zip(light.horizon, light.zenith))),
        (pane & (height < 1.6), light.horizon),
        (pane & (height < 1.15), lit_colour((0.36, 0.56, 0.32), light)),
        (ends & (along * along + (height - 2.62) ** 2 < 0.05), lit_colour((0.97, 0.97, 0.97), light)),
        (height > 3.0, lit_colour((0.96, 0.95, 0.92), light)),
    )


def _chalk(along: torch.Tensor, height: torch.Tensor) -> torch.Tensor:
    """Lines of writing, and a circle. bool [N]"""
    word = torch.remainder(torch.floor(along / 0.14), 5) > 0
    writing = (torch.remainder(height, 0.3) < 0.07) & word & (along < 0.9) & (along > -2.9) & between(height, 1.1, 2.15)
    aside, up = along - 1.75, height - 1.6
    circle = near(aside * aside + up * up, 0.16, 0.028)
    return writing | circle


def _desk(x: float, z: float) -> tuple[Shape, ...]:
    away = 0.55 if z > 0 else -0.55
    return (
        ((x, 0.72, z), (0.6, 0.06, 0.36), (0.82, 0.62, 0.36)),
        ((x, 0.36, z), (0.07, 0.36, 0.07), (0.35, 0.36, 0.4)),
        ((x, 0.55, z + away), (0.3, 0.24, 0.1), (0.58, 0.36, 0.2)),
    )


CLASSROOM = Set(
    _ground, walls=4.8, wall=_wall, standing=sum((_desk(x, z) for x in (-3.4, 3.4) for z in (-3.4, 3.4)), ())
)
