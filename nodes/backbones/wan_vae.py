"""Decoding with Wan's own VAEs, a few latents at a time.

They are causal, and keep of each step what the next one needs: they are driven through the same steps as in decoding
all at once, with a cache that is ours, so that nothing stays behind in the user's VAE.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import comfy.ldm.wan.vae
import comfy.ldm.wan.vae2_2
import comfy.model_management
import torch

from .decoding import Pieces, finished

if TYPE_CHECKING:
    from comfy.sd import VAE

# How many latents they decode at a time, after the first.
_LATENTS_A_STEP = {comfy.ldm.wan.vae.WanVAE: 2, comfy.ldm.wan.vae2_2.WanVAE: 1}


def decoded_by_steps(vae: VAE, video: torch.Tensor) -> Pieces | None:
    """A film, [1, C, T, H, W], in the portions of its latents; None for VAEs that only stand in for Wan's."""
    if type(getattr(vae, "first_stage_model", None)) not in _LATENTS_A_STEP:
        return None
    return _by_steps(vae, video)


def _by_steps(vae: VAE, video: torch.Tensor) -> Pieces:
    network, device = vae.first_stage_model, comfy.model_management.cuda_device_context
    vae.prepare_decode(video.shape)
    with device(vae.device):
        latents = network.conv2(video.to(vae.device, vae.vae_dtype))
    cache = defaultdict(lambda: None)
    for step in [latents[:, :, :1], *latents[:, :, 1:].split(_LATENTS_A_STEP[type(network)], 2)]:
        with device(vae.device):
            made = _step(network, step, cache)
        while made:
            yield finished(vae, made.pop(0))


def _step(network: torch.nn.Module, latents: torch.Tensor, cache: defaultdict[int, Any]) -> list[torch.Tensor]:
    """The pictures of a step's latents, [1, 3, t, H, W] each. cache: empty before the first."""
    if isinstance(network, comfy.ldm.wan.vae.WanVAE):
        return network.decoder(latents, feat_cache=cache, feat_idx=[0])
    made = network.decoder(latents, feat_cache=cache, feat_idx=[0], first_chunk=not cache)
    return [comfy.ldm.wan.vae2_2.unpatchify(made, patch_size=2)]
