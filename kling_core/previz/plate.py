"""The plate: a place's own picture, all around from where people stand, laid onto its ground and walls.

It does for places what wardrobes do for people. A camera that moves sees the same wall from elsewhere, because the
picture is projected from where it was taken onto simple geometry and looked at from the new eye, as warped references
condition the camera of larger models (GEN3C, Ren et al., CVPR 2025; ViewCrafter, Yu et al. 2024). Nobody's shadow is in
it, and nothing that stands free: the collage adds both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F

from kling_core.previz.stage.light import Light, light_of
from kling_core.previz.stage.places import background, wall_distance
from kling_core.previz.stage.renderer import View

EYE_HEIGHT = 1.3  # metres; where the picture is taken, above the middle of the place
_SIZE = (768, 1536)
_SAMPLES = 2  # a side of each of its pixels
_VIEW = 256  # pixels: views are looked up at about this size at most, as the panorama shows no more
_FAR, _SKY = 40.0, 1e4  # metres; how far the ground goes, and where everything is that has no place
_SEAM = 4  # pixels of the other end that are repeated behind the camera, so that no seam shows there
_KEPT = 30  # plates in memory, 4.5 MB each: every place at every hour


@dataclass(frozen=True)
class Plate:
    """panorama: uint8 [4, H, W], RGB and whether it is known (255), equirectangular: columns from behind over the left,
    ahead (towards -z) and the right to behind, rows from zenith to nadir. walls: half width of the square of walls,
    metres, None where the place is open. place: of the stage, whose things stand about in it. light: what shadows there
    fall by."""

    panorama: torch.Tensor
    walls: float | None
    place: str
    light: Light

    def seen(self, view: View) -> torch.Tensor:
        """[F, 4, H, W] from a camera: RGB in [-1, 1] where known, else 0, and whether it is known."""
        picture = F.pad(self.panorama.float(), (_SEAM, _SEAM), mode="circular")[None]
        picture = torch.cat([(picture[:, :3] / 127.5 - 1) * (picture[:, 3:] / 255), picture[:, 3:] / 255], 1)
        coarse = view.coarser(_VIEW)
        frames = torch.cat([self._frame(picture, eye, rays) for eye, rays in zip(coarse.eye, coarse.directions())])
        if coarse is view:
            return frames
        return F.interpolate(frames, (view.height, view.width), mode="bilinear", align_corners=False)

    def ahead(self, half_angle: float) -> Plate:
        """The same place, known only up to `half_angle` radians to the left and right of straight ahead."""
        panorama, columns = self.panorama.clone(), self.panorama.shape[2]
        azimuth = ((torch.arange(columns) + 0.5) / columns * 2 - 1) * np.pi
        panorama[3, :, azimuth.abs() > half_angle] = 0
        return replace(self, panorama=panorama)

    def _frame(self, picture: torch.Tensor, eye: torch.Tensor, rays: torch.Tensor) -> torch.Tensor:
        x, y, z = rays.unbind(-1)
        length = rays.norm(dim=-1)
        # Rays that do not go down meet the sky.
        reach = torch.where(y < -1e-3 * length, -eye[1] / y.clamp(max=-1e-4), _SKY / length)
        if self.walls is None:
            reach = torch.where(reach * length > _FAR, _SKY / length, reach)
        else:
            for start, along in ((eye[0], x), (eye[2], z)):
                along = torch.where(along.abs() < 1e-6, 1e-6, along)
                reach = torch.minimum(reach, (along.sign() * self.walls - start) / along)
        at = eye + reach[..., None] * rays - torch.tensor([0.0, EYE_HEIGHT, 0.0])
        columns = self.panorama.shape[2]
        across = torch.atan2(at[..., 0], -at[..., 2]) / np.pi * columns / (columns + 2 * _SEAM)
        down = -torch.atan2(at[..., 1], at[..., [0, 2]].norm(dim=-1)) / (np.pi / 2)
        return F.grid_sample(picture, torch.stack([across, down], -1)[None], padding_mode="border", align_corners=False)


@lru_cache(_KEPT)
def plate_of(place: str, time_of_day: str) -> Plate:
    """The stage's own picture of a place at an hour."""
    rows, columns = (side * _SAMPLES for side in _SIZE)
    azimuth = ((torch.arange(columns) + 0.5) / columns * 2 - 1) * np.pi
    rise = (0.5 - (torch.arange(rows) + 0.5) / rows) * np.pi
    flat = rise.cos()[:, None]
    direction = torch.stack(
        [flat * azimuth.sin(), rise.sin()[:, None].expand(rows, columns), -flat * azimuth.cos()], -1
    )
    light = light_of(place, time_of_day)
    colour, _ = background(place, light, torch.tensor([[0.0, EYE_HEIGHT, 0.0]]), direction[None])
    known = torch.full((1, *_SIZE), 255, dtype=torch.uint8)
    smooth = F.avg_pool2d(colour[0].clamp(0, 1).permute(2, 0, 1), _SAMPLES)
    drawn = (smooth * 255).round().to(torch.uint8)
    return Plate(torch.cat([drawn, known]), wall_distance(place), place, light)
