"""The camera of every shot as rays, in the form that models with a camera embedding were trained on.

A ray is six numbers, its Plücker coordinates: moment o x d and unit direction d (Sitzmann et al., Light Field Networks,
arXiv 2106.02634, with the order of CameraCtrl, arXiv 2404.02101). Axes are OpenCV's: x right, y down, z forward.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from kling_core.plan.blocking import Blocking
    from kling_core.plan.plan import Plan

TRAINED_NEAR = 1.25
"""How far away the nearest things are in RealEstate10K, which CameraCtrl learned its paths from, whose poses these
models take (Zhou et al., Stereo Magnification, arXiv 1805.09817: the 10th percentile of a clip's near planes is put
there). Metres are brought to that scale, so that things pass by as fast on screen as the same numbers mean there."""
_NEAREST = 0.3  # metres: nobody is filmed from nearer
_FRAMES = 4  # of a latent


def camera_embedding(plan: "Plan") -> torch.Tensor:
    """[24, latents, H, W] of the film's own size: the six ray coordinates of each of a latent's four frames, in the
    order coordinate by coordinate. The film's first latent is one frame, which stands for four. On Wan's lattice."""
    width, height = plan.size
    film = torch.cat([shot_rays(blocking, width, height) for blocking in plan.blocking], 1)
    whole = torch.cat([film[:, :1].expand(-1, _FRAMES - 1, -1, -1), film], 1)
    return whole.unflatten(1, (-1, _FRAMES)).transpose(1, 2).flatten(0, 1)


def shot_rays(blocking: "Blocking", width: int, height: int) -> torch.Tensor:
    """[6, F, H, W], moment and direction of the ray through the middle of every pixel, as the shot's first camera sees
    them: models know single shots only, which begin at the origin."""
    camera = blocking.camera
    axes = _tensor(np.stack([camera.right, -camera.up, camera.forward], -1))
    turned = axes[0].T @ axes
    origin = _tensor((camera.eye - camera.eye[0]) * TRAINED_NEAR / near(blocking)) @ axes[0]
    # Pixels are square: one focal length, in pixels, for both axes.
    focal = _tensor(height / 2 / camera.tangent)[:, None, None]
    x = (torch.arange(width) + 0.5 - width / 2) / focal
    y = (torch.arange(height) + 0.5 - height / 2)[:, None] / focal
    right, down, ahead = turned[..., None, None].unbind(2)
    direction = right * x[:, None] + down * y[:, None] + ahead
    direction /= (x * x + y * y + 1).sqrt()[:, None]
    moment = torch.linalg.cross(origin[..., None, None].expand_as(direction), direction, dim=1)
    return torch.cat([moment, direction], 1).transpose(0, 1)


def near(blocking: "Blocking") -> float:
    """Metres to what is nearest to the camera: the 10th percentile over the frames of how far the nearest subject is,
    or of the middle of an empty place."""
    camera = blocking.camera
    depths = [track.depth for track in blocking.subjects]
    depths = depths or [camera.project(np.zeros_like(camera.eye))[1]]
    depths = np.stack(depths)
    nearest = np.where(depths > 0, depths, np.inf).min(0)
    seen = nearest[np.isfinite(nearest)]
    return max(float(np.percentile(seen, 10)), _NEAREST) if len(seen) else TRAINED_NEAR


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
