"""Stand-ins: from photographs of a person to the looks of our puppets, so that the embedded model can draw them.

Colours are measured in CIE L*a*b* on a person cut out of the background; shapes are told coarsely from where colours
lie around the face.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from kling_core.elements.element import Element
from kling_core.elements.faces import Face
from kling_core.errors import KlingError, Problem
from kling_core.previz.accessories import has_beard, has_glasses, hat_of
from kling_core.previz.face_box import face_box
from kling_core.previz.hair import SKIN_RADIUS, Hair, measure_hair
from kling_core.previz.person_parts import FACE_HEIGHT, Portrait, cut_out, main_colour, rgb_of
from kling_core.previz.stage.look import Colour, Look

_SHADED = {"skin": 0.75, "hair": 1.05, "cloth": 0.77}
"""How much of a look's colour the stage's light leaves in its pictures, by part (medians over forty puppets): matched
colours are divided by it, so that the drawn puppet, not its palette, has the colours of the photograph."""
_BROWN_EYES, _BLUE_EYES = (0.2, 0.12, 0.06), (0.15, 0.4, 0.75)
_LIGHT_HAIR, _LIGHT_SKIN = 52.0, 60.0
_ENOUGH_PIXELS = 40
_WAIST, _SAME_CLOTH = 3.6, 20.0
_SHORTEST_FIGURE, _TORSO_SHARE = 2.5, 0.6
"""In face heights from the forehead: a toy with a big head stands 3.4 high, a grown-up about 9."""


def with_stand_in(element: Element) -> Element:
    """The element with `look` filled in if it is a character known from photographs only; else as it is."""
    if element.look is not None or element.origin != "photo" or element.kind != "character" or not element.views:
        return element
    return replace(element, look=match_look(element.views).to_json())


def look_of(element: Element) -> Look:
    """How the stage draws a character: by the look in its element, else as the stand-in matched to its pictures.

    Raises KlingError for a look that no puppet can have.
    """
    if element.look is None:
        return match_look(element.views)
    try:
        return Look.from_json(element.look)
    except ValueError as error:
        remedy = "Build the element again from its pictures."
        raise KlingError(Problem(f"element @{element.name}, look", str(error), remedy)) from error


def match_look(views: dict[str, np.ndarray]) -> Look:
    """The looks that make a puppet resemble the person in `views` ([H, W, 3] uint8 RGB by view name).

    The face is measured where it is largest, front or detail, clothes and hair length on the front view. Without
    anything like a face, the picture is taken to be a head-and-shoulders portrait. The same pictures always give the
    same look. What pictures rarely show (pattern, height, build) is left as usual.
    """
    cv2.setRNGSeed(0)  # GrabCut and k-means draw from OpenCV's own generator
    faces = {view: _face_of(views[view]) for view in ("front", "detail") if view in views}
    if not faces:
        return Look()
    closest = max(faces, key=lambda view: faces[view].height)
    head = body = cut_out(views[closest], faces[closest])
    if closest != "front" and "front" in views:
        body = cut_out(views["front"], faces["front"])
    skin = _skin(head)
    looks = {"skin": _colour(skin, "skin"), "glasses": has_glasses(views[closest], faces[closest])}
    looks |= _head_looks(head, body, skin)
    looks |= _clothes(body, skin)
    return Look(**looks)


def _face_of(picture: np.ndarray) -> Face:
    """The face, or where a head-and-shoulders portrait has it."""
    height, width = picture.shape[:2]
    side = 0.3 * min(height, width)
    return face_box(picture) or Face(width / 2 - side / 2, 0.2 * height, side, 1.25 * side)


def _skin(portrait: Portrait) -> np.ndarray:
    """Lab of the cheeks, nose and forehead, without their shadows and highlights."""
    pixels = portrait.pixels(portrait.zone(0.15, 0.45, 0.85, 0.68) | portrait.zone(0.25, 0.08, 0.75, 0.22))
    lightness = pixels[:, 0]
    dark, light = np.quantile(lightness, (0.3, 0.95))
    return np.median(pixels[(lightness >= dark) & (lightness <= light)], 0)


def _head_looks(head: Portrait, body: Portrait, skin: np.ndarray) -> dict:
    hair = _hair(head, body, skin)
    hat, hat_colour = hat_of(head, skin)
    looks = {"hair_style": hair.style, "eyes": _BROWN_EYES, "beard": has_beard(head, skin, hair)}
    if hat_colour is not None:
        return looks | {"hair_style": "short", "hat": hat, "hat_colour": _colour(hat_colour, "cloth"), "beard": False}
    if hair.colour is not None:
        looks["hair"] = _colour(hair.colour, "hair")
        if hair.colour[0] > _LIGHT_HAIR and skin[0] > _LIGHT_SKIN:
            looks["eyes"] = _BLUE_EYES
    return looks


def _hair(head: Portrait, body: Portrait, skin: np.ndarray) -> Hair:
    """Colour from the closest view, style from the front: a detail may cut off the top and the length, or be filled by
    hair to its edges, where nothing tells it from a background."""
    hair = measure_hair(head, skin)
    if body is head or body.face.height < FACE_HEIGHT:
        return hair
    on_front = measure_hair(body, skin)
    if hair.colour is None or on_front.colour is None:
        return hair if on_front.colour is None else on_front
    return replace(hair, style=on_front.style)


def _clothes(body: Portrait, skin: np.ndarray) -> dict:
    """Colours of top and trousers, as far as the picture shows them."""
    feet = _feet(body)
    top = _top(body, skin, 3.2 if feet is None else min(3.2, _TORSO_SHARE * feet))
    if top is None:
        return {}
    trousers = _unseen_legs(body, top) if feet is None else _legs(body, feet)
    clothes = {"top": _colour(top, "cloth")}
    return clothes if trousers is None else clothes | {"trousers": _colour(trousers, "cloth")}


def _feet(body: Portrait) -> float | None:
    """y of the feet of a whole figure, one with background below it."""
    shown = np.flatnonzero(body.person.sum(1) > 0.3 * body.face_width)
    if not len(shown) or shown[-1] >= len(body.person) - 3:
        return None
    feet = float(body.y[shown[-1], 0])
    return feet if feet > _SHORTEST_FIGURE else None


def _top(body: Portrait, skin: np.ndarray, lowest: float) -> np.ndarray | None:
    """Lab of what is worn between the chin and `lowest`; None if the picture ends above it."""
    chest = body.zone(-0.7, 1.35, 1.7, lowest) & body.person
    if chest.sum() < _ENOUGH_PIXELS:
        return None
    clothes = chest & (body.distance(skin, 0.5) > SKIN_RADIUS)
    if clothes.sum() < 0.25 * chest.sum():  # skin-coloured clothes
        clothes = chest
    return main_colour(body.pixels(clothes), 4)


def _legs(body: Portrait, feet: float) -> np.ndarray | None:
    legs = body.zone(-0.6, 0.72 * feet, 1.6, 0.9 * feet) & body.person
    return main_colour(body.pixels(legs), 2) if legs.sum() > _ENOUGH_PIXELS else None


def _unseen_legs(body: Portrait, top: np.ndarray) -> np.ndarray | None:
    """As the top if the picture reaches the waist and shows the top's colour to its lower edge, as it does for a suit,
    an overall or a dress; else None."""
    lowest = float(body.y[-1, 0])
    edge = body.zone(-1.0, lowest - 0.5, 2.0, lowest) & body.person
    same = body.distance_in_any_light(top) < _SAME_CLOTH
    return top if lowest > _WAIST and edge.any() and same[edge].mean() > 0.4 else None


def _colour(lab: np.ndarray, part: str) -> Colour:
    """RGB of a look, brightened against the stage's shading as far as no channel overflows, which keeps the hue."""
    rgb = rgb_of(lab)
    brightened = rgb * min(1 / _SHADED[part], 1 / max(float(rgb.max()), 1e-3))
    return tuple(float(value) for value in np.clip(brightened, 0, 1))
