"""A backbone that needs no weights: it records what it was asked, and its pictures tell which latent they come from."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

from kling_core.backbone import Latents, Limits, Settings
from kling_core.plan.grid import Grid, Lattice

CHANNELS, AUDIO_CHANNELS, TRACKS = 3, 4, 2


class FakeBackbone:
    grid = Grid(
        fps=12, lattice=Lattice((4,)), spatial_stride=8, audio_rate=24000, audio_token_rate=12, sound_tracks=2,
        sizes={"16:9": (128, 72), "9:16": (72, 128), "1:1": (96, 96)},
    )
    limits = Limits(shots=6, seconds=(3.0, 15.0), elements=7, views_per_element=4, subjects_per_shot=3)

    defaults, weights = Settings(steps=3), "none"
    speaks, audio_axis = False, 1

    def __init__(self):
        self.asked: dict = {}

    def condition(self, plan, cast, speech=(), *, first_frame=None, last_frame=None):
        self.asked.update(cast=cast, speech=speech, first_frame=first_frame, last_frame=last_frame)
        return SimpleNamespace(plan=plan, notes=("There is no beach.",))

    def forecast(self, plan, cast):
        return f"{plan.frames} frames"

    def empty(self, plan) -> Latents:
        rows, columns = self.grid.tokens_per_latent(plan.aspect)
        video = torch.zeros(plan.frames // self.grid.frames_per_latent, CHANNELS, rows, columns)
        return Latents(video, torch.zeros(TRACKS * plan.frames, AUDIO_CHANNELS))

    def sample(self, conditioning, *, seed, settings, keep=None, progress=None) -> Latents:
        self.asked.update(seed=seed, settings=settings, keep=keep)
        like = self.empty(conditioning.plan)
        for step in range(1, settings.steps + 1):
            progress(step, settings.steps, torch.rand(2, 9, 16, 3))
        generator = torch.Generator().manual_seed(seed)
        return Latents(*(torch.rand(part.shape, generator=generator) for part in (like.video, like.audio)))

    def encode_video(self, portions, plan):
        frames = torch.from_numpy(np.concatenate(list(portions))).float().permute(0, 3, 1, 2) / 255
        return frames[:: self.grid.frames_per_latent, :, ::8, ::8]

    def decode_video(self, latents, plan, cast, speech=(), *, memory_budget=None):
        self.asked.update(memory_budget=memory_budget)
        width, height = plan.size
        for shot in plan.shots:
            brightness = latents.video[shot.start // self.grid.frames_per_latent].mean() * 255
            yield np.full((shot.frames, height, width, 3), int(brightness), np.uint8)

    def decode_audio(self, latents, plan):
        level = 0.02 * float(latents.audio.mean())
        return np.full((2, plan.frames * self.grid.audio_rate // self.grid.fps), level, np.float32)
