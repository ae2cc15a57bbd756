"""Ellipsoids in space: what everything on the stage is made of, so that a ray meets every part in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PLAIN, HEAD, TORSO = 0, 1, 2


@dataclass(frozen=True)
class Parts:
    """P ellipsoids over F frames.

    centre: [F, P, 3] metres. axes: [F, P, 3, 3], columns are the half axes (metres) in world space. colour: [P, 3].
    material: [P], one of PLAIN, HEAD (carries the face) and TORSO (carries the pattern). name: what each part is
    ("left hand", "head", "tree"); several parts of one thing share a name.
    """

    centre: np.ndarray
    axes: np.ndarray
    colour: np.ndarray
    material: np.ndarray
    name: tuple[str, ...]


class Builder:
    """Collects parts in a body's own frame and places them in the world."""

    def __init__(self, frames: int):
        self.frames = frames
        self.parts: list[tuple] = []

    def add(self, name: str, centre, radii, colour, material: int = PLAIN, rotation: np.ndarray | None = None) -> None:
        """An ellipsoid at `centre` [3] or [F, 3] with half axes `radii` [3] or [F, 3], turned by [F, 3, 3]."""
        centre = np.broadcast_to(np.asarray(centre, float), (self.frames, 3))
        rotation = np.broadcast_to(np.eye(3) if rotation is None else rotation, (self.frames, 3, 3))
        axes = rotation * np.broadcast_to(np.asarray(radii, float), (self.frames, 3))[:, None]
        self.parts.append((centre, axes, colour, material, name))

    def bone(self, name: str, start, end, radius: float, colour, beyond: float = 0.0) -> None:
        """A long ellipsoid from start to end ([3] or [F, 3]) and `beyond` metres further on both sides."""
        start, end = (np.broadcast_to(np.asarray(point, float), (self.frames, 3)) for point in (start, end))
        along = end - start
        length = np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
        radii = np.concatenate([0 * length + radius, length / 2 + beyond, 0 * length + radius], -1)
        self.add(name, (start + end) / 2, radii, colour, rotation=upright_along(along / length))

    def place(self, position: np.ndarray, yaw: np.ndarray, height: float) -> Parts:
        turn = about_y(yaw)
        centre = np.stack([part[0] for part in self.parts], 1) * height
        axes = np.stack([part[1] for part in self.parts], 1) * height
        return Parts(
            np.einsum("fij,fpj->fpi", turn, centre) + position[:, None],
            np.einsum("fij,fpjk->fpik", turn, axes),
            np.array([part[2] for part in self.parts], float),
            np.array([part[3] for part in self.parts]),
            tuple(part[4] for part in self.parts),
        )


def upright_along(direction: np.ndarray) -> np.ndarray:
    """Rotations [F, 3, 3] that turn y into unit vectors `direction` [F, 3]."""
    aside = np.where(np.abs(direction[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    across = np.cross(direction, aside)
    across = across / np.linalg.norm(across, axis=-1, keepdims=True)
    return np.stack([across, direction, np.cross(across, direction)], -1)


def _rotation(angle: np.ndarray, rows: str) -> np.ndarray:
    cos, sin, one, zero = np.cos(angle), np.sin(angle), np.ones_like(angle), np.zeros_like(angle)
    entry = {"c": cos, "s": sin, "-": -sin, "1": one, "0": zero}
    return np.stack([entry[letter] for letter in rows], -1).reshape(*np.shape(angle), 3, 3)


def about_x(angle: np.ndarray) -> np.ndarray:
    """y towards z."""
    return _rotation(angle, "1000c-0sc")


def about_y(angle: np.ndarray) -> np.ndarray:
    """z towards x."""
    return _rotation(angle, "c0s010-0c")


def about_z(angle: np.ndarray) -> np.ndarray:
    """x towards y."""
    return _rotation(angle, "c-0sc0001")
