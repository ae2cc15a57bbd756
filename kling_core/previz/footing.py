"""The ground people stand on: how far it lies from their feet, and their shadows on it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F

from kling_core.plan.blocking import Blocking
from kling_core.previz.plate import Plate
from kling_core.previz.stage.renderer import View
from kling_core.previz.stage.shadows import light_reaching

LAYERS = 3
_REACH = 1.6  # metres
_FAR = 25.0  # metres from the camera; beyond, nobody's shadow shows
_VIEW, _SHADOW_VIEW = 64, 128  # pixels on the longer side: what changes this slowly needs no more


def footing(view: View, feet: Iterable[np.ndarray]) -> torch.Tensor:
    """[F, 3, H, W] of the ground in a view, 0 where there is none: how near the nearest feet are, exp(-d^2 / 1.6 m^2),
    and that times how far the ground lies from them in x and z, in units of 1.6 m.

    feet: positions [F, 3] or [3] in metres, of everybody and everything that casts a shadow.
    """
    coarse = view.coarser(_VIEW)
    at, ground = _ground(coarse)
    layers = torch.zeros(*ground.shape, LAYERS, device=view.device)
    for position in feet:
        standing = torch.as_tensor(position, dtype=torch.float32, device=view.device).expand(view.frames, 3)
        away = (at - standing[:, None, None])[..., [0, 2]] / _REACH
        near = (-away.square().sum(-1, keepdim=True)).exp() * ground[..., None]
        layers = torch.where(near > layers[..., :1], torch.cat([near, near * away], -1), layers)
    return _enlarged(layers.permute(0, 3, 1, 2), view)


def shadows(view: View, blocking: Blocking, plate: Plate) -> torch.Tensor:
    """[F, 1, H, W] in (0, 1]: the share of the light that people and what they pass behind leave to the place."""
    coarse = view.coarser(_SHADOW_VIEW)
    at, ground = _ground(coarse)
    if plate.walls is not None:
        ground &= (at[..., [0, 2]].abs() < plate.walls).all(-1)
    reached = torch.ones(ground.shape)
    for frame, seen in enumerate(ground):
        x, _, z = at[frame, seen].unbind(-1)
        reached[frame, seen] = light_reaching(x, z, frame, blocking, plate.light)
    return _enlarged(reached[:, None], view)


def _ground(view: View) -> tuple[torch.Tensor, torch.Tensor]:
    """Where each pixel's ray meets the ground, [F, H, W, 3] in metres, and whether it does so near enough to matter."""
    rays, eye = view.directions(), view.eye[:, None, None]
    down = rays[..., 1]
    reach = -eye[..., 1] / down.clamp(max=-1e-4)
    return eye + reach[..., None] * rays, (down < 0) & (reach * rays.norm(dim=-1) < _FAR)


def _enlarged(layers: torch.Tensor, view: View) -> torch.Tensor:
    if layers.shape[-2:] == (view.height, view.width):
        return layers
    return F.interpolate(layers, (view.height, view.width), mode="bilinear", align_corners=False)
