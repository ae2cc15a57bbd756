"""References as encoders take them: pictures of their size, clips and sounds of their seconds and rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kling_core.plan.reference_views import columns

if TYPE_CHECKING:
    from kling_core.elements.element import Element
    from kling_core.plan.references import Reference


def prepared_picture(element: "Element", reference: "Reference") -> np.ndarray:
    """uint8 [H, W, 3] of `reference.size`: its views side by side, each as large as fits, on white, never distorted."""
    width, height = reference.size
    sheet = np.full((height, width, 3), 255, np.uint8)
    pictures = [element.views[view] for view in reference.views]
    for (left, right), picture in zip(columns([one.shape for one in pictures], width), pictures):
        scale = min((right - left) / picture.shape[1], height / picture.shape[0])
        shown = _resized(picture, max(round(picture.shape[1] * scale), 1), max(round(picture.shape[0] * scale), 1))
        top, start = (height - shown.shape[0]) // 2, left + (right - left - shown.shape[1]) // 2
        sheet[top : top + shown.shape[0], start : start + shown.shape[1]] = shown
    return sheet


def prepared_clip(element: "Element", reference: "Reference", fps: float = 24.0) -> np.ndarray:
    """uint8 [T, H, W, 3] of `reference.size`: the clip's seconds at `fps`, cropped by the few pixels that its shape
    differs by, since bars would be copied into films."""
    clip, (start, stop) = element.clip, reference.seconds
    width, height = reference.size
    shown = ((start + (np.arange(round((stop - start) * fps)) + 0.5) / fps) * clip.fps).astype(int)
    frames = clip.frames[np.minimum(shown, len(clip.frames) - 1)]
    scale = max(width / frames.shape[2], height / frames.shape[1])
    across, down = max(round(frames.shape[2] * scale), width), max(round(frames.shape[1] * scale), height)
    left, top = (across - width) // 2, (down - height) // 2
    return np.stack([_resized(frame, across, down)[top : top + height, left : left + width] for frame in frames])


def prepared_sound(element: "Element", reference: "Reference", rate: int) -> np.ndarray:
    """float32 [2, N] in [-1, 1] at `rate` Hz: the clip's sound for a soundtrack, else the voice's recording, or again
    the clip's sound where there is none, of the reference's seconds. Mono goes to both sides."""
    import torch
    from torchaudio.functional import resample

    if reference.soundtrack_of is None and element.voice is not None:
        samples, own_rate = element.voice.samples[None], element.voice.sample_rate
    else:
        samples, own_rate = element.clip.sound, element.clip.sample_rate
    start, stop = reference.seconds
    piece = np.ascontiguousarray(samples[:, round(start * own_rate) : round(stop * own_rate)], dtype=np.float32)
    sound = resample(torch.from_numpy(piece), own_rate, rate).clamp(-1, 1).numpy()
    length = round((stop - start) * rate)
    sound = np.pad(sound[:, :length], ((0, 0), (0, max(length - sound.shape[1], 0))))
    return np.repeat(sound, 2 // len(sound), axis=0)


def _resized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    if picture.shape[:2] == (height, width):
        return picture
    import cv2

    smaller = height < picture.shape[0]
    way = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(picture), (width, height), interpolation=way)
