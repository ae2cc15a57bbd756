"""A portrait taken apart: person and background, skin, hair, clothes. Everything is measured in units of the face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from kling_core.elements.faces import Face

FACE_HEIGHT = 56
_REACH = 2.6
"""How far, in face widths, the cut-out reaches to each side of the face."""
_PLAIN = 6.0
STOP = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.3)


@dataclass(frozen=True)
class Portrait:
    """Cut-out of a picture around a face, scaled to a face height of 56 pixels.

    rgb: [H, W, 3] uint8; lab: the same in CIE L*a*b*, float32; person: [H, W] bool. Zones are given in face
    coordinates: x from 0 (left edge of the face box) to 1, y from 0 (forehead) to 1 (chin), beyond for the rest.
    """

    rgb: np.ndarray
    lab: np.ndarray
    person: np.ndarray
    x: np.ndarray
    y: np.ndarray
    face: Face
    scale: float

    def zone(self, left: float, top: float, right: float, bottom: float) -> np.ndarray:
        """Mask [H, W] of a rectangle in face coordinates."""
        return (self.x >= left) & (self.x < right) & (self.y >= top) & (self.y < bottom)

    def pixels(self, mask: np.ndarray) -> np.ndarray:
        """Lab [N, 3] under a mask."""
        return np.ascontiguousarray(self.lab[mask])

    def share(self, mask: np.ndarray, zone: tuple[float, float, float, float]) -> float:
        """Share of a zone that `mask` covers; 0 where the picture does not reach."""
        inside = self.zone(*zone)
        return float(mask[inside].mean()) if inside.any() else 0.0

    @property
    def face_pixels(self) -> int:
        return max(int(self.zone(0, 0, 1, 1).sum()), 1)

    @property
    def face_width(self) -> float:
        return self.face.width * self.scale

    def distance(self, colour: np.ndarray, lightness: float = 1.0) -> np.ndarray:
        """Colour distance (CIE76) of every pixel to a Lab colour; differences in lightness count `lightness` times."""
        weight = np.float32([lightness, 1, 1])
        return np.linalg.norm((self.lab - colour) * weight, axis=2)

    def distance_in_any_light(self, colour: np.ndarray) -> np.ndarray:
        """The same to a surface of that colour under more or less light: in the shade its chroma falls with lightness,
        and lightness itself counts little."""
        lightness = self.lab[..., 0]
        light = np.clip(lightness / max(float(colour[0]), 1.0), 0.3, 1.5)
        chroma = np.linalg.norm(self.lab[..., 1:] - colour[1:] * light[..., None], axis=2)
        return np.hypot(chroma, 0.15 * (lightness - colour[0]))


def cut_out(picture: np.ndarray, face: Face) -> Portrait:
    """The person around `face` in `picture` [H, W, 3] uint8 RGB."""
    scale = FACE_HEIGHT / face.height
    centre = face.left + face.width / 2
    left = max(int(centre - (_REACH + 0.5) * face.width), 0)
    right = min(int(centre + (_REACH + 0.5) * face.width), picture.shape[1])
    top = max(int(face.top - 1.3 * face.height), 0)
    bottom = min(int(face.top + 10 * face.height), picture.shape[0])
    part = np.ascontiguousarray(picture[top:bottom, left:right])
    size = (max(round(part.shape[1] * scale), 8), max(round(part.shape[0] * scale), 8))
    rgb = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    rows, columns = np.mgrid[: size[1], : size[0]]
    x = ((columns + 0.5) / scale + left - face.left) / face.width
    y = ((rows + 0.5) / scale + top - face.top) / face.height
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    person = _before_plain_background(lab, x, y)
    return Portrait(rgb, lab, _by_grabcut(rgb, x, y) if person is None else person, x, y, face, scale)


def main_colour(pixels: np.ndarray, clusters: int) -> np.ndarray:
    """The centre (median) of the largest of `clusters` groups among Lab pixels [N, 3]."""
    pixels = np.ascontiguousarray(pixels, dtype=np.float32)
    if len(pixels) <= clusters:
        return np.median(pixels, 0)
    _, labels, _ = cv2.kmeans(pixels, clusters, None, STOP, 3, cv2.KMEANS_PP_CENTERS)
    return np.median(pixels[labels.ravel() == np.bincount(labels.ravel()).argmax()], 0)


def rgb_of(lab: np.ndarray) -> np.ndarray:
    """RGB in [0, 1] of one Lab colour."""
    return np.clip(cv2.cvtColor(np.float32(lab).reshape(1, 1, 3), cv2.COLOR_LAB2RGB).reshape(3), 0, 1)


def _before_plain_background(lab: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    """Whatever differs from the background, if that has one colour along the picture's edges above the shoulders."""
    edge = (y < 0.9) & (np.minimum(x - x.min(), x.max() - x) < 0.05 * np.ptp(x)) | (y < y.min() + 0.05)
    colours = lab[edge]
    background = np.median(colours, 0)
    if np.quantile(np.linalg.norm(colours - background, axis=1), 0.9) > _PLAIN:
        return None
    different = (np.linalg.norm(lab - background, axis=2) > 2 * _PLAIN).astype(np.uint8)
    return cv2.morphologyEx(different, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)).astype(bool)


def _by_grabcut(rgb: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Person against background by GrabCut (Rother et al., SIGGRAPH 2004), started from where people have heads and
    shoulders."""
    aside = np.abs(x - 0.5)
    guess = np.full(rgb.shape[:2], cv2.GC_PR_BGD, np.uint8)
    guess[(aside / 0.9) ** 2 + ((y - 0.35) / 0.95) ** 2 < 1] = cv2.GC_PR_FGD
    guess[(y > 1.1) & (aside < 0.6 + 1.2 * np.clip(y - 1.1, 0, 0.8))] = cv2.GC_PR_FGD
    corner = np.minimum(x - x.min(), x.max() - x) < 0.06 * np.ptp(x)
    guess[(y < 1.0) & (aside > 1.5) | (y < -1.15) | (y < 0.2) & corner] = cv2.GC_BGD
    guess[(aside / 0.4) ** 2 + ((y - 0.5) / 0.42) ** 2 < 1] = cv2.GC_FGD
    guess[(y > 1.6) & (y < 2.4) & (aside < 0.5)] = cv2.GC_FGD
    if not np.any((guess == cv2.GC_BGD) | (guess == cv2.GC_PR_BGD)):
        return np.ones(guess.shape, bool)
    cv2.grabCut(np.ascontiguousarray(rgb[..., ::-1]), guess, None, np.zeros((1, 65)), np.zeros((1, 65)), 5,
                cv2.GC_INIT_WITH_MASK)
    return (guess == cv2.GC_FGD) | (guess == cv2.GC_PR_FGD)
