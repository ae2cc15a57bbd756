"""Casts of photographs, clips and voices, small to make, and scenes that need them, on a grid like MiniMax H3's."""

import functools

import numpy as np

from kling_core.backbone import Limits
from kling_core.elements.element import Binding, Cast, Clip, Element, Voice
from kling_core.plan.grid import H3_LATTICE, Grid
from kling_core.plan.resolve import plan as resolve
from kling_core.sound.murmur import murmur
from kling_core.storyboard.storyboard import Storyboard

GRID = Grid(
    fps=24, lattice=H3_LATTICE, spatial_stride=32, sizes={"16:9": (1344, 768), "1:1": (768, 768)}, audio_rate=32000
)
LIMITS = Limits(shots=6, seconds=(3.0, 15.0), elements=12, views_per_element=4, subjects_per_shot=12)
VIEWS = ("front", "side", "back", "detail")
RATE = 16000
TEXT = "I have walked all the way from the old harbour, to the very last house of this town. Nobody told me."


def picture(*seed, height=600, width=400):
    """Coarse noise: no two seeds look alike."""
    blocks = np.random.default_rng(list(seed)).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return blocks.repeat(-(-height // 6), 0).repeat(-(-width // 6), 1)[:height, :width]


@functools.cache
def voice(seconds=6.0, pitch=180.0, seed=0):
    return Voice(murmur(TEXT * (1 + int(seconds / 6)), pitch, seconds, RATE, seed), RATE, pitch)


def clip(seed=0, seconds=4.0, fps=24.0, sound=True, size=(320, 180)):
    """A clip whose first half stands still. Its sound is a murmur, in stereo."""
    count = round(seconds * fps)
    still, moving = picture(seed, 99, height=size[1], width=size[0]), np.arange(count) * (np.arange(count) > count // 2)
    frames = np.stack([np.roll(still, 3 * int(step), 1) for step in moving])
    track = np.tile(murmur(TEXT, 140, seconds, RATE, seed), (2, 1)) if sound else None
    return Clip(frames, fps, track, RATE if sound else None)


def element(name, views=VIEWS, kind="character", height=600, width=400, **parts):
    number = sum(map(ord, name))
    pictures = {view: picture(number, VIEWS.index(view), height=height, width=width) for view in views}
    return Element(name, kind=kind, views=pictures, **parts)


def cast(*elements, **strengths):
    return Cast(tuple(Binding(one, strengths.get(one.name, 1.0)) for one in elements))


def planned(people, *shots, **scene):
    return resolve(Storyboard.model_validate({"shots": shots, **scene}), people, GRID, LIMITS)


def shot(*subjects, seconds=5.0, lines=(), verb="stand", **fields):
    spoken = [{"speaker": speaker, "text": "This is what I say."} for speaker in lines]
    actions = [{"subject": name, "verb": verb} for name in subjects]
    return {"seconds": seconds, "subjects": subjects, "actions": actions, "lines": spoken, **fields}
