"""A small plan, its latents, and denoisers with known answers."""

import torch

from kling_core.backbone import Latents
from kling_core.plan.grid import Grid, Lattice
from kling_core.plan.plan import Plan, PlannedShot
from kling_core.sampling.flow import Sigmas, each, noise
from kling_core.sampling.retake import audio_shots, latent_shots

CHANNELS = (3, 2)
SIZE = (2, 3)


def make_plan(latents_a_shot=(2, 3, 2, 1)) -> Plan:
    """Shots of so many latents, four frames each, one audio token a frame and track."""
    grid = Grid(12, Lattice((4,)), 8, {"16:9": (24, 16)}, 24000, audio_token_rate=12, sound_tracks=2)
    shots, at = [], 0
    for index, latents in enumerate(latents_a_shot):
        stop = at + 4 * latents
        shots.append(PlannedShot(index, at, stop, "medium", "eye", "park", "day", (), ()))
        at = stop
    return Plan("", "16:9", grid, (), tuple(shots), (), ())


def scene_noise(plan: Plan, seed=0) -> Latents:
    return noise(CHANNELS, SIZE, latent_shots(plan), audio_shots(plan), seed)


class CoupledDenoiser:
    """A deterministic network in which every token of every shot, picture and sound, depends on every other."""

    def __init__(self, seed: int = 0):
        generator = torch.Generator().manual_seed(seed)
        self.video_in = torch.randn(CHANNELS[0] + 1, 8, generator=generator)
        self.audio_in = torch.randn(CHANNELS[1] + 1, 8, generator=generator)
        self.video_out = torch.randn(8, CHANNELS[0], generator=generator)
        self.audio_out = torch.randn(8, CHANNELS[1], generator=generator)

    def __call__(self, latents: Latents, sigmas: Sigmas) -> Latents:
        frames, _, rows, columns = latents.video.shape
        video = torch.cat([latents.video, sigmas.video[:, None]], 1).permute(0, 2, 3, 1).flatten(0, 2)
        stream = torch.cat(
            [
                torch.cat([latents.audio, sigmas.audio[:, None]], 1) @ self.audio_in,
                video @ self.video_in,
            ]
        ).tanh()
        stream = stream + torch.softmax(stream @ stream.T / 8**0.5, -1) @ stream
        audio, video = stream.split([len(latents.audio), len(video)])
        video = (video @ self.video_out).unflatten(0, (frames, rows, columns)).permute(0, 3, 1, 2)
        return Latents(video, audio @ self.audio_out)


MEAN, SPREAD = 0.7, 0.4


def gaussian_denoiser(latents: Latents, sigmas: Sigmas) -> Latents:
    """E[x | x_sigma] for clean values that are normal with MEAN and SPREAD."""

    def expected(noisy, sigma):
        variance = (1 - sigma) ** 2 * SPREAD**2 + sigma**2
        return MEAN + (1 - sigma) * SPREAD**2 / variance * (noisy - (1 - sigma) * MEAN)

    return each(expected, latents, sigmas)


def gaussian_end(start: torch.Tensor, sigma: float) -> torch.Tensor:
    """Where the exact flow of `gaussian_denoiser` takes a value at noise level sigma: it keeps its quantile."""
    deviation = ((1 - sigma) ** 2 * SPREAD**2 + sigma**2) ** 0.5
    return MEAN + SPREAD * (start - (1 - sigma) * MEAN) / deviation
