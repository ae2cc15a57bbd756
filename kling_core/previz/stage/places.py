"""The places of the stage: sky, ground, walls, standing trees, and the light of the hour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from kling_core.plan.blocking import TRUNK_RADIUS, OccluderTrack
from kling_core.previz.stage.puppet import PLAIN, Parts

Colour = tuple[float, float, float]
BARK, LEAF, STONE = (0.35, 0.22, 0.12), (0.2, 0.5, 0.2), (0.62, 0.6, 0.58)


@dataclass(frozen=True)
class Light:
    """The hour: sky from horizon to zenith, tint of everything lit, direction towards the sun."""

    horizon: Colour
    zenith: Colour
    tint: Colour
    sun: Colour


LIGHTS = {
    "day": Light((0.75, 0.88, 0.98), (0.3, 0.55, 0.95), (1.0, 1.0, 1.0), (0.45, 0.75, 0.5)),
    "sunset": Light((0.99, 0.68, 0.35), (0.5, 0.28, 0.52), (1.06, 0.88, 0.74), (0.8, 0.35, 0.45)),
    "night": Light((0.13, 0.13, 0.3), (0.03, 0.03, 0.1), (0.62, 0.68, 0.92), (-0.4, 0.8, 0.45)),
}
# Half width of the square that walls stand on, metres; places without walls are open to the horizon.
_WALLS = {"street": 5.0, "night street": 5.0, "room": 4.2}
_TREES = ((-3.4, -3.6), (3.1, -4.4), (-5.5, 1.0), (5.2, 2.2), (-2.4, 5.2), (3.6, 5.0), (0.4, -6.4))


def light_of(place: str, time_of_day: str) -> Light:
    return LIGHTS["night" if place == "night street" else "day" if place == "studio" else time_of_day]


def background(
    place: str, light: Light, eye: torch.Tensor, direction: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Colours [F, H, W, 3] seen along rays from eye [F, 3], and the depth [F, H, W] of the ground (FAR where none)."""
    length = direction.norm(dim=-1)
    unit = direction / length[..., None]
    azimuth, rise = torch.atan2(unit[..., 0], -unit[..., 2]), unit[..., 1]
    origin = eye[:, None, None]
    if place in _WALLS:
        far, away = _walls(place, light, origin, unit, _WALLS[place])
    else:
        far, away = _open_air(place, light, azimuth, rise), torch.full_like(rise, 40.0)
    down = -origin[..., 1] / rise.clamp(max=-1e-3)
    on_ground = (rise < -1e-3) & (down < away)
    ground = _ground(place, origin + down.clamp(max=50)[..., None] * unit)
    colour = torch.where(on_ground[..., None], ground * _tensor(light.tint, ground), far)
    return colour, torch.where(on_ground, down / length, torch.full_like(down, 1e4))


def scenery(place: str, frames: int) -> Parts | None:
    """Trees that always stand in a place, so that a moving camera shows parallax."""
    if place != "park":
        return None
    return join([_tree(np.array([x, 0.0, z]), 1.15, frames) for x, z in _TREES])


def occluder(track: OccluderTrack, frames: int) -> Parts:
    """The tree or pillar that somebody passes behind."""
    if track.kind == "pillar":
        return _standing(
            track.position, [((0, 1.5, 0), (TRUNK_RADIUS["pillar"], 6.0, TRUNK_RADIUS["pillar"]), STONE)], frames
        )
    return _tree(track.position, 1.0, frames)


def _tree(at: np.ndarray, size: float, frames: int) -> Parts:
    trunk, crown = TRUNK_RADIUS["tree"] * size, 0.62 * size
    shapes = [
        ((0, 0.7 * size, 0), (trunk, 1.6 * size, trunk), BARK),
        ((0, 2.25 * size, 0), (crown, crown, crown), LEAF),
    ]
    return _standing(at, shapes, frames)


def _standing(at: np.ndarray, shapes: list, frames: int) -> Parts:
    centre = np.array([centre for centre, _, _ in shapes]) + at
    axes = np.array([np.diag(radii) for _, radii, _ in shapes])
    return Parts(
        np.tile(centre, (frames, 1, 1)),
        np.tile(axes, (frames, 1, 1, 1)),
        np.array([colour for _, _, colour in shapes]),
        np.full(len(shapes), PLAIN),
    )


def join(groups: list[Parts]) -> Parts:
    return Parts(
        np.concatenate([group.centre for group in groups], 1),
        np.concatenate([group.axes for group in groups], 1),
        np.concatenate([group.colour for group in groups]),
        np.concatenate([group.material for group in groups]),
    )


