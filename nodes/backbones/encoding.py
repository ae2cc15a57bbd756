"""Encoders that encode the same content once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass
class Encoding:
    """A VAE that encodes everything once."""

    vae: Any
    once: Callable

    def encode(self, samples: torch.Tensor) -> torch.Tensor:
        return self.once(f"{id(self.vae)} {content(samples)}", lambda: self.vae.encode(samples))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.vae, name)


def content(samples: torch.Tensor) -> str:
    data = np.ascontiguousarray(samples.detach().cpu().float().numpy())
    return f"{tuple(samples.shape)} {hashlib.blake2b(data.tobytes(), digest_size=16).hexdigest()}"
