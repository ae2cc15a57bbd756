"""An element's pictures as the model takes them: reference tokens, and cut-outs to lay where the blocking puts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

from kling_core.previz.stage.portraits import BACKDROP
from kling_core.previz.world import GRID

BODY_VIEWS = ("front", "side", "back")
BODY_SIZE, DETAIL_SIZE = (192, 96), (128, 128)  # pixels, of the pictures that the collage shows
_REACH = 12
_BACKDROP_ERROR = 0.02
"""Of the backdrop's colour in files of 8 bits, so that nothing of it is carried on as if it were somebody."""
_RIM, _MIXED_RIM = 3, 5  # pixels across, by which people are eroded: to their outline, to colours without backdrop
REFERENCE_PATCH = 16
_TOKEN_BODY, _TOKEN_DETAIL = (64, 32), (64, 64)  # pixels, of the pictures that become reference tokens
TOKENS_PER_PERSON = GRID.reference_tokens  # 8 for each whole figure, 16 for the face
REFERENCE_CHANNELS = 3 * REFERENCE_PATCH**2


@dataclass(frozen=True)
class Wardrobe:
    """One person's views.

    body: [3, 4, 192, 96] front, side, back; detail: [4, 128, 128]; channels are RGB in [-1, 1] times alpha, and alpha.
    Their colours go on a little beyond the person's edges, to wrap bodies that are not quite as slim; outline:
    [3, 1, 192, 96] is 1 where the person really is. tokens: [40, 768] reference tokens in [-1, 1]. known: [40] float,
    0 for tokens of a view that nobody supplied, which body and detail fill from the front.
    """

    body: torch.Tensor
    outline: torch.Tensor
    detail: torch.Tensor
    tokens: torch.Tensor
    known: torch.Tensor

    @classmethod
    def from_views(cls, views: Mapping[str, np.ndarray]) -> Wardrobe:
        """views: portraits as `stage.portraits.portraits` draws them, any size; all but the front may be missing."""
        whole = {name: _fit(views[name], BODY_SIZE) for name in BODY_VIEWS if name in views}
        detail = _fit(views["detail"], DETAIL_SIZE) if "detail" in views else None
        bodies = torch.stack([whole.get(name, whole["front"]) for name in BODY_VIEWS])
        face = detail if detail is not None else _face_of(whole["front"])
        small = [*(_shrunk(view, _TOKEN_BODY) for view in bodies), _shrunk(face, _TOKEN_DETAIL)]
        tokens = torch.cat([_patches(view) for view in small])
        known = [float(name in whole) for name in BODY_VIEWS for _ in range(8)] + [float(detail is not None)] * 16
        body, detail = (_continued(_cut_out(views, _MIXED_RIM)) for views in (bodies, face[None]))
        return cls(body, _cut_out(bodies, _RIM)[:, 3:], detail[0], tokens, torch.tensor(known))

    def shows(self, view: str) -> bool:
        """Whether somebody supplied this view of the body."""
        return bool(self.known[8 * BODY_VIEWS.index(view)] > 0)

    def faded(self, strength: float) -> Wardrobe:
        """The same pictures at a binding strength from 0 to 1."""
        return replace(self, body=self.body * strength, detail=self.detail * strength, known=self.known * strength)


def _fit(picture: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
    """[3, H, W] in [-1, 1]."""
    return _shrunk(torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1).float() / 127.5 - 1, size)


def _shrunk(picture: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return F.interpolate(picture[None], size, mode="bilinear", antialias=True, align_corners=False)[0]


def _face_of(front: torch.Tensor) -> torch.Tensor:
    """The head region of a whole figure, where no detail view was given."""
    return F.interpolate(front[None, :, 6:96, 3:93], DETAIL_SIZE, mode="bilinear", align_corners=False)[0]


def _patches(view: torch.Tensor) -> torch.Tensor:
    """[tokens, 768] from [3, H, W]."""
    size = REFERENCE_PATCH
    channels, height, width = view.shape
    split = view.reshape(channels, height // size, size, width // size, size)
    return split.permute(1, 3, 0, 2, 4).reshape(-1, channels * size * size)


def _cut_out(views: torch.Tensor, rim: int) -> torch.Tensor:
    """[V, 4, H, W]: the person of [V, 3, H, W] without the rim, where the backdrop shines through."""
    backdrop = torch.tensor(BACKDROP)[:, None, None] * 2 - 1
    away = (views - backdrop).abs().amax(1, keepdim=True)
    alpha = ((away - _BACKDROP_ERROR) / 0.12).clamp(0, 1)
    alpha = -F.max_pool2d(-alpha, rim, 1, rim // 2)
    return torch.cat([views * alpha, alpha], 1)


def _continued(cut_out: torch.Tensor) -> torch.Tensor:
    """Cut-outs [V, 4, H, W] with the colours of their edges carried on outwards by `_REACH` pixels."""
    for _ in range(_REACH):
        near = F.avg_pool2d(cut_out, 3, 1, 1)
        cut_out = cut_out + near / near[:, 3:].clamp(min=1e-6) * (1 - cut_out[:, 3:])
    return cut_out
