"""What the nodes ask of ComfyUI itself: its device, its progress bar and previews, its interrupt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import comfy.model_management
import comfy.utils

from . import convert

if TYPE_CHECKING:
    import torch

PREVIEW_PIXELS = 768


def device() -> str:
    return str(comfy.model_management.get_torch_device())


class HostProgress:
    """A `kling_core.backbone.Progress` that shows in the graph, and raises ComfyUI's interrupt."""

    def __init__(self, steps: int):
        self._bar = comfy.utils.ProgressBar(steps)

    def __call__(self, step: int, steps: int, preview: "torch.Tensor | None" = None) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        picture = None if preview is None else ("JPEG", convert.contact_sheet(preview), PREVIEW_PIXELS)
        self._bar.update_absolute(step, steps, picture)
