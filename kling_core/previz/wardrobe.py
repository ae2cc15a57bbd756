"""An element's pictures as the model takes them: reference tokens, and cut-outs to lay where the blocking puts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from kling_core.previz.stage.portraits import BACKDROP
from kling_core.previz.world import GRID

BODY_VIEWS = ("front", "side", "back")
BODY_SIZE, DETAIL_SIZE = (192, 96), (96, 96)  # pixels, of the pictures that the collage shows
REFERENCE_PATCH = 16
_TOKEN_BODY, _TOKEN_DETAIL = (64, 32), (64, 64)  # pixels, of the pictures that become reference tokens
TOKENS_PER_PERSON = GRID.reference_tokens  # 8 for each whole figure, 16 for the face
REFERENCE_CHANNELS = 3 * REFERENCE_PATCH**2


@dataclass(frozen=True)
class Wardrobe:
    """One person's views.

    body: [3, 4, 192, 96] front, side, back; detail: [4, 96, 96]; channels are RGB in [-1, 1] times alpha, and alpha.
    tokens: [40, 768] reference tokens in [-1, 1]. known: [40] float, 0 for tokens of a view that nobody supplied.
    In body and detail, views that nobody supplied are filled from the front.
    """

    body: torch.Tensor
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
        return cls(torch.stack([_cut_out(view) for view in bodies]), _cut_out(face), tokens, torch.tensor(known))

    def shows(self, view: str) -> bool:
        """Whether somebody supplied this view of the body."""
        return bool(self.known[8 * BODY_VIEWS.index(view)] > 0)

    def faded(self, strength: float) -> Wardrobe:
        """The same pictures at a binding strength from 0 to 1."""
        return Wardrobe(self.body * strength, self.detail * strength, self.tokens, self.known * strength)


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


def _cut_out(view: torch.Tensor) -> torch.Tensor:
    backdrop = torch.tensor(BACKDROP)[:, None, None] * 2 - 1
    alpha = ((view - backdrop).abs().amax(0) / 0.12).clamp(0, 1)
    return torch.cat([view * alpha, alpha[None]])
