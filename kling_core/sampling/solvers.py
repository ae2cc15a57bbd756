"""Solvers of the flow's differential equation d x / d sigma = (x - denoise(x)) / sigma. One function a solver.

All have one signature, in the manner of k-diffusion: `latents` is pure noise, `schedule` the levels from 1 to 0 that
`flow.schedule` gives, `keep` what stays clean, and `progress(step, steps, prediction)` is called after each step with
the clean Latents predicted so far; what it raises, an interrupt, ends the sampling. No argument is changed.

A token's level is sigma (1 - keep). That factor cancels in every update, so a step needs only the schedule's own
levels: d sigma (x - denoise(x)) / sigma is the same number whether or not both sigmas are scaled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch

from kling_core.backbone import Keep, Latents
from kling_core.sampling.flow import Denoise, Sigmas, each, mix

OnStep = Callable[[int, int, Latents], None]


def euler(
    denoise: Denoise,
    latents: Latents,
    schedule: Sequence[float],
    keep: Keep | None = None,
    progress: OnStep | None = None,
) -> Latents:
    """First order, one evaluation a step (Liu et al. 2022, "Flow Straight and Fast", eq. 1; EDM without churn)."""
    flow = _Flow(denoise, latents, keep)
    x = flow.start(latents, schedule[0])
    for step, (sigma, following) in enumerate(pairwise(schedule), 1):
        clean = flow.predict(x, sigma)
        # The step down to 0 ends on the prediction itself; taking it as it is keeps rounding out.
        x = flow.pin(_moved(x, following - sigma, _slope(x, clean, sigma))) if following else clean
        if progress:
            progress(step, len(schedule) - 1, clean)
    return x


def heun(
    denoise: Denoise,
    latents: Latents,
    schedule: Sequence[float],
    keep: Keep | None = None,
    progress: OnStep | None = None,
) -> Latents:
    """Second order, two evaluations a step but the last (Karras et al. 2022, "Elucidating the Design Space of
    Diffusion-Based Generative Models", algorithm 1)."""
    flow = _Flow(denoise, latents, keep)
    x = flow.start(latents, schedule[0])
    for step, (sigma, following) in enumerate(pairwise(schedule), 1):
        clean = flow.predict(x, sigma)
        if not following:
            x = clean
        else:
            slope = _slope(x, clean, sigma)
            ahead = flow.pin(_moved(x, following - sigma, slope))
            clean = flow.predict(ahead, following)
            mean_slope = each(lambda here, there: (here + there) / 2, slope, _slope(ahead, clean, following))
            x = flow.pin(_moved(x, following - sigma, mean_slope))
        if progress:
            progress(step, len(schedule) - 1, clean)
    return x


SOLVERS = {"euler": euler, "heun": heun}


def _slope(x: Latents, clean: Latents, sigma: float) -> Latents:
    """d x / d sigma, which for rectified flow is noise minus clean."""
    return each(lambda noisy, predicted: (noisy - predicted) / sigma, x, clean)


def _moved(x: Latents, distance: float, slope: Latents) -> Latents:
    return each(lambda start, along: start + distance * along, x, slope)


class _Flow:
    """A denoiser together with what stays clean."""

    def __init__(self, denoise: Denoise, latents: Latents, keep: Keep | None):
        self.denoise = denoise
        self.keep = keep
        video, audio = latents.video, latents.audio
        if keep is None:
            self.free = Sigmas(video.new_ones(_token_shape(video)), audio.new_ones(_token_shape(audio)))
        else:
            _check(keep, latents)
            self.free = Sigmas(1 - keep.video.to(video), 1 - keep.audio.to(audio))
            self.kept = each(lambda value, like: value.to(like), keep.latents, latents)

    def sigmas(self, sigma: float) -> Sigmas:
        return Sigmas(self.free.video * sigma, self.free.audio * sigma)

    def start(self, noise: Latents, sigma: float) -> Latents:
        """Noise, mixed with the kept values as far as they are kept."""
        if self.keep is None:
            return noise
        mixed = mix(self.kept, noise, self.sigmas(sigma))
        return self.pin(each(lambda free, e, x: torch.where(free == 1, e, x), self.free, noise, mixed))

    def predict(self, x: Latents, sigma: float) -> Latents:
        return self.pin(self.denoise(x, self.sigmas(sigma)))

    def pin(self, x: Latents) -> Latents:
        """x with what is kept whole at its value, to the bit."""
        if self.keep is None:
            return x
        return each(lambda free, kept, x: torch.where(free == 0, kept, x), self.free, self.kept, x)


def _token_shape(latents: torch.Tensor) -> tuple[int, ...]:
    """Shape without the channels: [T, C, H, W] -> (T, H, W), [tokens, C] -> (tokens,)."""
    return (latents.shape[0], *latents.shape[2:])


def _check(keep: Keep, latents: Latents) -> None:
    for name in ("video", "audio"):
        noise, kept, mask = getattr(latents, name), getattr(keep.latents, name), getattr(keep, name)
        if kept.shape != noise.shape or mask.shape != _token_shape(noise):
            found = f"values {tuple(kept.shape)} and mask {tuple(mask.shape)}"
            raise ValueError(f"keep.{name} does not fit noise {tuple(noise.shape)}: {found}")
        if not bool(((mask >= 0) & (mask <= 1)).all()):
            raise ValueError(f"keep.{name} must lie in 0..1")
