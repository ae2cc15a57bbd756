"""The light of a place at an hour: its colours, how it falls on a body, and the shadow that a body casts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

Colour = tuple[float, float, float]
_BLACK = (0.0, 0.0, 0.0)
# Farthest tip of a shadow, metres: a sun on the horizon would draw it without end.
_LONGEST = 5.5
# What casts shadows, as upright ellipsoids: height of the centre, half height, radius, metres.
Ball = tuple[float, float, float]
PERSON: tuple[Ball, ...] = ((0.6, 0.62, 0.23), (1.38, 0.31, 0.28))
OCCLUDERS: dict[str, tuple[Ball, ...]] = {
    "tree": ((0.9, 1.0, 0.13), (2.25, 0.62, 0.62)),
    "pillar": ((2.0, 2.2, 0.18),),
}


@dataclass(frozen=True)
class Light:
    """horizon, zenith: the sky, indoors what the windows show. tint: of ground and walls. sun: direction towards the
    sun, moon or lamp. ambient, direct, rim: colours of the light on bodies from all around, from the sun, and from
    behind (opposite to the sun). shadow: share of light that a cast shadow takes away."""

    horizon: Colour
    zenith: Colour
    tint: Colour
    sun: Colour
    ambient: Colour
    direct: Colour
    rim: Colour = _BLACK
    shadow: float = 0.4


LIGHTS = {
    "day": Light(
        (0.75, 0.88, 0.98), (0.3, 0.55, 0.95), (1.0, 1.0, 1.0), (0.45, 0.75, 0.5), (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)
    ),
    "sunset": Light(
        (0.99, 0.62, 0.3), (0.5, 0.28, 0.52), (1.04, 0.84, 0.7), (0.8, 0.35, 0.45),
        (0.92, 0.8, 0.82), (1.35, 0.98, 0.66), (0.1, 0.04, 0.06), 0.46,
    ),
    "night": Light(
        (0.13, 0.13, 0.3), (0.03, 0.03, 0.1), (0.5, 0.56, 0.8), (-0.4, 0.8, 0.45),
        (0.58, 0.64, 0.88), (0.62, 0.68, 0.92), (0.16, 0.22, 0.4), 0.4,
    ),
}
# Indoors the sky only colours the windows; the light comes from above, at night from lamps alone.
_INDOORS = {
    "day": {"sun": (0.35, 0.85, 0.4), "shadow": 0.28},
    "sunset": {"tint": (1.02, 0.88, 0.74), "sun": (0.7, 0.5, 0.4), "shadow": 0.34},
    "night": {
        "tint": (0.88, 0.79, 0.62), "sun": (0.1, 0.95, 0.3), "ambient": (0.88, 0.8, 0.66), "direct": (1.0, 0.85, 0.6),
        "rim": _BLACK, "shadow": 0.34,
    },
}
_STUDIO = replace(LIGHTS["day"], shadow=0.25)
_STAGE = Light(
    (0.05, 0.04, 0.06), (0.02, 0.02, 0.03), (1.0, 0.95, 0.86), (0.3, 0.9, 0.4),
    (0.82, 0.76, 0.78), (1.2, 1.08, 0.9), (0.2, 0.08, 0.22), 0.5,
)


def light_of(place: str, time_of_day: str) -> Light:
    """The light in one of storyboard.PLACES. A studio and a theatre's stage have no hours, a night street only one."""
    if place == "studio":
        return _STUDIO
    if place == "stage":
        return _STAGE
    if place in ("room", "shop", "classroom"):
        return replace(LIGHTS[time_of_day], **_INDOORS[time_of_day])
    return LIGHTS["night" if place == "night street" else time_of_day]


def shade(normal: torch.Tensor, light: Light) -> torch.Tensor:
    """Factors [N, 3] on the colours of surfaces with these unit normals [N, 3]."""

    def tensor(colour: Colour) -> torch.Tensor:
        return torch.tensor(colour, dtype=normal.dtype, device=normal.device)

    sun = F.normalize(tensor(light.sun), dim=0)
    toward = normal @ sun
    around = (0.5 + 0.08 * normal[:, 1])[:, None] * tensor(light.ambient)
    shaded = around + (0.55 * toward.clamp(min=0))[:, None] * tensor(light.direct)
    if light.rim == _BLACK:
        return shaded
    return shaded + (-toward).clamp(min=0).square()[:, None] * tensor(light.rim)


def cast_shadow(x: torch.Tensor, z: torch.Tensor, light: Light, balls: tuple[Ball, ...]) -> torch.Tensor:
    """The share of the light that reaches ground points at x, z metres from the feet, of the shape of x.

    balls: what stands there. The shadow of an upright ellipsoid on flat ground is an ellipse: its centre lies
    height / tan(elevation) away from the sun, its half length is hypot(radius, half height / tan(elevation)). Soft
    edges instead of sharp ones, and a round contact shadow under the feet.
    """
    across, up, depth = light.sun
    level = (across * across + depth * depth) ** 0.5
    ahead_x, ahead_z = -across / level, -depth / level
    along, aside = x * ahead_x + z * ahead_z, x * ahead_z - z * ahead_x
    slope = level / up
    dark = torch.zeros_like(x)
    for centre, half, radius in balls:
        reach = min(slope, _LONGEST / (centre + half))
        length = (radius * radius + (half * reach) ** 2) ** 0.5
        squared = ((along - centre * reach) / length).square() + (aside / radius).square()
        dark = torch.maximum(dark, torch.exp(-squared * squared))
    contact = torch.exp((x * x + z * z) / -0.12)
    return (1 - light.shadow * dark) * (1 - 0.3 * contact)
