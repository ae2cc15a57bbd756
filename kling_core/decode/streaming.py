"""Decode within a memory budget: pieces of a shot with just enough of the past to be exact."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

Decode = Callable[[torch.Tensor, int], torch.Tensor]


def stream(
    latents: torch.Tensor, decode: Decode, *, frames_per_latent: int, context: int, bytes_per_latent: int,
    memory_budget: int,
) -> Iterator[torch.Tensor]:
    """Decode one shot's latents [L, …] piece by piece, first to last; yields frames [T, …].

    decode: causal in time, from some latents [l, …] and the number of the first of them to [l * frames_per_latent, …],
    where a frame depends on `context` latents before its own at most. Pieces are as long as `memory_budget` bytes allow
    at `bytes_per_latent` (at least one latent besides the context), so memory does not grow with the shot. What comes
    out does not depend on the budget.
    """
    fresh = max(1, memory_budget // max(1, bytes_per_latent) - context)
    for start in range(0, len(latents), fresh):
        first = max(0, start - context)
        frames = decode(latents[first:start + fresh], first)
        yield frames[(start - first) * frames_per_latent:]
