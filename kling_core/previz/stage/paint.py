"""What is painted on puppets: the face on the head, the pattern on the torso. All in the part's own unit sphere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from kling_core.previz.stage.look import PATTERNS, Colour, Look

_WHITE, _PUPIL, _LIPS, _TEETH = (0.97, 0.97, 0.97), (0.02, 0.02, 0.02), (0.62, 0.15, 0.15), (0.96, 0.95, 0.9)
_THROAT, _FRAME, _LASH = (0.2, 0.03, 0.05), (0.05, 0.05, 0.08), (0.12, 0.07, 0.06)
# Where they are on a head of half height 1 that looks ahead: across from its middle, and up.
EYES_APART, EYES_UP, BROWS_UP, MOUTH_UP = 0.36, 0.1, 0.42, -0.45
_EYE_WIDTH, _EYE_HEIGHT = 0.17, 0.2
_TEETH_FROM = 0.22  # half heights of the lips above their middle
_BLINK_SECONDS = 0.22  # two to three frames at 12 fps


@dataclass(frozen=True)
class Expression:
    """What a face does besides speaking, in units of the head's half height.

    smile: how much higher the corners of the mouth are than its middle. open: how far the mouth hangs open at rest,
    0..1. width: added to the mouth's half width. brow: lift of the brows; slant: their slope, positive for inner ends
    down. eye: factor of the eye's height. upper: share of the eye under the upper lid, and tilt its slope, as the
    brow's. lower: share under the lower lid. iris: factor of its size. bare: the teeth show at rest.
    """

    smile: float = 0.02
    open: float = 0.0
    width: float = 0.0
    brow: float = 0.0
    slant: float = 0.0
    eye: float = 1.0
    upper: float = 0.08
    tilt: float = 0.0
    lower: float = 0.0
    iris: float = 1.0
    bare: bool = False


EXPRESSIONS = {
    "neutral": Expression(),
    "joy": Expression(smile=0.17, open=0.2, width=0.1, brow=0.06, eye=0.9, lower=0.3, bare=True),
    "sadness": Expression(smile=-0.17, width=-0.04, brow=0.04, slant=-0.65, upper=0.3, tilt=-0.4),
    "surprise": Expression(open=0.5, width=-0.09, brow=0.17, eye=1.3, upper=0.0, iris=0.85),
    "anger": Expression(smile=-0.1, width=-0.02, brow=-0.1, slant=0.8, eye=0.9, upper=0.25, tilt=0.7, lower=0.15),
    "fear": Expression(smile=-0.1, open=0.22, width=0.07, brow=0.14, slant=-0.5, eye=1.25, upper=0.0, iris=0.62,
                       bare=True),
}


@dataclass(frozen=True)
class Face:
    """How a face is drawn: looks, expression, the mouth's opening and spread [F, 2], and how far the lids are shut
    [F] in 0..1."""

    look: Look
    expression: str
    mouth: torch.Tensor
    blink: torch.Tensor


def blinks(time: np.ndarray, variation: float) -> np.ndarray:
    """How far the lids are shut, [F] in 0..1: for 0.22 s every 2.6 to 4.2 s, as often as `variation` says."""
    every = 2.6 + 1.6 * variation
    since = (time + every * variation) % every
    return np.clip(2 - np.abs(4 * since / _BLINK_SECONDS - 2), 0, 1)


def face_colour(face: Face, point: torch.Tensor, frame: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
    """Colours [N, 3] of head points [N, 3]: eyes, brows, mouth and glasses over the skin in `colour`."""
    canvas = Canvas(colour, point[:, 2] > 0)
    x, y = point[:, 0], point[:, 1]
    _eyes(canvas, face, x, y, face.blink[frame])
    paint_mouth(canvas, EXPRESSIONS[face.expression], x, y, *face.mouth[frame].unbind(1))
    if face.look.glasses:
        rim = ((x.abs() - 0.36) / 0.29) ** 2 + ((y - 0.1) / 0.3) ** 2
        canvas.put(((rim < 1) & (rim > 0.5)) | ((x.abs() < 0.12) & ((y - 0.12).abs() < 0.06)), _FRAME)
    return canvas.colour


class Canvas:
    """The front of a head, painted over. colour: [N, 3] in [0, 1]; front: [N], where anything can be painted; light:
    factor on every paint."""

    def __init__(self, colour: torch.Tensor, front: torch.Tensor, light: float = 1.0):
        self.colour, self.front, self.light = colour, front, light

    def put(self, where: torch.Tensor, paint: Colour) -> None:
        lit = self.light * self.colour.new_tensor(paint)
        self.colour = torch.where((where & self.front)[:, None], lit, self.colour)


def _eyes(canvas: Canvas, face: Face, x: torch.Tensor, y: torch.Tensor, blink: torch.Tensor) -> None:
    """Eyes between their lids, and brows."""
    look, it = face.look, EXPRESSIONS[face.expression]
    from_eye = x.abs() - EYES_APART
    eye = (from_eye / _EYE_WIDTH) ** 2 + ((y - EYES_UP) / (_EYE_HEIGHT * it.eye)) ** 2 < 1
    iris = (from_eye**2 + (y - EYES_UP) ** 2) / it.iris**2
    canvas.put(eye, _WHITE)
    canvas.put(eye & (iris < 0.012), look.eyes)
    canvas.put(eye & (iris < 0.0025), _PUPIL)
    paint_lids(canvas, it, x, y, blink, look.skin)
    brow = y - BROWS_UP - it.brow - it.slant * from_eye
    canvas.put((from_eye.abs() < 0.19) & (brow.abs() < 0.055), tuple(0.6 * part for part in look.hair))


def paint_lids(
    canvas: Canvas, it: Expression, x: torch.Tensor, y: torch.Tensor, blink: torch.Tensor, skin: Colour
) -> None:
    """Lids and lashes over the eyes at x, y [N] on the face, in head units. blink: [N], how far the lids are shut."""
    from_eye, height = x.abs() - EYES_APART, _EYE_HEIGHT * it.eye
    eye = (from_eye / _EYE_WIDTH) ** 2 + ((y - EYES_UP) / height) ** 2 < 1
    upper = EYES_UP + height * (1 - 2 * (it.upper + (1 - it.upper) * 0.85 * blink)) + it.tilt * from_eye
    lower = EYES_UP - height * (1 - 2 * it.lower)
    canvas.put(eye & ~((y < upper) & (y > lower)), tuple(0.88 * part for part in skin))
    canvas.put(eye & ((y - upper).abs() < 0.025) & (upper < EYES_UP + 0.95 * height), _LASH)


def paint_mouth(
    canvas: Canvas, it: Expression, x: torch.Tensor, y: torch.Tensor, opening: torch.Tensor, spread: torch.Tensor
) -> None:
    """Lips around a throat, with the upper teeth where they are far apart or a smile bares them. x, y: [N] on the face,
    in head units; opening, spread: [N]."""
    mouth = _Mouth.of(it, opening, spread)
    across = (x / mouth.width) ** 2
    up = (y - MOUTH_UP - it.smile * mouth.width / (0.25 + it.width) * (across - 0.4)) / mouth.height
    lips = across + up**2
    canvas.put(lips < 1, _LIPS)
    throat = lips < mouth.throat
    canvas.put(throat, _THROAT)
    canvas.put(throat & mouth.teeth & (up > _TEETH_FROM), _TEETH)


@dataclass(frozen=True)
class _Mouth:
    """Half width and half height of the lips, in head units; throat: the part of their area that is no lip; teeth:
    whether they show in the upper part of the throat, bool. All [N]."""

    width: torch.Tensor
    height: torch.Tensor
    throat: torch.Tensor
    teeth: torch.Tensor

    @classmethod
    def of(cls, it: Expression, opening: torch.Tensor, spread: torch.Tensor) -> "_Mouth":
        opening = it.open + (1 - it.open) * opening
        width = (0.25 + it.width) * (1 + 0.75 * (spread - 0.5))
        height = 0.05 + (0.17 + 0.06 * (0.5 - spread)) * opening
        enough = opening > (0.1 if it.bare else 0.5)
        return cls(width, height, 0.55 * (3 * opening).clamp(max=1), enough & (spread > 0.25))


def mouth_areas(expression: str, mouth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much of a face that looks at us is mouth, from lip to lip, and how much of that is teeth.

    mouth: opening and spread [F, 2]. Both [F], in half heights of the head squared. A smile shears the lips' ellipse,
    which leaves its area; teeth are the segment of a disc of radius r above a chord at distance d from its centre,
    r^2 acos(d / r) - d sqrt(r^2 - d^2).
    """
    shape = _Mouth.of(EXPRESSIONS[expression], *torch.as_tensor(mouth, dtype=torch.float32).unbind(1))
    radius, chord = shape.throat.sqrt(), shape.throat.new_tensor(_TEETH_FROM)
    segment = shape.throat * (chord / radius.clamp(min=_TEETH_FROM)).acos()
    segment = segment - chord * (shape.throat - chord**2).clamp(min=0).sqrt()
    size = shape.width * shape.height
    return (torch.pi * size).numpy(), (size * shape.teeth * segment).numpy()


def torso_colour(look: Look, point: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
    """Colours [N, 3] of torso points [N, 3]: stripes or dots over the cloth in `colour`."""
    kind = PATTERNS.index(look.pattern)
    if kind == 0:
        return colour
    stripes = torch.sin(point[:, 1] * 9)
    around = torch.atan2(point[:, 0], point[:, 2])
    figure = stripes > 0.1 if kind == 1 else torch.sin(around * 6) * torch.sin(point[:, 1] * 8) > 0.3
    return torch.where(figure[:, None], colour.new_tensor(look.pattern_colour), colour)
