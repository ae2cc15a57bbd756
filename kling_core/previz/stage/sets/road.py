"""The country road: three lanes to the horizon, verges with posts, wheat, blue mountains."""

from __future__ import annotations

import torch

from kling_core.previz.stage.light import Light
from kling_core.previz.stage.sets.pigment import Set, Shape, azimuth, between, coats, heaven, lit_colour, near

_WHEAT, _ASPHALT = (0.84, 0.7, 0.34), (0.33, 0.33, 0.36)


def _ground(x: torch.Tensor, z: torch.Tensor, light: Light) -> torch.Tensor:
    side = x.abs()
    white = lit_colour((0.93, 0.92, 0.86), light)
    return coats(
        lit_colour(_WHEAT, light),
        x,
        (between(side, 5.6, 9.0), lit_colour((0.74, 0.6, 0.28), light)),
        (side < 5.6, lit_colour((0.55, 0.6, 0.3), light)),
        (side < 4.0, lit_colour((0.6, 0.55, 0.47), light)),
        (side < 3.5, lit_colour(_ASPHALT, light)),
        (near(side, 1.15, 0.08) & (torch.remainder(z, 2.5) < 1.4), white),
        (near(side, 3.2, 0.08), white),
    )


def _sky(unit: torch.Tensor, light: Light) -> torch.Tensor:
    angle, rise = azimuth(unit), unit[:, 1]
    ridge = 0.13 + 0.06 * torch.sin(angle * 3 + 2.6) + 0.03 * torch.sin(angle * 8 + 1)
    land = coats(
        lit_colour((0.42, 0.5, 0.66), light),
        rise,
        (rise > 0.145, lit_colour((0.88, 0.91, 0.96), light)),
        (rise < 0.015, lit_colour(_WHEAT, light)),
        (unit[:, 0].abs() < -2.7 * rise, lit_colour(_ASPHALT, light)),
    )
    return torch.where((rise < ridge)[:, None], land, heaven(unit, light))


def _verge() -> tuple[Shape, ...]:
    posts = [((x, 0.5, z), (0.07, 0.55, 0.07), (0.95, 0.95, 0.95)) for x in (-3.8, 3.8) for z in (-9.5, -3.6, 3.6, 9.5)]
    poplars = [
        ((x, 2.3, z), (0.55, 2.3, 0.55), (0.26, 0.42, 0.18))
        for x, z in ((-6.4, -8.0), (6.2, -6.5), (-6.8, 4.0), (6.8, 7.0))
    ]
    return tuple(posts + poplars)


ROAD = Set(_ground, sky=_sky, standing=_verge())
