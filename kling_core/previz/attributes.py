"""The ten attributes that tell puppets apart, and by which names a look may rightly be called.

Looks vary continuously and names do not: a colour on the border between two names may be called either. So may what a
hat hides. Readings, scores and training all take a look's names from here.
"""

from __future__ import annotations

import colorsys

import numpy as np

from kling_core.previz.stage.casting import EYE_COLOURS, HAIR_COLOURS, SKIN_COLOURS
from kling_core.previz.stage.look import HAIR_STYLES, HATS, PATTERNS, Colour, Look

_HUES = {
    "red": 345.0, "orange": 15.0, "yellow": 42.0, "green": 70.0, "cyan": 165.0, "blue": 200.0, "purple": 260.0,
    "pink": 300.0,
}  # fmt: skip
"""Cloth colours by the hue (degrees) at which each begins."""
_GREYS = {"black": 0.0, "grey": 0.36, "white": 0.72}
"""Cloth without colour by the brightness at which each begins."""
_COLOURLESS = 0.08  # largest less smallest channel
_HUE_BORDER, _GREY_BORDER, _CHROMA_BORDER, _SKIN_BORDER, _HAIR_BORDER = 7.0, 0.04, 0.03, 0.12, 0.04
_ALIKE = 0.25  # RGB distance under which a pattern does not stand out from its cloth

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "hair style": HAIR_STYLES,
    "hair colour": ("black", "brown", "blond", "red", "grey", "pink", "blue", "green"),
    "skin": ("pale", "light", "tan", "dark"),
    "top": (*_HUES, *_GREYS),
    "pattern": PATTERNS,
    "trousers": (*_HUES, *_GREYS),
    "hat": HATS,
    "glasses": ("no", "yes"),
    "beard": ("no", "yes"),
    "eyes": ("brown", "blue", "green", "grey"),
}

Names = dict[str, frozenset[str]]


def names_of(look: Look) -> Names:
    """By attribute, every name that is right for `look`. An attribute that cannot be seen on it is left out: the colour
    of hair that is not there, or all under a hat."""
    names = {
        "hair style": _hair_style(look),
        "skin": _skin(look.skin),
        "top": _cloth(look.top),
        "pattern": frozenset({look.pattern, "plain"} if _blends_in(look) else {look.pattern}),
        "trousers": _cloth(look.trousers),
        "hat": frozenset({look.hat}),
        "glasses": frozenset({"yes" if look.glasses else "no"}),
        "beard": frozenset({"yes" if look.beard else "no"}),
        "eyes": _nearest(look.eyes, EYE_COLOURS, ATTRIBUTES["eyes"], 0.0),
    }
    hairless = look.hair_style == "bald" or (look.hat != "none" and look.hair_style == "mohawk")
    if look.beard or not hairless:
        names["hair colour"] = _nearest(look.hair, HAIR_COLOURS, ATTRIBUTES["hair colour"], _HAIR_BORDER)
    return names


def _hair_style(look: Look) -> frozenset[str]:
    """The stage leaves the bun away under a hat, and hats cover nearly all of a mohawk."""
    alike = ({"short", "bun"}, {"bald", "mohawk"}) if look.hat != "none" else ()
    return next((frozenset(each) for each in alike if look.hair_style in each), frozenset({look.hair_style}))


def _skin(colour: Colour) -> frozenset[str]:
    """Skin colours lie on a line from the lightest to the darkest of the palette; each stretch of it has a name."""
    brightness = [float(np.mean(each)) for each in SKIN_COLOURS]
    place = float(np.interp(-np.mean(colour), [-each for each in brightness], np.arange(len(brightness))))
    last = len(ATTRIBUTES["skin"]) - 1
    return frozenset(
        ATTRIBUTES["skin"][int(np.clip(at, 0, last))] for at in (place - _SKIN_BORDER, place, place + _SKIN_BORDER)
    )


def _cloth(colour: Colour) -> frozenset[str]:
    chroma = max(colour) - min(colour)
    names = set()
    if chroma < _COLOURLESS + _CHROMA_BORDER:
        names |= {_last_begun(_GREYS, max(0.0, max(colour) + shift)) for shift in (-_GREY_BORDER, 0.0, _GREY_BORDER)}
    if chroma > _COLOURLESS - _CHROMA_BORDER:
        hue = 360 * colorsys.rgb_to_hsv(*colour)[0]
        names |= {_last_begun(_HUES, (hue + shift) % 360) for shift in (-_HUE_BORDER, 0.0, _HUE_BORDER)}
    return frozenset(names)


def _last_begun(begins: dict[str, float], value: float) -> str:
    """The name that begins nearest below `value`; on a circle, what begins last reaches over its end."""
    begun = {name: start for name, start in begins.items() if start <= value}
    return max(begun or begins, key=begins.__getitem__)


def _nearest(colour: Colour, palette: tuple[Colour, ...], names: tuple[str, ...], border: float) -> frozenset[str]:
    distances = np.linalg.norm(np.asarray(palette) - colour, axis=-1)
    return frozenset(names[at] for at in np.flatnonzero(distances <= distances.min() + border))


def _blends_in(look: Look) -> bool:
    return float(np.linalg.norm(np.subtract(look.top, look.pattern_colour))) < _ALIKE
