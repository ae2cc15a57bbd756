"""A small grid, limits and cast for tests of the plan room."""

from kling_core.backbone import Limits
from kling_core.elements.element import Binding, Cast, Element
from kling_core.plan.grid import Grid, Lattice
from kling_core.storyboard.storyboard import Storyboard

GRID = Grid(
    fps=12, lattice=Lattice((4,)), spatial_stride=8, sizes={"16:9": (128, 72), "9:16": (72, 128), "1:1": (96, 96)},
    audio_rate=24000, audio_token_rate=12, sound_tracks=2, reference_tokens=40,
)
LIMITS = Limits(shots=6, seconds=(3.0, 15.0), elements=3, views_per_element=2, subjects_per_shot=2)


def cast(*names, **kinds):
    """A cast of elements with a front and a back view each; kinds: element name -> kind."""
    views = {"front": None, "back": None}
    elements = [Element(name, views=views) for name in names]
    elements += [Element(name, kind=kind, views=views) for name, kind in kinds.items()]
    return Cast(tuple(Binding(element) for element in elements))


def board(*shots, **scene):
    return Storyboard.model_validate({"shots": shots, **scene})


def shot(seconds=3.0, **fields):
    return {"seconds": seconds, **fields}


def line(speaker, text, **fields):
    return {"speaker": speaker, "text": text, **fields}
