"""Is a picture fit to be a view of an element? Measures size, ratio, sharpness and light, and counts faces."""

from __future__ import annotations

import cv2
import numpy as np

from kling_core.elements.faces import Face
from kling_core.errors import Problem

MIN_SIDE = 300
MAX_RATIO = 2.5
SHARP = 8.0
"""Sharp photographs of our tests measure 48 to 256; blurred by 1/200 of the shorter side 3 to 17, by 1/120 below 5."""
DARK, BRIGHT = 45, 225
UNEVEN = 22.0
SMALL_FACE = 64

_SHARPNESS_SIDE, _SHARPNESS_TILES, _USUAL_CONTRAST = 384, 4, 50.0


def sharpness(picture: np.ndarray) -> float:
    """Variance of the Laplacian in grey levels², of [H, W, 3] uint8 RGB.

    Scale-normalised: measured after reducing the shorter side to 384 pixels and a slight blur against sensor noise.
    Pale and dark pictures are brought to usual contrast first, or they would pass for blurred. The picture counts as
    sharp as its sharpest tenth of 4 x 4 tiles, because a background may well be out of focus.
    """
    grey = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY).astype(np.float32)
    scale = _SHARPNESS_SIDE / min(grey.shape)
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey *= max(1.0, _USUAL_CONTRAST / max(float(grey.std()), 1.0))
    edges = cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 0.8), cv2.CV_32F)
    tiles = [
        tile.var()
        for band in np.array_split(edges, _SHARPNESS_TILES)
        for tile in np.array_split(band, _SHARPNESS_TILES, axis=1)
    ]
    return float(np.quantile(tiles, 0.9))


def form_mistakes(picture: np.ndarray, where: str) -> list[Problem]:
    """What makes an array unusable as a picture, whoever drew it."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or picture.size == 0:
        return [Problem(where, f"is {picture.dtype} {list(picture.shape)}, not uint8 [height, width, 3]",
                        "Give an RGB picture.")]
    height, width = picture.shape[:2]
    if max(height, width) > MAX_RATIO * min(height, width):
        return [Problem(where, f"is {width} x {height} pixels, beyond a ratio of 1:{MAX_RATIO}",
                        "Crop it nearer to a square.")]
    return []


def photo_mistakes(picture: np.ndarray, where: str) -> list[Problem]:
    """What makes a photograph unusable."""
    height, width = picture.shape[:2]
    mistakes = []
    if min(height, width) < MIN_SIDE:
        mistakes.append(Problem(where, f"is {width} x {height} pixels; each side needs {MIN_SIDE}",
                                "Choose a larger picture; enlarging this one adds nothing."))
    light = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)
    darkest, lightest = np.quantile(light, (0.01, 0.99))
    if lightest < 24:
        mistakes.append(Problem(where, "is black", "Choose a picture taken in light."))
    elif darkest > 250:
        mistakes.append(Problem(where, "is white", "Choose a picture with shorter exposure."))
    elif picture.reshape(-1, 3).std(0).max() < 2:
        mistakes.append(Problem(where, "shows one plain colour", "Choose a picture of the element."))
    return mistakes


def photo_findings(picture: np.ndarray, where: str, face: Face | None) -> list[Problem]:
    """Advice on sharpness and light. Light is judged on the face where one was found, else around the middle."""
    findings = []
    measured = sharpness(picture)
    if measured < SHARP:
        findings.append(Problem(where, f"is blurred (sharpness {measured:.1f}, {SHARP:.0f} or more is sharp)",
                                "Hold the camera still, focus on the face, and avoid enlarged pictures."))
    part = _face_part(picture, face) if face else _middle_part(picture)
    lightness = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    middle = float(np.median(lightness))
    if middle < DARK:
        findings.append(Problem(where, f"is dark (median {middle:.0f} of 255)", "Face a window or a lamp."))
    elif middle > BRIGHT or (face and np.mean(lightness >= 250) > 0.15):
        findings.append(Problem(where, "is overexposed", "Expose for the face, and avoid direct sun and flash."))
    if face:
        sides = cv2.cvtColor(part, cv2.COLOR_RGB2LAB)[..., 0] * (100 / 255)
        half = sides.shape[1] // 2
        difference = abs(float(np.median(sides[:, :half]) - np.median(sides[:, -half:])))
        if difference > UNEVEN:
            findings.append(Problem(where, f"is lit from one side (the halves of the face differ by {difference:.0f} "
                                           "in lightness)", "Turn towards the light, or add a second one."))
    return findings


def face_findings(faces: tuple[Face, ...], where: str) -> list[Problem]:
    """Advice on a view that should show one clear face. faces: largest first."""
    if not faces:
        return [Problem(where, "shows no face that we could find", "Choose one with the face towards the camera.")]
    largest = faces[0]
    rivals = [face for face in faces[1:] if face.height > 0.5 * largest.height]
    if rivals:
        return [Problem(where, f"shows {len(rivals) + 1} faces of similar size: whose element it is stays open",
                        "Crop it to one person.")]
    if largest.height < SMALL_FACE:
        return [Problem(where, f"shows the face only {largest.height:.0f} pixels high",
                        "Add a detail view: a picture of the face.")]
    return []


def _face_part(picture: np.ndarray, face: Face) -> np.ndarray:
    """The inner face, without hair and background."""
    top, bottom = face.top + 0.2 * face.height, face.top + 0.9 * face.height
    left, right = face.left + 0.15 * face.width, face.left + 0.85 * face.width
    rows, columns = slice(max(int(top), 0), max(int(bottom), 1)), slice(max(int(left), 0), max(int(right), 1))
    part = picture[rows, columns]
    return np.ascontiguousarray(part) if min(part.shape[:2]) >= 2 else _middle_part(picture)


def _middle_part(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    return np.ascontiguousarray(picture[height // 8 : height - height // 8, width // 4 : width - width // 4])
