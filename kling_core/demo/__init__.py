"""The demo: a scene of six shots in 15 s, and the two people in it, who need no files and no network."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from kling_core.elements.element import Cast, Element
    from kling_core.storyboard.storyboard import Storyboard

DEMO_SCRIPT = Path(__file__).with_name("demo.txt")
DEMO_JSON = Path(__file__).with_name("demo.json")
DEMO_NAMES = ("mira", "leo")

VOICE_RATE = 24000
_VOICE_SECONDS = 8.0
_VOICE_TEXT = "We came here every summer, when the tree was small. Can you hear the wind in it? I do, and I am glad."
# As unlike as two puppets can be: every factor that a reference can show differs between them.
_PEOPLE: dict[str, dict[str, Any]] = {
    "mira": {
        "description": "red bun, glasses, yellow striped top",
        "pitch": 215.0,
        "look": {
            "skin": (0.95, 0.78, 0.66), "hair": (0.72, 0.22, 0.08), "hair_style": "bun", "eyes": (0.15, 0.45, 0.3),
            "top": (0.95, 0.75, 0.15), "pattern": "stripes", "pattern_colour": (0.9, 0.4, 0.1),
            "trousers": (0.45, 0.2, 0.4), "glasses": True, "height": 0.97, "build": 0.93,
        },
    },
    "leo": {
        "description": "dark beard, blue beanie, green top",
        "pitch": 112.0,
        "look": {
            "skin": (0.5, 0.33, 0.22), "hair": (0.1, 0.07, 0.06), "hair_style": "short", "eyes": (0.2, 0.12, 0.06),
            "top": (0.15, 0.5, 0.25), "pattern": "plain", "trousers": (0.18, 0.2, 0.32), "hat": "beanie",
            "hat_colour": (0.15, 0.3, 0.75), "beard": True, "height": 1.04, "build": 1.08,
        },
    },
}


def demo_scene() -> "Storyboard":
    from kling_core.storyboard.files import load_storyboard

    return load_storyboard(DEMO_SCRIPT, DEMO_NAMES)


@cache
def demo_cast() -> "Cast":
    """Mira and Leo, drawn by the stage, each with a voice of an own pitch."""
    from kling_core.elements.element import Binding, Cast

    return Cast(tuple(Binding(_element(name)) for name in DEMO_NAMES))


def _element(name: str) -> "Element":
    from dataclasses import replace

    from kling_core.elements.intake import build_element
    from kling_core.previz.stage.look import Look
    from kling_core.previz.stage.portraits import portraits

    person = _PEOPLE[name]
    look = Look(**person["look"])
    element = build_element(
        name, portraits(look), voice=(_recording(person["pitch"]), VOICE_RATE), description=person["description"],
        origin="stage",
    )
    return replace(element, look=look.to_json())


def _recording(pitch: float) -> "np.ndarray":
    """Float32 [N]: eight seconds of a voice at `pitch` Hz."""
    from kling_core.sound.murmur import murmur

    return murmur(_VOICE_TEXT, pitch, _VOICE_SECONDS, VOICE_RATE, seed=int(pitch))
