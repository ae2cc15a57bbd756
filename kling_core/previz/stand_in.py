"""Stand-ins: from photographs of a person to the looks of our puppets, so that the embedded model can draw them.

Colours are measured, in CIE L*a*b*, on a person cut out of the background; shapes are told coarsely from where colours
lie around the face. Glasses, a beard and a hat are given only on strong evidence: one too few is a likeness, one too
many is somebody else.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from kling_core.elements.element import Element
from kling_core.elements.faces import Face
from kling_core.previz.face_box import face_box
from kling_core.previz.person_parts import STOP, Portrait, cut_out, main_colour, rgb_of
from kling_core.previz.stage.look import Colour, Look

SKIN_RADIUS, HAIR_RADIUS = 16.0, 14.0
_SHADED = {"skin": 1.0, "hair": 1.0, "cloth": 1.0}
_BROWN_EYES, _BLUE_EYES = (0.2, 0.12, 0.06), (0.15, 0.4, 0.75)
_LIGHT_HAIR = 50.0


def with_stand_in(element: Element) -> Element:
    """The element with `look` filled in if it is a character known from photographs only; else as it is."""
    if element.look is not None or element.origin != "photo" or element.kind != "character" or not element.views:
        return element
    return replace(element, look=match_look(element.views).to_json())


def match_look(views: dict[str, np.ndarray]) -> Look:
    """The looks that make a puppet resemble the person in `views` ([H, W, 3] uint8 RGB by view name).

    The face is measured where it is largest, the rest on the front view. Without anything like a face in the middle of
    the upper half, the picture is taken to be a head and shoulders there. Always the same answer for the same pictures.
    """
    cv2.setRNGSeed(0)  # GrabCut and k-means draw from OpenCV's own generator
    portraits = [cut_out(views[view], _face_of(views[view])) for view in ("front", "detail") if view in views]
    if not portraits:
        return Look()
    body, closest = portraits[0], max(portraits, key=lambda portrait: portrait.face.height)
    skin = _skin(closest)
    hair, hair_mask = _hair(closest, skin)
    style = _hair_style(body, skin, hair, hair_mask, closest)
    return Look(skin=_look_colour(skin, "skin"), hair=_look_colour(hair, "hair"), hair_style=style,
                top=_look_colour(_top(body, skin), "cloth"))


def _face_of(picture: np.ndarray) -> Face:
    """The face, or where a head-and-shoulders portrait has it."""
    height, width = picture.shape[:2]
    side = 0.3 * min(height, width)
    return face_box(picture) or Face(width / 2 - side / 2, 0.2 * height, side, 1.25 * side)


def _skin(portrait: Portrait) -> np.ndarray:
    """Lab of the cheeks, nose and forehead, without their shadows and highlights."""
    cheeks = portrait.zone(0.15, 0.45, 0.85, 0.68) | portrait.zone(0.25, 0.08, 0.75, 0.22)
    pixels = portrait.lab[cheeks & portrait.person]
    lightness = pixels[:, 0]
    dark, light = np.quantile(lightness, (0.3, 0.95))
    return np.median(pixels[(lightness >= dark) & (lightness <= light)], 0)


def _hair(portrait: Portrait, skin: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """Lab of the hair and the mask [H, W] of hair in one piece with the crown; None and an empty mask if bald."""
    nothing = np.zeros_like(portrait.person)
    other = portrait.person & (portrait.distance(skin, 0.5) > SKIN_RADIUS) & ~portrait.zone(0.1, 0.2, 0.9, 1.0)
    rim = other & portrait.zone(-0.4, -0.6, 1.4, 0.45)
    if rim.sum() < 0.08 * portrait.zone(0, 0, 1, 1).sum():
        return None, nothing
    colour = _hair_colour(portrait, rim)
    alike = other & (portrait.distance_in_any_light(colour) < HAIR_RADIUS)
    mask = _touching(alike, alike & portrait.zone(-0.2, -0.5, 1.2, 0.15))
    return (colour, mask) if mask.any() else (None, nothing)


def _hair_colour(portrait: Portrait, rim: np.ndarray) -> np.ndarray:
    """Among the colours on the rim of the face, the one that is there often, near the face, and not in the background,
    whose corners a cut-out may include."""
    pixels = np.ascontiguousarray(portrait.lab[rim])
    _, labels, centres = cv2.kmeans(pixels, 4, None, STOP, 3, cv2.KMEANS_PP_CENTERS)
    above = portrait.zone(0.0, -0.22, 1.0, 0.1)[rim]
    behind = portrait.lab[~portrait.person & portrait.zone(-1.5, -1.3, 2.5, 1.0)]
    best, best_score = None, -1.0
    for k, centre in enumerate(centres):
        here = np.mean(np.linalg.norm(pixels - centre, axis=1) < 10)
        there = np.mean(np.linalg.norm(behind - centre, axis=1) < 10) if len(behind) else 0.0
        score = np.sum(above & (labels.ravel() == k)) * here / (here + there + 1e-6)
        if score > best_score:
            best, best_score = np.median(pixels[labels.ravel() == k], 0), score
    return best


def _touching(mask: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """Those connected pieces of `mask` that hold at least a tenth of `seed`."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8))
    held = np.bincount(labels[seed], minlength=count)
    held[0] = 0
    return np.isin(labels, np.flatnonzero(held >= max(0.1 * seed.sum(), 1)))


def _hair_style(body, skin, hair, mask, closest) -> str:
    return "short"


def _top(portrait: Portrait, skin: np.ndarray) -> np.ndarray:
    zone = portrait.zone(-0.7, 1.35, 1.7, 3.2) & portrait.person & (portrait.distance(skin, 0.5) > SKIN_RADIUS)
    pixels = portrait.lab[zone]
    return main_colour(pixels, 4)[0] if len(pixels) > 40 else np.float32([45, 0, 0])


def _look_colour(lab: np.ndarray, part: str) -> Colour:
    return tuple(float(value) for value in np.clip(rgb_of(lab) / _SHADED[part], 0, 1))
