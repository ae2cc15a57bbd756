"""The collage: every person's own pictures laid into the frame where the blocking puts that person.

It anchors identity in every denoising step: each video token inside somebody's region carries what that person's
reference shows at that place. The transformer's work is to turn a paper cut-out into a moving figure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F

from kling_core.plan.blocking import BODY_HEIGHT, BODY_RADIUS, HEAD_RADIUS, Blocking, SubjectTrack
from kling_core.previz.stage.portraits import BODY_CENTRE, BODY_SPAN, DETAIL_SPAN
from kling_core.previz.wardrobe import Wardrobe
from kling_core.previz.world import PATCH

CHANNELS = 4 * PATCH * PATCH
_FRONTAL = 1.1  # radians; a face turned further than this is not laid over the figure
_WRAP = 0.28 / (DETAIL_SPAN / 2)  # a head's radius, as a fraction of the half width of its picture
_SIDE = 1.4  # radians; what lies further around the head is not in its picture


def collage(
    blocking: Blocking, frames: np.ndarray, wardrobes: Mapping[str, Wardrobe], rows: int, columns: int
) -> torch.Tensor:
    """[frames, rows, columns, CHANNELS]: RGB (times alpha) and alpha of the pasted pictures, a patch a token.

    frames: frame numbers within the shot. Nobody is pasted whose wardrobe is missing.
    """
    canvas = torch.zeros(len(frames), 4, rows * PATCH, columns * PATCH)
    tracks = [track for track in blocking.subjects if track.subject in wardrobes]
    for track in sorted(tracks, key=lambda track: -float(track.depth.mean())):
        wardrobe = wardrobes[track.subject]
        canvas = _over(canvas, _body(track, frames, wardrobe, canvas.shape))
        canvas = _over(canvas, _face(track, frames, wardrobe, canvas.shape))
    split = canvas.reshape(len(frames), 4, rows, PATCH, columns, PATCH)
    return split.permute(0, 2, 4, 1, 3, 5).reshape(len(frames), rows, columns, CHANNELS)


def _over(canvas: torch.Tensor, top: torch.Tensor) -> torch.Tensor:
    return top + canvas * (1 - top[:, 3:])


def _body(track: SubjectTrack, frames: np.ndarray, wardrobe: Wardrobe, shape: torch.Size) -> torch.Tensor:
    box, facing = track.body[frames], track.facing[frames]
    view = np.where(np.abs(facing) < np.pi / 4, 0, np.where(np.abs(facing) > 3 * np.pi / 4, 2, 1))
    mirrored = np.where((view == 1) & (facing < 0), -1.0, 1.0)
    x_metre = (box[:, 2] - box[:, 0]) / (2 * BODY_RADIUS)
    y_metre = (box[:, 3] - box[:, 1]) / BODY_HEIGHT
    middle_x = (box[:, 0] + box[:, 2]) / 2
    middle_y = box[:, 3] - BODY_CENTRE * y_metre
    pictures = wardrobe.body[torch.from_numpy(view)]
    return _paste(pictures, middle_x, middle_y, x_metre * BODY_SPAN / 4 * mirrored, y_metre * BODY_SPAN / 2, shape)


def _face(track: SubjectTrack, frames: np.ndarray, wardrobe: Wardrobe, shape: torch.Size) -> torch.Tensor:
    """The face on a head that is turned: the picture wrapped around an upright cylinder, over the flat picture."""
    box, facing = track.head[frames], track.facing[frames]
    half_x, half_y = (box[:, 2] - box[:, 0]) / 2, (box[:, 3] - box[:, 1]) / 2
    scale = DETAIL_SPAN / 2 / HEAD_RADIUS
    seen = torch.from_numpy((np.abs(facing) < _FRONTAL).astype(np.float32))
    pictures = wardrobe.detail[None].expand(len(frames), -1, -1, -1) * seen[:, None, None, None]
    place = (box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2, half_x * scale, half_y * scale
    return _over(_paste(pictures, *place, shape), _paste(pictures, *place, shape, torch.from_numpy(facing).float()))


def _paste(
    pictures: torch.Tensor,
    middle_x: np.ndarray,
    middle_y: np.ndarray,
    half_x: np.ndarray,
    half_y: np.ndarray,
    shape: torch.Size,
    turned: torch.Tensor | None = None,
) -> torch.Tensor:
    """Pictures [F, 4, h, w] drawn on empty canvases of `shape`; middle and half size in screen units.

    turned: [F] radians; the pictures are then wrapped around a cylinder of _WRAP of their width, turned by that much.
    """
    _, _, height, width = shape
    x = (torch.arange(width) + 0.5) / width
    y = (torch.arange(height) + 0.5) / height

    def local(axis: torch.Tensor, middle: np.ndarray, half: np.ndarray) -> torch.Tensor:
        middle, half = torch.from_numpy(middle).float(), torch.from_numpy(half).float()
        return (axis[None] - middle[:, None]) / torch.where(half.abs() < 1e-4, torch.full_like(half, 1e-4), half)[
            :, None
        ]

    u, v = local(x, middle_x, half_x), local(y, middle_y, half_y)
    shown = torch.ones_like(u)
    if turned is not None:
        azimuth = (u / _WRAP).clamp(-1, 1).asin() - turned[:, None]
        shown = (8 * (1 - (u / _WRAP).abs())).clamp(0, 1) * (8 * (_SIDE - azimuth.abs())).clamp(0, 1)
        u = _WRAP * azimuth.sin()
    grid = torch.stack([u[:, None].expand(-1, height, -1), v[:, :, None].expand(-1, -1, width)], -1)
    drawn = F.grid_sample(pictures, grid.clamp(-9, 9), mode="bilinear", align_corners=False)
    return drawn * shown[:, None, None]