def _tensor(colour: Colour, like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(colour, dtype=like.dtype, device=like.device)


def _blend(low: Colour, high: Colour, share: torch.Tensor) -> torch.Tensor:
    return _tensor(low, share) * (1 - share[..., None]) + _tensor(high, share) * share[..., None]


def _open_air(place: str, light: Light, azimuth: torch.Tensor, rise: torch.Tensor) -> torch.Tensor:
    if place == "studio":
        return _blend((0.80, 0.80, 0.83), (0.5, 0.5, 0.56), (rise * 2 + 0.3).clamp(0, 1))
    sky = _blend(light.horizon, light.zenith, (rise * 2.2 + 0.1).clamp(0, 1))
    sun = torch.exp(-((azimuth - 0.5) ** 2 + (rise - 0.32) ** 2) / 0.004)[..., None]
    sky = sky + sun * _tensor((0.6, 0.55, 0.4), sky) * (1.0 if light is not LIGHTS["day"] else 0.5)
    if place == "beach":
        sea = _blend((0.16, 0.45, 0.62), (0.35, 0.65, 0.75), ((rise + 0.09) * 11).clamp(0, 1))
        return torch.where((rise < 0.0)[..., None], sea * _tensor(light.tint, sea), sky)
    hill = 0.07 + 0.05 * torch.sin(azimuth * 3 + 1) + 0.025 * torch.sin(azimuth * 7 + 2)
    return torch.where((rise < hill)[..., None], _tensor((0.3, 0.55, 0.3), sky) * _tensor(light.tint, sky), sky)


def _ground(place: str, point: torch.Tensor) -> torch.Tensor:
    x, z = point[..., 0], point[..., 2]
    if place == "studio":
        return _tensor((0.66, 0.66, 0.68), point).expand(point.shape)
    if place == "beach":
        dune = 0.5 + 0.5 * torch.sin(x * 1.7 + torch.sin(z * 1.3))
        sand = _blend((0.9, 0.78, 0.55), (0.84, 0.7, 0.46), dune)
        sea = _tensor((0.25, 0.55, 0.68), point)
        return torch.where((z < -7 + 0.3 * torch.sin(x))[..., None], sea, sand)
    if place == "room":
        plank = torch.floor(x * 2.2) % 2 == 0
        return torch.where(plank[..., None], _tensor((0.56, 0.37, 0.22), point), _tensor((0.49, 0.31, 0.17), point))
    if place in ("street", "night street"):
        slab = (torch.floor(x) + torch.floor(z)) % 2 == 0
        pavement = torch.where(slab[..., None], _tensor((0.62, 0.6, 0.58), point), _tensor((0.56, 0.55, 0.53), point))
        return torch.where((z < -2.6)[..., None], _tensor((0.3, 0.3, 0.33), point), pavement)
    patch = (torch.floor(x * 0.8) + torch.floor(z * 0.8)) % 2 == 0
    grass = torch.where(patch[..., None], _tensor((0.36, 0.66, 0.26), point), _tensor((0.4, 0.7, 0.3), point))
    path = (z + 0.8 * torch.sin(x * 0.4) + 2.2).abs() < 0.55
    return torch.where(path[..., None], _tensor((0.8, 0.72, 0.56), point), grass)


def _walls(
    place: str, light: Light, origin: torch.Tensor, unit: torch.Tensor, half: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Four walls around the set; a camera outside of them looks through the near one, as on a film set."""
    away_x = (torch.sign(unit[..., 0]) * half - origin[..., 0]) / _nonzero(unit[..., 0])
    away_z = (torch.sign(unit[..., 2]) * half - origin[..., 2]) / _nonzero(unit[..., 2])
    on_side = away_x < away_z
    away = torch.where(on_side, away_x, away_z)
    point = origin + away[..., None] * unit
    along = torch.where(on_side, point[..., 2] + 20.3, point[..., 0])
    height = point[..., 1]
    if place == "room":
        return _room_wall(light, along, height), away
    wall = _facade(along, height, lit=place == "night street")
    wall = wall * _tensor(light.tint, wall)
    sky = _blend(light.horizon, light.zenith, (unit[..., 1] * 2).clamp(0, 1))
    tall = height > 3.3 + 0.5 * torch.sin(torch.floor(along / 2.4) * 2.1)
    return torch.where(tall[..., None], sky, wall), away


def _room_wall(light: Light, along: torch.Tensor, height: torch.Tensor) -> torch.Tensor:
    stripe = torch.sin(along * 7) > 0
    wall = torch.where(stripe[..., None], _tensor((0.82, 0.72, 0.56), along), _tensor((0.77, 0.66, 0.5), along))
    within = along % 4.2
    window = ((within - 3.1).abs() < 0.62) & ((height - 1.55).abs() < 0.55)
    pane = (
        ((within - 3.1).abs() > 0.05)
        & ((height - 1.55).abs() > 0.04)
        & ((within - 3.1).abs() < 0.55)
        & ((height - 1.55).abs() < 0.48)
    )
    picture = ((within - 1.1).abs() < 0.36) & ((height - 1.75).abs() < 0.27)
    wall = torch.where(picture[..., None], _tensor((0.25, 0.42, 0.5), along), wall)
    wall = torch.where(window[..., None], _tensor((0.95, 0.93, 0.88), along), wall)
    wall = torch.where(pane[..., None], _tensor(light.horizon, along), wall)
    skirting = height < 0.16
    return torch.where(skirting[..., None], _tensor((0.4, 0.26, 0.16), along), wall)


def _facade(along: torch.Tensor, height: torch.Tensor, lit: bool) -> torch.Tensor:
    house = torch.floor(along / 2.4)
    shade = (0.5 + 0.5 * torch.sin(house * 2.4))[..., None]
    wall = _tensor((0.86, 0.68, 0.5), along) * shade + _tensor((0.72, 0.46, 0.36), along) * (1 - shade)
    across = along % 2.4
    window = (((across - 0.7).abs() < 0.28) | ((across - 1.7).abs() < 0.28)) & ((height - 2.5).abs() < 0.36)
    shop = ((across - 1.2).abs() < 0.95) & (height > 0.4) & (height < 1.45)
    awning = ((across - 1.2).abs() < 1.08) & ((height - 1.62).abs() < 0.14)
    glass = (1.35, 1.1, 0.62) if lit else (0.42, 0.55, 0.64)
    wall = torch.where((window | shop)[..., None], _tensor(glass, along), wall)
    cloth = torch.where(
        (torch.sin(along * 13) > 0)[..., None], _tensor((0.8, 0.2, 0.18), along), _tensor((0.95, 0.93, 0.9), along)
    )
    return torch.where(awning[..., None], cloth, wall)


def _nonzero(value: torch.Tensor) -> torch.Tensor:
    return torch.where(value.abs() < 1e-6, torch.full_like(value, 1e-6), value)
