"""Hair in a portrait: its colour, and a coarse style from where hair-coloured pixels lie around the face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from kling_core.previz.person_parts import STOP, Portrait

SKIN_RADIUS, HAIR_RADIUS = 16.0, 14.0
_LEAST = 0.08
"""Hair around the face, as a share of the face's area, below which the head is bald."""
_FLOWING = 0.15
_AFRO_WIDTH, _AFRO_AREA = 1.55, 0.4
_BUN_TOP, _BUN_WIDTH = 0.45, 0.68
"""A bun rises this far above the face, in its heights, and is this narrow there, in its widths."""


@dataclass(frozen=True)
class Hair:
    """colour: Lab, None if bald. mask: [H, W] of the portrait. style: one of Look's, never "mohawk"."""

    colour: np.ndarray | None
    mask: np.ndarray
    style: str


def measure_hair(portrait: Portrait, skin: np.ndarray) -> Hair:
    """The hair of `portrait`. skin: Lab."""
    bald = Hair(None, np.zeros_like(portrait.person), "bald")
    other = portrait.person & ~_skin_like(portrait, skin) & ~portrait.zone(0.1, 0.2, 0.9, 1.0)
    rim = other & portrait.zone(-0.4, -0.6, 1.4, 0.45)
    if rim.sum() < _LEAST * portrait.face_pixels:
        return bald
    colour = _colour(portrait, rim)
    alike = other & (portrait.distance_in_any_light(colour) < HAIR_RADIUS)
    mask = _touching(alike, alike & portrait.zone(-0.2, -0.5, 1.2, 0.15))
    return Hair(colour, mask, _style(portrait, mask)) if mask.any() else bald


def _skin_like(portrait: Portrait, skin: np.ndarray) -> np.ndarray:
    """Pixels of the skin's colour or of its highlights. Its shadows are not told from dark hair and not among them."""
    lit = (portrait.lab[..., 0] > skin[0]) & (portrait.distance_in_any_light(skin) < SKIN_RADIUS)
    return lit | (portrait.distance(skin, 0.5) < SKIN_RADIUS)


def _colour(portrait: Portrait, rim: np.ndarray) -> np.ndarray:
    """Among the colours on the rim of the face, the one that is frequent above the forehead and rare in the
    background, of which a cut-out may include a corner."""
    pixels = portrait.pixels(rim)
    _, labels, centres = cv2.kmeans(pixels, 4, None, STOP, 3, cv2.KMEANS_PP_CENTERS)
    above = portrait.zone(0.0, -0.22, 1.0, 0.1)[rim]
    behind = portrait.pixels(~portrait.person & portrait.zone(-1.5, -1.3, 2.5, 1.0))
    merits = []
    for k, centre in enumerate(centres):
        here = np.mean(np.linalg.norm(pixels - centre, axis=1) < 10)
        there = np.mean(np.linalg.norm(behind - centre, axis=1) < 10) if len(behind) else 0.0
        merits.append(np.sum(above & (labels.ravel() == k)) * here / (here + there + 1e-6))
    return np.median(pixels[labels.ravel() == int(np.argmax(merits))], 0)


def _touching(mask: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """Those connected pieces of `mask` that hold at least a tenth of `seed`; gaps of a few pixels do not part them."""
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 5), np.uint8))
    count, labels = cv2.connectedComponents(closed)
    held = np.bincount(labels[seed], minlength=count)
    held[0] = 0
    return mask & np.isin(labels, np.flatnonzero(held >= max(0.1 * seed.sum(), 1)))


def _style(portrait: Portrait, mask: np.ndarray) -> str:
    beside_cheek = [portrait.share(mask, zone) for zone in ((-0.25, 0.4, 0.0, 0.75), (1.0, 0.4, 1.25, 0.75))]
    beside_jaw = [portrait.share(mask, zone) for zone in ((-0.3, 0.75, 0.0, 1.1), (1.0, 0.75, 1.3, 1.1))]
    beside_neck = [portrait.share(mask, zone) for zone in ((-0.4, 1.05, 0.1, 1.35), (0.9, 1.05, 1.4, 1.35))]
    far_out = max(portrait.share(mask, zone) for zone in ((-1.1, 0.75, -0.7, 1.1), (1.7, 0.75, 2.1, 1.1)))
    if min(*beside_cheek, *beside_jaw, max(beside_neck)) > _FLOWING and far_out < 0.3:  # far out it is clothes
        return "long"
    widths = (mask & (portrait.y < 0.5)).sum(1) / portrait.face_width
    rows = np.flatnonzero(widths > 0.12)
    if not len(rows):
        return "short"
    above_brow = (mask & portrait.zone(-0.6, -1.3, 1.6, 0.15)).sum() / portrait.face_pixels
    if widths.max() > _AFRO_WIDTH and above_brow > _AFRO_AREA:
        return "afro"
    heights = portrait.y[:, 0] - portrait.y[rows[0], 0]
    near_top = widths[(heights >= 0) & (heights < 0.25)].max()
    if -portrait.y[rows[0], 0] > _BUN_TOP and near_top < _BUN_WIDTH and widths.max() > 1.1 * near_top:
        return "bun"
    return "short"
