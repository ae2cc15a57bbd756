"""What every set is made of: the `Set` record, and paint for many points at once.

Points come as flat tensors [N]. Colours are looked up in a small palette by the number of the topmost coat, which costs
one integer per point and coat instead of three floats.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from kling_core.plan.blocking import TRUNK_RADIUS
from kling_core.previz.stage.light import Colour, Light

BARK, LEAF = (0.35, 0.22, 0.12), (0.2, 0.5, 0.2)
# An upright ellipsoid: centre and half axes in metres, and its colour.
Shape = tuple[tuple[float, float, float], tuple[float, float, float], Colour]


@dataclass(frozen=True)
class WallPoints:
    """Points on the four walls of a set. along: metres along the wall (x at the front and back walls, z + 20.3 at the
    sides); height: metres; z: metres, positive at the wall that the audience looks from; on_side: bool; rise: sine of
    the ray's elevation. All [N]."""

    along: torch.Tensor
    height: torch.Tensor
    z: torch.Tensor
    on_side: torch.Tensor
    rise: torch.Tensor


@dataclass(frozen=True)
class Set:
    """One place. ground(x, z, light) and either wall(points, light) with `walls`, the half width of the square that
    the walls stand on, metres, or sky(unit directions [N, 3], light) where it is open; each gives colours [N, 3].
    standing: things that show parallax when the camera moves."""

    ground: Callable[[torch.Tensor, torch.Tensor, Light], torch.Tensor]
    walls: float | None = None
    wall: Callable[[WallPoints, Light], torch.Tensor] | None = None
    sky: Callable[[torch.Tensor, Light], torch.Tensor] | None = None
    standing: tuple[Shape, ...] = ()


def lit_colour(colour: Colour, light: Light) -> Colour:
    """A colour of ground or wall in this light."""
    return tuple(part * tint for part, tint in zip(colour, light.tint))


def coats(base: Colour, like: torch.Tensor, *painted: tuple[torch.Tensor, Colour]) -> torch.Tensor:
    """Colours [N, 3]: the base, under coats of (bool [N], colour), the last one on top."""
    number = torch.zeros(like.shape, dtype=torch.int32, device=like.device)
    for coat, (where, _) in enumerate(painted, 1):
        number.masked_fill_(where, coat)
    palette = torch.tensor([base, *(colour for _, colour in painted)], dtype=like.dtype, device=like.device)
    return palette.index_select(0, number)


def mix(low: Colour, high: Colour, share: torch.Tensor) -> torch.Tensor:
    """Colours [N, 3] between low (share 0) and high (share 1)."""
    start = torch.tensor(low, dtype=share.dtype, device=share.device)
    return torch.addcmul(start, share[:, None], torch.tensor(high, dtype=share.dtype, device=share.device) - start)


def heaven(unit: torch.Tensor, light: Light) -> torch.Tensor:
    """The open sky [N, 3], with a sun or moon where the light comes from."""
    sky = mix(light.horizon, light.zenith, (unit[:, 1] * 2.2 + 0.1).clamp(0, 1))
    sun = torch.nn.functional.normalize(unit.new_tensor(light.sun), dim=0)
    glow = torch.exp((unit @ sun - 1) / 0.003)
    return torch.addcmul(sky, glow[:, None], unit.new_tensor((0.6, 0.55, 0.4)))


def azimuth(unit: torch.Tensor) -> torch.Tensor:
    """Compass angle of unit directions, radians, 0 along -z and positive towards +x. [N]"""
    return torch.atan2(unit[:, 0], -unit[:, 2])


def waves(x: torch.Tensor, z: torch.Tensor, length: float) -> torch.Tensor:
    """A smooth chequer in 0..1 with this period in metres. [N]"""
    turn = 2 * torch.pi / length
    return 0.5 + 0.5 * torch.sin(x * turn) * torch.sin(z * turn)


def chequer(x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """Every second square metre. bool [N]"""
    return torch.remainder(torch.floor(x) + torch.floor(z), 2) == 0


def between(value: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return (value - (low + high) / 2).abs() < (high - low) / 2


def near(value: torch.Tensor, centre: float, half: float) -> torch.Tensor:
    return (value - centre).abs() < half


def tree(x: float, z: float, size: float) -> tuple[Shape, ...]:
    """A trunk and a round crown."""
    trunk, crown = TRUNK_RADIUS["tree"] * size, 0.62 * size
    return (
        ((x, 0.7 * size, z), (trunk, 1.6 * size, trunk), BARK),
        ((x, 2.25 * size, z), (crown, crown, crown), LEAF),
    )
