"""The shadows that people, and what they pass behind, cast on the ground of a shot."""

from __future__ import annotations

import torch

from kling_core.plan.blocking import Blocking
from kling_core.previz.stage.light import OCCLUDERS, PERSON, Light, cast_shadow


def light_reaching(x: torch.Tensor, z: torch.Tensor, frame: int, blocking: Blocking, light: Light) -> torch.Tensor:
    """The share of the light that reaches points of the ground at x, z (metres) in a frame of a blocking: in (0, 1], of
    the shape of x."""
    standing = [(track.position[frame], PERSON) for track in blocking.subjects]
    standing += [(track.position, OCCLUDERS[track.kind]) for track in blocking.occluders]
    reached = torch.ones_like(x)
    for (feet_x, _, feet_z), balls in standing:
        reached = reached * cast_shadow(x - float(feet_x), z - float(feet_z), light, balls)
    return reached
