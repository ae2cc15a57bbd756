"""Draws ellipsoids over a background: closed-form ray hits, deferred shading. Torch, the same on CPU and GPU.

A ray through screen point (x, y) is `forward + x right + y up` (unnormalised, so that its parameter t is the depth
along the camera's axis). In an ellipsoid's own unit space it is a + x b + y c from origin o, so the hit condition is a
quadratic in t whose coefficients are polynomials in x and y: about twelve elementwise operations a part, and only
inside the part's screen box.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from kling_core.plan.camera_path import CameraPath
from kling_core.previz.stage.parts import Parts

NEAR = 0.05
FAR = 1e4
_PIECE = 65536  # pixels that are looked at together: about what fits a core's cache


@dataclass
class Hits:
    """What each pixel shows. depth: [F, H, W]; part: [F, H, W] int64, -1 where no part was hit."""

    depth: torch.Tensor
    part: torch.Tensor


@dataclass
class Surface:
    """The N pixels that show a part. index: flat pixel number; frame, part: [N]; point: [N, 3] on the unit sphere of
    the part; normal: [N, 3] in world space; world: [N, 3] metres."""

    index: torch.Tensor
    frame: torch.Tensor
    part: torch.Tensor
    point: torch.Tensor
    normal: torch.Tensor
    world: torch.Tensor


class View:
    """A camera path on a pixel lattice, as tensors. x: [W], y: [H] in ray coordinates (aspect and tangent applied)."""

    def __init__(self, camera: CameraPath, width: int, height: int, device: torch.device | str = "cpu"):
        def tensor(array: np.ndarray) -> torch.Tensor:
            return torch.as_tensor(array, dtype=torch.float32, device=device)

        self.device = device
        self.eye, self.forward = tensor(camera.eye), tensor(camera.forward)
        scale = tensor(camera.tangent)[:, None]
        self.right, self.up = tensor(camera.right) * scale * camera.aspect, tensor(camera.up) * scale
        self._set_size(width, height)

    @property
    def frames(self) -> int:
        return len(self.eye)

    def coarser(self, longest: int) -> View:
        """The same view with fewer pixels, about `longest` on its longer side; itself if it has no more."""
        factor = max(self.width, self.height) // longest
        if factor <= 1:
            return self
        coarse = copy.copy(self)
        coarse._set_size(self.width // factor, self.height // factor)
        return coarse

    def _set_size(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.x = (torch.arange(width, device=self.device) + 0.5) / width * 2 - 1
        self.y = 1 - (torch.arange(height, device=self.device) + 0.5) / height * 2

    def ground_depth(self) -> torch.Tensor:
        """[F, H, W] how far along the camera's axis the ground (y = 0) is at each pixel, FAR where none is."""
        rise = self.y[:, None] * self.up[:, 1, None, None] + self.x * self.right[:, 1, None, None]
        rise = rise + self.forward[:, 1, None, None]
        return torch.where(rise < 0, -self.eye[:, 1, None, None] / rise.clamp(max=-1e-6), FAR).clamp(max=FAR)

    def directions(self) -> torch.Tensor:
        """[F, H, W, 3] unnormalised ray directions, with 1 along the camera's axis."""
        across = self.x[None, None, :, None] * self.right[:, None, None]
        return self.forward[:, None, None] + across + self.y[None, :, None, None] * self.up[:, None, None]


def trace(parts: Parts, view: View) -> tuple[Hits, "_Rays"]:
    """Nearest part at every pixel."""
    rays = _Rays(parts, view)
    shape = (view.frames, view.height, view.width)
    hits = Hits(
        torch.full(shape, FAR, device=view.device), torch.full(shape, -1, dtype=torch.int64, device=view.device)
    )
    for part, (rows, columns) in enumerate(_screen_boxes(rays, view)):
        if rows.stop > rows.start and columns.stop > columns.start:
            _trace_part(rays, part, view, rows, columns, hits)
    return hits, rays


def surface(hits: Hits, rays: "_Rays", view: View) -> Surface:
    """Points and normals of the pixels that show a part."""
    index = (hits.part.reshape(-1) >= 0).nonzero()[:, 0]
    pieces = [_surface(piece, hits, rays, view) for piece in index.split(_PIECE)]
    return Surface(*(torch.cat(column) for column in zip(*pieces)))


