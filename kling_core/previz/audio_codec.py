"""The sound codec: stereo sound to one 64-channel token a video frame and track, and back.

A token is the principal components of 8 log-mel frames (40 bands, left and right, pairs of frames averaged). Sound
comes back through the pseudo-inverse of the mel bands and Griffin-Lim (1984): right for ambience, which is noise; given
speech is never decoded, the film carries the recording itself.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from kling_core.previz.world import AUDIO_CHANNELS, GRID

WINDOW, HOP, BANDS = 1024, 250, 40
_HOPS = GRID.audio_rate // GRID.fps // HOP
_SLOTS = _HOPS // 2
_ROW = 2 * _SLOTS * BANDS
_FLOOR = 1e-4


class AudioCodec(nn.Module):
    """encode: [2, samples] in [-1, 1] -> [frames, 64]; decode: back to [2, samples]."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(_ROW))
        self.register_buffer("basis", torch.zeros(_ROW, AUDIO_CHANNELS))
        self.register_buffer("scale", torch.ones(AUDIO_CHANNELS))
        self.register_buffer("bands", mel_bands(), persistent=False)

    def fit(self, rows: torch.Tensor) -> None:
        """Principal components of rows [N, 320] made by `rows`."""
        self.mean.copy_(rows.mean(0))
        centred = rows - self.mean
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(rows))
        self.basis.copy_(vectors.flip(1)[:, :AUDIO_CHANNELS])
        self.scale.copy_(values.flip(0)[:AUDIO_CHANNELS].clamp(min=1e-4).sqrt().sqrt())
        power = ((centred @ self.basis / self.scale) ** 2).mean()
        self.scale.mul_(power.sqrt())

    def rows(self, sound: torch.Tensor, frames: int) -> torch.Tensor:
        """Log-mel rows [frames, 320] of [2, samples]; shorter sound is followed by silence."""
        needed = frames * _HOPS * HOP
        sound = torch.nn.functional.pad(sound, (0, max(0, needed - sound.shape[1])))[:, :needed]
        spectrum = torch.stft(
            sound, WINDOW, HOP, window=torch.hann_window(WINDOW, device=sound.device), return_complex=True,
        ).abs()[..., : frames * _HOPS]
        mel = ((self.bands @ spectrum) + _FLOOR).log()
        slots = mel.unflatten(2, (frames, _SLOTS, 2)).mean(-1)  # [2, bands, frames, slots]
        return slots.permute(2, 0, 3, 1).reshape(frames, _ROW)

    def encode(self, sound: torch.Tensor, frames: int) -> torch.Tensor:
        return (self.rows(sound, frames) - self.mean) @ self.basis / self.scale

    def decode(self, tokens: torch.Tensor, seed: int = 0) -> np.ndarray:
        """float32 [2, samples]. Phases start from `seed`, so that the same tokens give the same sound."""
        import torchaudio

        rows = (tokens * self.scale) @ self.basis.T + self.mean
        mel = rows.reshape(-1, 2, _SLOTS, BANDS).permute(1, 3, 0, 2).flatten(2).repeat_interleave(2, -1).exp()
        mel = torch.cat([mel, mel[..., -1:]], -1)  # a centred spectrogram ends on the last sample
        magnitude = (torch.linalg.pinv(self.bands) @ mel).clamp(min=0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            sound = torchaudio.functional.griffinlim(
                magnitude, torch.hann_window(WINDOW), WINDOW, HOP, WINDOW, 1.0, 16, 0.9,
                tokens.shape[0] * _HOPS * HOP, True,
            )
        return sound.clamp(-1, 1).numpy()


def mel_bands() -> torch.Tensor:
    """Triangular mel filters [BANDS, WINDOW / 2 + 1] (O'Shaughnessy 1987: 2595 log10(1 + f / 700))."""
    top = 2595 * np.log10(1 + GRID.audio_rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, BANDS + 2) / 2595) - 1)
    frequency = np.linspace(0, GRID.audio_rate / 2, WINDOW // 2 + 1)
    rising = (frequency - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequency) / (edges[2:] - edges[1:-1])[:, None]
    weights = np.clip(np.minimum(rising, falling), 0, None)
    # The lowest triangles can fall between two bins; they get the nearest bin instead of nothing.
    empty = weights.sum(1) == 0
    weights[empty, np.abs(frequency[None] - edges[1:-1][empty, None]).argmin(1)] = 1.0
    return torch.tensor(weights / weights.sum(1, keepdims=True), dtype=torch.float32)
