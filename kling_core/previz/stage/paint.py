"""What is painted on puppets: the face on the head, the pattern on the torso. All in the part's own unit sphere."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kling_core.previz.stage.look import PATTERNS, Look

# Per expression: mouth curve (+ smiles), brow lift, brow slant (+ inner ends down), eye opening.
EXPRESSION_SHAPE = {
    "neutral": (0.0, 0.0, 0.0, 1.0), "joy": (0.13, 0.04, 0.0, 0.9), "sadness": (-0.11, 0.03, -0.35, 0.85),
    "surprise": (0.0, 0.12, 0.0, 1.25), "anger": (-0.07, -0.04, 0.4, 0.85), "fear": (-0.05, 0.1, -0.3, 1.2),
}
_WHITE, _PUPIL, _LIPS = (0.97, 0.97, 0.97), (0.02, 0.02, 0.02), (0.62, 0.15, 0.15)
_THROAT, _FRAME = (0.2, 0.03, 0.05), (0.05, 0.05, 0.08)


@dataclass(frozen=True)
class Face:
    """How a face is drawn: looks, expression, and the mouth opening [F] in 0..1."""

    look: Look
    expression: str
    mouth: torch.Tensor


def face_colour(face: Face, point: torch.Tensor, frame: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
    """Colours [N, 3] of head points [N, 3]: eyes, brows, mouth and glasses over the skin in `colour`."""
    x, y = point[:, 0], point[:, 1]
    front = point[:, 2] > 0
    from_eye = x.abs() - 0.36
    curve, lift, slant, wide = EXPRESSION_SHAPE[face.expression]

    def put(where: torch.Tensor, paint: tuple[float, float, float]) -> None:
        nonlocal colour
        colour = torch.where((where & front)[:, None], colour.new_tensor(paint), colour)

    put((from_eye / 0.17) ** 2 + ((y - 0.1) / (0.2 * wide)) ** 2 < 1, _WHITE)
    iris = from_eye**2 + (y - 0.1) ** 2
    put(iris < 0.012, face.look.eyes)
    put(iris < 0.002, _PUPIL)
    brow = y - 0.42 - lift - slant * from_eye
    put((from_eye.abs() < 0.19) & (brow.abs() < 0.055), tuple(0.6 * part for part in face.look.hair))
    opening = face.mouth[frame]
    lips = (x / (0.27 - 0.05 * opening)) ** 2
    lips = lips + ((y + 0.45 - curve * (lips - 0.4)) / (0.05 + 0.17 * opening)) ** 2
    put(lips < 1, _LIPS)
    put(lips < 0.5 * (3 * opening).clamp(max=1), _THROAT)
    if face.look.glasses:
        rim = (from_eye / 0.29) ** 2 + ((y - 0.1) / 0.3) ** 2
        put(((rim < 1) & (rim > 0.5)) | ((x.abs() < 0.12) & ((y - 0.12).abs() < 0.06)), _FRAME)
    return colour


def torso_colour(look: Look, point: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
    """Colours [N, 3] of torso points [N, 3]: stripes or dots over the cloth in `colour`."""
    kind = PATTERNS.index(look.pattern)
    if kind == 0:
        return colour
    stripes = torch.sin(point[:, 1] * 9)
    around = torch.atan2(point[:, 0], point[:, 2])
    figure = stripes > 0.1 if kind == 1 else torch.sin(around * 6) * torch.sin(point[:, 1] * 8) > 0.3
    return torch.where(figure[:, None], colour.new_tensor(look.pattern_colour), colour)