def _surface(index: torch.Tensor, hits: Hits, rays: "_Rays", view: View) -> tuple[torch.Tensor, ...]:
    part = hits.part.reshape(-1)[index]
    depth = hits.depth.reshape(-1)[index][:, None]
    pixels = view.width * view.height
    frame = index // pixels
    row, column = (index % pixels) // view.width, index % view.width
    x, y = view.x[column][:, None], view.y[row][:, None]
    key = frame * rays.parts + part
    table = rays.table[key]
    origin, a, b, c, inverse = table[:, :3], table[:, 3:6], table[:, 6:9], table[:, 9:12], table[:, 12:]
    point = origin + depth * (a + x * b + y * c)
    normal = torch.einsum("nij,ni->nj", inverse.view(-1, 3, 3), point)
    direction = view.forward[frame] + x * view.right[frame] + y * view.up[frame]
    return index, frame, part, point, F.normalize(normal, dim=1), view.eye[frame] + depth * direction


class _Rays:
    """Rays in every part's unit space: table [F * P, 21] of origin, a, b, c and the inverse of the part's axes."""

    def __init__(self, parts: Parts, view: View):
        def tensor(array: np.ndarray) -> torch.Tensor:
            return torch.as_tensor(np.ascontiguousarray(array), dtype=torch.float32, device=view.device)

        self.parts = parts.centre.shape[1]
        self.centre, axes = tensor(parts.centre), tensor(parts.axes)
        squared = (axes * axes).sum(2, keepdim=True)
        inverse = (axes / squared).transpose(2, 3)  # the axes are orthogonal, so this is their exact inverse
        self.radius = squared.sqrt().amax((2, 3))

        def seen(vector: torch.Tensor) -> torch.Tensor:
            return torch.einsum("fpij,fpj->fpi", inverse, vector.expand_as(self.centre))

        self.origin = seen(view.eye[:, None] - self.centre)
        self.a, self.b, self.c = (seen(vector[:, None]) for vector in (view.forward, view.right, view.up))
        self.table = torch.cat(
            [self.origin, self.a, self.b, self.c, inverse.flatten(2)], -1
        ).flatten(0, 1)


def _screen_boxes(rays: _Rays, view: View) -> list[tuple[slice, slice]]:
    """For each part, the rows and columns that its bounding sphere can touch in any frame."""
    relative = rays.centre - view.eye[:, None]
    depth = torch.einsum("fpi,fi->fp", relative, view.forward)
    boxes = []
    for axis, pixels, flip in ((view.up, view.height, -1.0), (view.right, view.width, 1.0)):
        size = axis.norm(dim=-1)[:, None]
        offset = torch.einsum("fpi,fi->fp", relative, axis / size)
        safe = (depth - rays.radius).clamp(min=0.05)
        spread = rays.radius / safe / size * (1 + (offset / depth.clamp(min=0.05)).abs())
        middle = flip * offset / depth.clamp(min=0.05) / size
        near = depth - rays.radius < 0.1
        low = torch.where(near, torch.full_like(depth, -1.0), middle - spread)
        high = torch.where(near, torch.full_like(depth, 1.0), middle + spread)
        gone = depth + rays.radius < NEAR
        low, high = low.masked_fill(gone, 9.0), high.masked_fill(gone, -9.0)
        start = ((low.amin(0) + 1) / 2 * pixels).floor().clamp(0, pixels).int().tolist()
        stop = ((high.amax(0) + 1) / 2 * pixels).ceil().clamp(0, pixels).int().tolist()
        boxes.append([slice(first, max(first, last)) for first, last in zip(start, stop)])
    return list(zip(*boxes))


def _trace_part(rays: _Rays, part: int, view: View, rows: slice, columns: slice, hits: Hits) -> None:
    def dot(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return (first[:, part] * second[:, part]).sum(-1)[:, None, None]

    origin, a, b, c = rays.origin, rays.a, rays.b, rays.c
    x, y = view.x[columns][None, None, :], view.y[rows][None, :, None]
    square = (dot(b, b) * x + 2 * dot(a, b)) * x + dot(a, a) + ((dot(c, c) * y + 2 * dot(a, c)) * y)
    square = square + (2 * dot(b, c) * y) * x
    half = dot(b, origin) * x + (dot(a, origin) + dot(c, origin) * y)
    discriminant = half * half - square * (dot(origin, origin) - 1)
    depth = (-half - discriminant.clamp(min=0).sqrt()) / square
    nearest = hits.depth[:, rows, columns]
    closer = (discriminant > 0) & (depth > NEAR) & (depth < nearest)
    hits.depth[:, rows, columns] = torch.where(closer, depth, nearest)
    hits.part[:, rows, columns] = hits.part[:, rows, columns].masked_fill(closer, part)
