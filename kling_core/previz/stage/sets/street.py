"""The street, in Madrid's colours, with a bakery; by night its windows are lit and a neon sign hangs over it."""

from __future__ import annotations

from functools import partial

import torch

from kling_core.previz.stage.light import Colour, Light
from kling_core.previz.stage.sets.pigment import Set, Shape, WallPoints, between, chequer, coats, lit_colour, mix

_HOUSE = 2.4  # metres
_HOUSES = ((0.9, 0.68, 0.38), (0.84, 0.5, 0.38), (0.93, 0.86, 0.7))
_IRON, _CREAM = (0.16, 0.16, 0.18), (0.95, 0.92, 0.84)


def _ground(x: torch.Tensor, z: torch.Tensor, light: Light) -> torch.Tensor:
    return coats(
        lit_colour((0.56, 0.54, 0.51), light),
        x,
        (chequer(x, z), lit_colour((0.66, 0.63, 0.59), light)),
        (z < -2.6, lit_colour((0.33, 0.33, 0.36), light)),
        (between(z, -2.75, -2.6), lit_colour((0.8, 0.78, 0.74), light)),
    )


def _wall(at: WallPoints, light: Light, neon: bool) -> torch.Tensor:
    house = torch.floor(at.along / _HOUSE)
    lit = light.tint[0] < 0.7
    facade = coats(
        lit_colour(_HOUSES[0], light),
        at.height,
        *_upper_floor(at, house, light, lit),
        *_shops(at, house, light, lit),
        *_bakery(at, light, lit),
        *(_neon(at) if neon else ()),
    )
    sky = mix(light.horizon, light.zenith, (at.rise * 2).clamp(0, 1))
    roof = 3.55 + 0.4 * torch.sin(house * 2.1)
    return torch.where((at.height > roof)[:, None], sky, facade)


Coat = tuple[torch.Tensor, Colour]


def _upper_floor(at: WallPoints, house: torch.Tensor, light: Light, lit: bool) -> list[Coat]:
    """House colours, a granite base, and tall windows with white frames and iron balconies."""
    height = at.height
    aside = ((at.along - (house + 0.5) * _HOUSE).abs() - 0.6).abs()
    tone = torch.remainder(house, 3)
    glass = (1.0, 0.82, 0.45) if lit else lit_colour((0.36, 0.48, 0.58), light)
    return [
        (tone == 1, lit_colour(_HOUSES[1], light)),
        (tone == 2, lit_colour(_HOUSES[2], light)),
        (height < 0.4, lit_colour((0.58, 0.56, 0.54), light)),
        ((aside < 0.34) & between(height, 2.2, 3.2), lit_colour(_CREAM, light)),
        ((aside < 0.24) & between(height, 2.2, 3.1), glass),
        ((aside < 0.42) & between(height, 2.2, 2.45), lit_colour(_IRON, light)),
    ]


def _shops(at: WallPoints, house: torch.Tensor, light: Light, lit: bool) -> list[Coat]:
    """The ground floors: glass under plain awnings."""
    height, across = at.height, (at.along - (house + 0.5) * _HOUSE).abs()
    glass = (1.0, 0.86, 0.55) if lit else lit_colour((0.4, 0.54, 0.62), light)
    return [
        ((across < 0.98) & (height < 1.5), lit_colour((0.3, 0.22, 0.17), light)),
        (between(across, 0.06, 0.9) & between(height, 0.45, 1.45), glass),
        ((across < 1.08) & between(height, 1.5, 1.8), lit_colour((0.22, 0.42, 0.36), light)),
    ]


def _bakery(at: WallPoints, light: Light, lit: bool) -> list[Coat]:
    """Two houses wide: a striped awning, loaves in the shop window, a sign board with a row of letters."""
    height, across = at.height, at.along.abs()
    here = ~at.on_side & (across < 2.3)
    window = here & between(across, 0.4, 2.15) & between(height, 0.45, 1.45)
    loaf = torch.remainder(across, 0.36) - 0.18
    shelf = torch.remainder(height - 0.5, 0.42) - 0.14
    inside = (1.0, 0.8, 0.45) if lit else lit_colour((0.42, 0.27, 0.17), light)
    crust = (0.75, 0.42, 0.12) if lit else lit_colour((0.93, 0.66, 0.28), light)
    board = here & between(height, 1.86, 2.2) & (across < 1.7)
    return [
        (here & (height < 1.9), lit_colour((0.5, 0.12, 0.13), light)),
        (here & (across < 0.24) & between(height, 0.7, 1.4), inside),
        (window, inside),
        (window & (loaf * loaf / 0.021 + shelf * shelf / 0.009 < 1), crust),
        (window & (shelf < -0.1), lit_colour(_CREAM, light)),
        (here & between(height, 1.45, 1.82), lit_colour(_CREAM, light)),
        (here & between(height, 1.45, 1.82) & (torch.sin(at.along * (2 * torch.pi / 0.45)) > 0),
         lit_colour((0.85, 0.17, 0.16), light)),
        (board, lit_colour((0.13, 0.27, 0.2), light)),
        (board & (across < 1.5) & _letters(at.along, height - 1.86), (1.0, 0.88, 0.5)),
    ]


def _letters(along: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """Strokes that look like capitals: a stem each, and bars at the top, middle or bottom by turns. bool [N]"""
    number = torch.floor(along / 0.25)
    across, kind = along - number * 0.25, torch.remainder(number, 3)
    inside = between(across, 0.04, 0.21) & between(up, 0.07, 0.27)
    bars = ((up > 0.21) & (kind < 2)) | (between(up, 0.14, 0.2) & (kind > 0)) | ((up < 0.13) & (kind != 1))
    return inside & ((across < 0.1) | bars)


def _neon(at: WallPoints) -> list[Coat]:
    """A sign for every second house: a cyan frame around a pink bar."""
    number = torch.floor(at.along / _HOUSE)
    across, up = (at.along - (number + 0.5) * _HOUSE).abs(), (at.height - 2.02).abs()
    here = torch.remainder(number, 2) == 0
    frame = here & (across < 0.95) & (up < 0.24)
    return [
        (frame, (0.2, 0.95, 0.95)),
        (frame & (across < 0.88) & (up < 0.17), (0.12, 0.05, 0.16)),
        (frame & (across < 0.74) & (up < 0.08), (1.0, 0.25, 0.65)),
    ]


def _lamp(x: float, z: float) -> tuple[Shape, ...]:
    return (
        ((x, 1.2, z), (0.06, 1.35, 0.06), _IRON),
        ((x, 2.6, z), (0.2, 0.24, 0.2), (1.9, 1.7, 1.2)),
    )


_LAMPS = _lamp(-4.0, -3.1) + _lamp(4.0, -3.1)
STREET = Set(_ground, walls=5.0, wall=partial(_wall, neon=False), standing=_LAMPS)
NIGHT_STREET = Set(_ground, walls=5.0, wall=partial(_wall, neon=True), standing=_LAMPS)
