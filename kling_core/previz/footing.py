"""Where the ground is, seen from whoever stands on it: what a shadow needs to know besides the light."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F

from kling_core.previz.stage.renderer import View

LAYERS = 3
_REACH = 1.6  # metres
_FAR = 25.0  # metres from the camera; beyond, nobody's shadow shows
_VIEW = 64  # pixels on the longer side: what changes this slowly needs no more


def footing(view: View, feet: Iterable[np.ndarray]) -> torch.Tensor:
    """[F, 3, H, W] of the ground in a view, 0 where there is none: how near the nearest feet are, exp(-d^2 / 1.6 m^2),
    and that times how far the ground lies from them in x and z, in units of 1.6 m.

    feet: positions [F, 3] or [3] in metres, of everybody and everything that casts a shadow.
    """
    coarse = view.coarser(_VIEW)
    rays, eye = coarse.directions(), view.eye[:, None, None]
    down = rays[..., 1]
    reach = -eye[..., 1] / down.clamp(max=-1e-4)
    ground = (down < 0) & (reach * rays.norm(dim=-1) < _FAR)
    at = eye + reach[..., None] * rays
    layers = torch.zeros(*ground.shape, LAYERS, device=view.device)
    for position in feet:
        standing = torch.as_tensor(position, dtype=torch.float32, device=view.device).expand(view.frames, 3)
        away = (at - standing[:, None, None])[..., [0, 2]] / _REACH
        near = (-away.square().sum(-1, keepdim=True)).exp() * ground[..., None]
        layers = torch.where(near > layers[..., :1], torch.cat([near, near * away], -1), layers)
    layers = layers.permute(0, 3, 1, 2)
    if coarse is view:
        return layers
    return F.interpolate(layers, (view.height, view.width), mode="bilinear", align_corners=False)
