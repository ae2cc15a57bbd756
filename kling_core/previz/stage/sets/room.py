"""The living room: striped wallpaper, curtained windows, pictures, planks, a floor lamp and a plant."""

from __future__ import annotations

import torch

from kling_core.previz.stage.light import Light
from kling_core.previz.stage.sets.pigment import LEAF, Set, WallPoints, between, coats, lit_colour, near


def _ground(x: torch.Tensor, z: torch.Tensor, light: Light) -> torch.Tensor:
    plank = torch.remainder(torch.floor(x * 2.2), 2) == 0
    square = x * x / 5.3 + z * z / 3.2
    return coats(
        lit_colour((0.49, 0.31, 0.17), light),
        x,
        (plank, lit_colour((0.56, 0.37, 0.22), light)),
        (square < 1.0, lit_colour((0.86, 0.78, 0.64), light)),
        (square < 0.86, lit_colour((0.55, 0.24, 0.24), light)),
    )


def _wall(at: WallPoints, light: Light) -> torch.Tensor:
    height, within = at.height, torch.remainder(at.along, 4.2)
    across, up = (within - 3.1).abs(), (height - 1.55).abs()
    pane = between(across, 0.04, 0.55) & between(up, 0.04, 0.5)
    return coats(
        lit_colour((0.77, 0.66, 0.5), light),
        height,
        (torch.sin(at.along * 7) > 0, lit_colour((0.83, 0.73, 0.57), light)),
        (near(within, 1.1, 0.42) & near(height, 1.75, 0.33), lit_colour((0.4, 0.26, 0.14), light)),
        (near(within, 1.1, 0.36) & near(height, 1.75, 0.27), lit_colour((0.25, 0.42, 0.5), light)),
        (near(within, 1.1, 0.36) & between(height, 1.48, 1.66), lit_colour((0.3, 0.5, 0.25), light)),
        ((across < 0.62) & (up < 0.58), lit_colour((0.95, 0.93, 0.88), light)),
        (pane, light.horizon),
        (pane & (height > 1.55), tuple((a + b) / 2 for a, b in zip(light.horizon, light.zenith))),
        (near(across, 0.76, 0.2) & near(height, 1.5, 0.75), lit_colour((0.6, 0.28, 0.24), light)),
        (height < 0.16, lit_colour((0.4, 0.26, 0.16), light)),
        (height > 2.95, lit_colour((0.92, 0.89, 0.82), light)),
    )


_LAMP = (
    ((-3.5, 0.8, -3.4), (0.04, 0.85, 0.04), (0.3, 0.24, 0.18)),
    ((-3.5, 1.75, -3.4), (0.34, 0.24, 0.34), (1.5, 1.25, 0.8)),
)
_PLANT = (
    ((3.5, 0.25, -3.5), (0.26, 0.28, 0.26), (0.7, 0.4, 0.26)),
    ((3.5, 1.0, -3.5), (0.38, 0.6, 0.38), LEAF),
)
ROOM = Set(_ground, walls=4.2, wall=_wall, standing=_LAMP + _PLANT)
