"""Decode within a memory budget: pieces of a shot, each with just enough of the past to be exact."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

Decode = Callable[[torch.Tensor, int, int], torch.Tensor]
"""decode(latents, first, before) -> frames of `latents` [l, …] without the first `before` of them, which are only what
was there before; `first` is the number of the first latent whose frames are wanted."""


def stream(
    latents: torch.Tensor, decode: Decode, *, context: int, bytes_per_latent: int, memory_budget: int
) -> Iterator[torch.Tensor]:
    """Decode one shot's latents [L, …] piece by piece, first to last; yields frames [T, …].

    decode: causal in time; a frame depends on `context` latents before its own at most. Pieces are as long as
    `memory_budget` bytes allow at `bytes_per_latent` (at least one latent), so memory does not grow with the shot. What
    comes out does not depend on the budget.
    """
    length = max(1, memory_budget // max(1, bytes_per_latent))
    for start in range(0, len(latents), length):
        before = min(start, context)
        yield decode(latents[start - before : start + length], start, before)
