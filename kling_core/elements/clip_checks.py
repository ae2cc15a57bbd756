"""Is a piece of film fit to show an element? Measures length, size and movement, and brings it to how it is kept."""

from __future__ import annotations

import numpy as np

from kling_core.elements.element import Clip
from kling_core.elements.element_file import MAX_CLIP_FPS, MAX_CLIP_RATE, MAX_CLIP_SECONDS, MAX_CLIP_SIDE
from kling_core.elements.picture_checks import MAX_RATIO, SHARP, sharpness
from kling_core.errors import Problem

MIN_SECONDS = 3.0
MIN_SIDE = 300
MIN_FPS, MAX_FPS = 8.0, 120.0
STILL = 1.0
"""Grey levels of 255 by which two moments of a clip differ at least; noise of a camera at rest stays below."""

_MOMENTS = 9
_SLACK = 0.05  # seconds: containers round the length of a film


def examine_clip(clip: Clip, where: str) -> tuple[Clip | None, list[Problem], list[Problem]]:
    """Check a clip of any size and rate, and make it one that element files take: at most 24 frames a second, 640
    pixels a side and 48 kHz, its sound exactly as long as its picture.

    Returns the clip (None if there are mistakes), the mistakes, and findings that do not stand in the way.
    """
    mistakes = _mistakes(clip, where)
    if mistakes:
        return None, mistakes, []
    return _kept(clip), [], _findings(clip, where)


def length_mistakes(seconds: float, where: str) -> list[Problem]:
    """What is wrong with a clip's length: to be asked before a film of any length is read."""
    if MIN_SECONDS - _SLACK <= seconds <= MAX_CLIP_SECONDS + _SLACK:
        return []
    what = f"is {seconds:.1f} s long; a clip takes {MIN_SECONDS:g} to {MAX_CLIP_SECONDS} s"
    remedy = "Film for longer." if seconds < MIN_SECONDS else "Cut it to the part that shows the element best."
    return [Problem(where, what, remedy)]


def sharpest_frame(clip: Clip) -> np.ndarray:
    """uint8 [H, W, 3]: the sharpest of nine moments."""
    return max(_moments(clip), key=sharpness).copy()


def _mistakes(clip: Clip, where: str) -> list[Problem]:
    frames = np.asarray(clip.frames)
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or frames.size == 0:
        what = f"is {frames.dtype} {list(frames.shape)}, not uint8 [frames, height, width, 3]"
        return [Problem(where, what, "Give a film in RGB.")]
    if not MIN_FPS <= clip.fps <= MAX_FPS:
        what = f"has {clip.fps:g} frames a second"
        return [Problem(where, what, f"Save it with {MIN_FPS:g} to {MAX_FPS:g} frames a second.")]
    mistakes = length_mistakes(clip.seconds, where)
    height, width = frames.shape[1:3]
    if min(height, width) < MIN_SIDE:
        what = f"is {width} x {height} pixels; each side needs {MIN_SIDE}"
        mistakes.append(Problem(where, what, "Choose a larger film; enlarging this one adds nothing."))
    if max(height, width) > MAX_RATIO * min(height, width):
        what = f"is {width} x {height} pixels, beyond a ratio of 1:{MAX_RATIO}"
        mistakes.append(Problem(where, what, "Crop it nearer to a square."))
    if frames[:: max(len(frames) // _MOMENTS, 1)].max() < 24:
        mistakes.append(Problem(where, "is black", "Choose a film taken in light."))
    return mistakes + _sound_mistakes(clip, where)


def _sound_mistakes(clip: Clip, where: str) -> list[Problem]:
    if clip.sound is None:
        return []
    sound = np.asarray(clip.sound)
    if sound.ndim != 2 or not 1 <= len(sound) <= 2 or not clip.sample_rate or not 8_000 <= clip.sample_rate <= 192_000:
        what = f"has sound of shape {list(sound.shape)} at {clip.sample_rate} Hz"
        return [Problem(where, what, "Give sound in mono or stereo, of 8000 to 192000 samples a second.")]
    if not np.isfinite(sound).all() or np.abs(sound).max(initial=0) > 64:
        return [Problem(where, "has sound that is not numbers in -1..1", "Save it again, or without its sound.")]
    return []


def _findings(clip: Clip, where: str) -> list[Problem]:
    findings = []
    moments = _moments(clip)
    best = max(sharpness(moment) for moment in moments)
    if best < SHARP:
        what = f"is blurred (sharpness {best:.1f}, {SHARP:.0f} or more is sharp)"
        findings.append(Problem(where, what, "Hold the camera still and focus on the element."))
    apart = np.mean([np.abs(one.astype(np.int16) - other).mean() for one, other in zip(moments, moments[1:])])
    if apart < STILL:
        what = f"hardly moves (its moments differ by {apart:.1f} of 255)"
        findings.append(Problem(where, what, "A picture says the same for less; film the element from several sides."))
    return findings


def _moments(clip: Clip) -> list[np.ndarray]:
    at = np.linspace(0, len(clip.frames) - 1, min(_MOMENTS, len(clip.frames))).astype(int)
    return [clip.frames[index] for index in at]


def _kept(clip: Clip) -> Clip:
    fps = min(float(clip.fps), float(MAX_CLIP_FPS))
    count = int(min(clip.seconds, MAX_CLIP_SECONDS) * fps + 1e-6)
    shown = ((np.arange(count) + 0.5) * (clip.fps / fps)).astype(int)  # what is seen in the middle of a frame's time
    frames = _reduced(clip.frames[shown])
    if clip.sound is None:
        return Clip(frames, fps)
    import torch
    from torchaudio.functional import resample

    rate = min(clip.sample_rate, MAX_CLIP_RATE)
    sound = torch.from_numpy(np.ascontiguousarray(clip.sound, dtype=np.float32))
    sound = resample(sound, clip.sample_rate, rate).clamp(-1, 1).numpy()
    length = int(len(frames) / fps * rate)
    sound = np.pad(sound[:, :length], ((0, 0), (0, max(length - sound.shape[1], 0))))
    return Clip(frames, fps, sound, rate)


def _reduced(frames: np.ndarray) -> np.ndarray:
    """A copy of at most 640 pixels a side."""
    scale = MAX_CLIP_SIDE / max(frames.shape[1:3])
    if scale >= 1:
        return frames
    import cv2

    size = (round(frames.shape[2] * scale), round(frames.shape[1] * scale))
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])
