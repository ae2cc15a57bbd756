"""A backbone without weights and elements without photographs, for tests of the spine."""

from types import SimpleNamespace

import numpy as np
import torch

from kling_core.backbone import Latents, Limits, Settings
from kling_core.elements.element import Binding, Cast, Element
from kling_core.plan.grid import Grid, Lattice
from kling_core.storyboard.script import parse_script

CHANNELS, AUDIO_CHANNELS = 3, 4
SCENE = parse_script(
    'Title: Two\nShot 1 (2s, wide): @mira walks left. Shot 2 (2s, close-up): Mira says, "Look at that." '
    'Shot 3 (2s): Mira waves. Leo off-screen says, "Yes."',
    ("mira", "leo"),
)


def small_cast(*names):
    """Elements with one striped view each."""
    view = np.zeros((64, 32, 3), np.uint8)
    view[::4] = 200
    return Cast(tuple(Binding(Element(name, views={"front": view}, origin="stage")) for name in names))


class FakeBackbone:
    """Its pictures are as bright as their shot's number, its ambience is silence; it notes what it was asked."""

    grid = Grid(
        fps=12, lattice=Lattice((4,)), spatial_stride=8, audio_rate=24000, audio_token_rate=12, sound_tracks=2,
        reference_tokens=40,
        sizes={"16:9": (128, 72), "9:16": (72, 128), "1:1": (96, 96)},
    )
    limits = Limits(shots=6, seconds=(3.0, 15.0), elements=7, views_per_element=4, subjects_per_shot=3)
    defaults = Settings(steps=8)
    licence = weights = "none"
    speaks, audio_axis = False, 1

    def __init__(self):
        self.asked = {}

    def condition(self, plan, cast, speech=(), *, first_frame=None, last_frame=None):
        self.asked.update(plan=plan, cast=cast, speech=speech, first_frame=first_frame, last_frame=last_frame)
        return SimpleNamespace(plan=plan, notes=("Everybody is grey.",))

    def forecast(self, plan, cast):
        return f"{plan.frames} frames"

    def empty(self, plan):
        rows, columns = self.grid.tokens_per_latent(plan.aspect)
        video = torch.zeros(plan.frames // self.grid.frames_per_latent, CHANNELS, rows, columns)
        return Latents(video, torch.zeros(2 * plan.frames, AUDIO_CHANNELS))

    def sample(self, conditioning, *, seed, settings, keep=None, progress=None):
        self.asked.update(seed=seed, settings=settings, keep=keep)
        for step in range(1, settings.steps + 1):
            if progress:
                progress(step, settings.steps, None)
        return self.empty(conditioning.plan)

    def encode_video(self, portions, plan):
        frames = torch.from_numpy(np.concatenate(list(portions))).float().permute(0, 3, 1, 2)
        return frames[:: self.grid.frames_per_latent, :, ::8, ::8]

    def decode_video(self, latents, plan, cast, speech=(), *, memory_budget=None):
        width, height = plan.size
        for shot in plan.shots:
            yield np.full((shot.frames, height, width, 3), 40 * (shot.index + 1), np.uint8)

    def decode_audio(self, latents, plan):
        return np.zeros((2, round(plan.seconds * self.grid.audio_rate)), np.float32)
