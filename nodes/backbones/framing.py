"""How large a film is, and how given pictures are cut to its shape."""

from __future__ import annotations

import comfy.utils
import numpy as np
import torch

ASPECTS = {"16:9": 16 / 9, "9:16": 9 / 16, "1:1": 1.0}


def sides(ratio: float) -> tuple[float, float]:
    """Width and height of a picture whose short edge is 1."""
    return (ratio, 1.0) if ratio >= 1 else (1.0, 1 / ratio)


def as_image(frames: np.ndarray) -> torch.Tensor:
    """uint8 [T, H, W, 3] as ComfyUI's IMAGE: float in [0, 1]."""
    return torch.from_numpy(frames).float() / 255


def fitted(picture: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
    """uint8 [H, W, 3] as [H, W, 3] in [0, 1] of `size` (width, height), cropped to its shape as ComfyUI's nodes do."""
    still = as_image(picture[None]).movedim(-1, 1)
    return comfy.utils.common_upscale(still, *size, "bilinear", "center").movedim(1, -1)[0]


def cropped(picture: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
    """The middle of uint8 [H, W, 3] in the shape of `size`, an IMAGE as large as it is."""
    height, width = picture.shape[:2]
    across = min(width, round(height * size[0] / size[1]))
    down = min(height, round(width * size[1] / size[0]))
    left, top = (width - across) // 2, (height - down) // 2
    return as_image(np.ascontiguousarray(picture[None, top : top + down, left : left + across]))
