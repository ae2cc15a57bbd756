"""Rectified flow (Liu et al. 2022, "Flow Straight and Fast"): x_sigma = (1 - sigma) x + sigma noise.

sigma = 1 is pure noise, 0 is clean. Every token has a level of its own, so references, kept frames, given sound and
retakes need no mechanism besides. Everything here takes and gives Latents and changes none of its arguments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from kling_core.backbone import Latents
from kling_core.errors import KlingError, Problem


@dataclass(frozen=True)
class Sigmas:
    """The noise level of every token, in [0, 1]. video: [T, H, W], audio: [tokens], both float."""

    video: torch.Tensor
    audio: torch.Tensor


Denoise = Callable[[Latents, Sigmas], Latents]
"""denoise(noisy, sigmas) -> the clean latents that it predicts, shaped as `noisy`."""


def schedule(steps: int, shift: float = 1.0) -> tuple[float, ...]:
    """Noise levels 1 = sigma_0 > … > sigma_steps = 0, `steps` + 1 of them.

    shift > 1 spends more of the steps at high noise, as long sequences need: shift s / (1 + (shift - 1) s) of evenly
    spaced s (Esser et al. 2024, "Scaling Rectified Flow Transformers", eq. 23). Raises KlingError below one step.
    """
    if steps < 1:
        raise KlingError(Problem("sampler", f"{steps} steps cannot be sampled", "Use at least 1 step."))
    if shift <= 0:
        raise ValueError(f"shift must be above 0, not {shift}")
    even = [1 - step / steps for step in range(steps + 1)]
    return tuple(s / (s + (1 - s) / shift) for s in even)  # the same, but exactly 1 at s = 1


def each(function: Callable[..., torch.Tensor], *latents: Latents | Sigmas) -> Latents:
    """`function` of the pictures and of the sound. Noise levels get a channel axis, so that they broadcast."""
    return Latents(
        function(*(_with_channels(one, one.video) for one in latents)),
        function(*(_with_channels(one, one.audio) for one in latents)),
    )


def _with_channels(owner: Latents | Sigmas, tensor: torch.Tensor) -> torch.Tensor:
    return tensor.unsqueeze(1) if isinstance(owner, Sigmas) else tensor


def mix(clean: Latents, noise: Latents, sigmas: Sigmas) -> Latents:
    """(1 - sigma) clean + sigma noise for each token; exactly one of them where sigma is 0 or 1."""
    return each(lambda x, e, sigma: (1 - sigma) * x + sigma * e, clean, noise, sigmas)


def noise(
    channels: tuple[int, int],
    size: tuple[int, int],
    latent_shots: torch.Tensor,
    audio_shots: torch.Tensor,
    seed: int | Sequence[int],
) -> Latents:
    """Standard normal noise for a scene, on the CPU in float32, so that every device starts from the same.

    channels: of video and of audio. size: H, W in tokens. latent_shots: [T] and audio_shots: [tokens], the shot of each
    (`retake.latent_shots`, `retake.audio_shots`). seed: for the scene, or one for each shot. Each shot draws from
    generators of its own: what happens to another shot, a new seed or another length, leaves its noise alone.
    """
    shots = int(latent_shots.max()) + 1
    seeds = [seed] * shots if isinstance(seed, int) else seed
    video = torch.empty(len(latent_shots), channels[0], *size)
    audio = torch.empty(len(audio_shots), channels[1])
    for shot, shot_seed in zip(range(shots), seeds, strict=True):
        for tensor, of_shot, stream in ((video, latent_shots == shot, "video"), (audio, audio_shots == shot, "audio")):
            shape = (int(of_shot.sum()), *tensor.shape[1:])
            tensor[of_shot] = torch.randn(shape, generator=_generator(shot_seed, shot, stream))
    return Latents(video, audio)


def _generator(seed: int, shot: int, stream: str) -> torch.Generator:
    # A hash, because generators seeded with neighbouring numbers need not be independent.
    digest = hashlib.blake2b(f"{seed}/{shot}/{stream}".encode(), digest_size=8).digest()
    return torch.Generator("cpu").manual_seed(int.from_bytes(digest, "big") >> 1)
