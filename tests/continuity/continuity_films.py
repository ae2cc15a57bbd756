"""A scene whose film is exact: the stage's own drawing of it, small and quick, with the demo's two people."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch

from kling_core.demo import DEMO_NAMES, demo_cast
from kling_core.elements.element import Binding, Cast
from kling_core.plan.plan import Plan
from kling_core.plan.resolve import plan as resolve
from kling_core.previz.conditioning import looks_of, mouth_curves
from kling_core.previz.stage.scene import draw_shot
from kling_core.previz.world import GRID, LIMITS
from kling_core.sound.mix import mix
from kling_core.sound.speech import SpokenLine, speak
from kling_core.storyboard.script import parse_script

SCRIPT = """Place: street
Shot 1 (2s, medium, pan right 12 degrees): @mira smiles. Mira says, "Look over there, it is our tree!"
Shot 2 (2s, medium, static): @leo on the left and @mira on the right. Leo says, "I can see nothing at all."
Shot 3 (2s, close-up, slow push-in): Leo stands. Leo says, "Now I can see it, you are right."
"""


@dataclass(frozen=True)
class Film:
    plan: Plan
    cast: Cast
    speech: tuple[SpokenLine, ...]
    frames: np.ndarray
    sound: np.ndarray

    def shot(self, number: int) -> slice:
        """The frames of a shot, from 0."""
        return slice(self.plan.shots[number].start, self.plan.shots[number].stop)

    def with_shot(self, number: int, frames: np.ndarray) -> "Film":
        """The same film with other pictures in one shot."""
        changed = self.frames.copy()
        changed[self.shot(number)] = frames
        return replace(self, frames=changed)


@cache
def true_film(script: str = SCRIPT, width: int = 256, height: int = 144) -> Film:
    """A film without fault: what the stage draws of the script, without the smoothing of edges, which takes time."""
    torch.set_num_threads(1)
    cast = demo_cast()
    plan = resolve(parse_script(script, DEMO_NAMES), cast, GRID, LIMITS)
    speech = speak(plan, cast)
    mouths, looks = mouth_curves(plan, speech), looks_of(cast)
    frames = [
        draw_shot(
            shot, blocking, looks, {name: curve[shot.start: shot.stop] for name, curve in mouths.items()}, width,
            height, supersampling=1,
        ).numpy()
        for shot, blocking in zip(plan.shots, plan.blocking)
    ]  # fmt: skip
    return Film(plan, cast, speech, np.concatenate(frames), sound_of(plan, speech))


def sound_of(plan: Plan, speech: tuple[SpokenLine, ...]) -> np.ndarray:
    return mix(plan, speech, np.zeros((2, 1)))


def with_voices_swapped(cast: Cast) -> Cast:
    mira, leo = (cast[name] for name in DEMO_NAMES)
    return Cast((Binding(replace(mira, voice=leo.voice)), Binding(replace(leo, voice=mira.voice))))
