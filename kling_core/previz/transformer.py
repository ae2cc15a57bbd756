"""The packed audio-video transformer: one stream of text, references, audio and video tokens, one joint attention.

Tokens of every kind get their own way in and out and their own modulation rows; everything between is shared. A noise
level belongs to each token, so that references, given sound, kept frames and retakes are the same mechanism. Positions
and the attention itself are arguments: the model knows neither lattices nor routing rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn

from kling_core.previz import collage, geometry
from kling_core.previz.text import VOCABULARY
from kling_core.previz.wardrobe import REFERENCE_CHANNELS, TOKENS_PER_PERSON
from kling_core.previz.world import AUDIO_CHANNELS, VIDEO_CHANNELS

Attention = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, int], torch.Tensor]
"""attention(q, k, v, layer): [B, heads, tokens, head_dim] each; the caller applies its routing."""


_CHART_WIDTH = 512


@dataclass(frozen=True)
class Config:
    """Sizes of the network. width must be heads x 64."""

    width: int = 192
    layers: int = 6
    heads: int = 3

    def to_json(self) -> dict[str, int]:
        return asdict(self)


@dataclass
class Tokens:
    """A batch of packed scenes. B scenes; Nt text, P people x 40 reference, Na audio, Nv video tokens; N in all.

    text: [B, Nt] word numbers, 0 = none. references: [B, P, 40, 768]; known: [B, P, 40] in 0..1. audio: [B, Na, 64] and
    video: [B, Nv, 128], noisy or clean. track: [Na], 0 speech, 1 ambience. features: [B, Nv, FEATURES] and pasted:
    [B, Nv, CHANNELS], from the blocking. reads: [B, Nv, Nt], 1 where the video token is told that word directly.
    wears: [B, Nv, P], 1 where the token belongs to that person. level: [B, L] the noise levels in use, level_of:
    [B, N] which of them each token has. positions: [B, N, 3] (seconds, y, x).
    """

    text: torch.Tensor
    references: torch.Tensor
    known: torch.Tensor
    audio: torch.Tensor
    video: torch.Tensor
    track: torch.Tensor
    features: torch.Tensor
    pasted: torch.Tensor
    reads: torch.Tensor
    wears: torch.Tensor
    level: torch.Tensor
    level_of: torch.Tensor
    positions: torch.Tensor


class PrevizTransformer(nn.Module):
    """Predicts clean video and audio tokens from noisy ones."""

    def __init__(self, config: Config = Config()):
        super().__init__()
        self.config = config
        width = config.width
        self.words = nn.Embedding(len(VOCABULARY) + 1, width, padding_idx=0)
        self.reference_in = nn.Linear(REFERENCE_CHANNELS, width)
        self.reference_place = nn.Parameter(torch.randn(TOKENS_PER_PERSON, width) * 0.02)
        self.audio_in = nn.Linear(AUDIO_CHANNELS, width)
        self.track = nn.Embedding(2, width)
        self.video_in = nn.Linear(VIDEO_CHANNELS, width)
        self.pasted_in = nn.Linear(collage.CHANNELS, width)
        # What stands where a ray meets the set depends on the set: the words are told here, beside where the token is.
        self.features_in = nn.Sequential(
            nn.Linear(geometry.FEATURES + width, _CHART_WIDTH), nn.SiLU(), nn.Linear(_CHART_WIDTH, width)
        )
        self.identity = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.kind = nn.Parameter(torch.randn(4, width) * 0.02)
        self.level_in = nn.Sequential(nn.Linear(64, width), nn.SiLU(), nn.Linear(width, 6 * width))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.video_out = nn.Linear(width, VIDEO_CHANNELS)
        # The stream is narrower than what a token is given. Fine detail goes around it: the way out sees the token's
        # own noisy latent and collage again, and the stream tells it what to make of them.
        given = VIDEO_CHANNELS + collage.CHANNELS
        self.detail = nn.Sequential(
            nn.Linear(width + given, 2 * width), nn.SiLU(), nn.Linear(2 * width, VIDEO_CHANNELS)
        )
        # Where the collage is right, it need not be drawn again: the stream says how much of it shines through.
        self.shine = nn.Linear(width, collage.PICTURES)
        self.audio_out = nn.Linear(width, AUDIO_CHANNELS)
        nn.init.normal_(self.words.weight, std=0.3)
        for layer in (self.level_in[2], self.video_out, self.audio_out, self.detail[2], self.shine):
            nn.init.zeros_(layer.weight)

    def forward(self, tokens: Tokens, attention: Attention) -> tuple[torch.Tensor, torch.Tensor]:
        """Clean video [B, Nv, 128] and audio [B, Na, 64]."""
        stream, kinds = self._enter(tokens)
        modulation = self.level_in(_waves(tokens.level, 64)).unflatten(-1, (6, -1))
        rotation = _rotation(tokens.positions, self.config.width // self.config.heads)
        for number, block in enumerate(self.blocks):
            stream = block(stream, modulation, tokens.level_of, kinds, rotation, attention, number)
        stream = F.rms_norm(stream, (stream.shape[-1],))
        sigma = tokens.level.gather(1, tokens.level_of)[..., None]
        sounds, pictures = tokens.audio.shape[1], tokens.video.shape[1]
        _, audio, video = stream.split([stream.shape[1] - sounds - pictures, sounds, pictures], 1)
        _, audio_sigma, video_sigma = sigma.split([stream.shape[1] - sounds - pictures, sounds, pictures], 1)
        shining = self.shine(video).sigmoid() * tokens.pasted[..., : collage.PICTURES]
        video = self.video_out(video) + self.detail(torch.cat([video, tokens.video, tokens.pasted], -1)) + shining
        return (
            _denoised(tokens.video, video, video_sigma),
            _denoised(tokens.audio, self.audio_out(audio), audio_sigma),
        )

    def _enter(self, tokens: Tokens) -> tuple[torch.Tensor, torch.Tensor]:
        """The packed stream [B, N, width] and the kind [N] of each token."""
        words = self.words(tokens.text)
        references = (self.reference_in(tokens.references) + self.reference_place) * tokens.known[..., None]
        identity = self.identity(references.mean(2)) * tokens.known.amax(2)[..., None]
        told = tokens.reads @ words
        video = self.video_in(tokens.video) + self.pasted_in(tokens.pasted) + told + tokens.wears @ identity
        video = video + self.features_in(torch.cat([tokens.features, told], -1))
        parts = [
            words, references.flatten(1, 2), self.audio_in(tokens.audio) + self.track(tokens.track), video,
        ]
        stream = torch.cat([part + self.kind[number] for number, part in enumerate(parts)], 1)
        kinds = torch.cat([torch.full((part.shape[1],), number) for number, part in enumerate(parts)])
        return stream, kinds.to(stream.device)


class Block(nn.Module):
    """Attention and SwiGLU, both modulated by the token's noise level and kind."""

    def __init__(self, config: Config):
        super().__init__()
        width = config.width
        hidden = int(width * 8 / 3) // 64 * 64
        self.heads = config.heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.mix = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)
        self.modulation = nn.Parameter(torch.zeros(4, 6, width))
        self.q_scale = nn.Parameter(torch.ones(width // config.heads))
        self.k_scale = nn.Parameter(torch.ones(width // config.heads))
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.down.weight)

    def forward(
        self, stream: torch.Tensor, modulation: torch.Tensor, level_of: torch.Tensor, kinds: torch.Tensor,
        rotation: tuple[torch.Tensor, torch.Tensor], attention: Attention, number: int,
    ) -> torch.Tensor:
        batch, count, width = stream.shape
        rows = modulation[:, None] + self.modulation[None, :, None]  # [B, kinds, levels, 6, width]
        chosen = kinds * modulation.shape[1] + level_of
        rows = rows.flatten(1, 2)[torch.arange(batch, device=stream.device)[:, None], chosen].unbind(2)
        x = F.rms_norm(stream, (width,)) * (1 + rows[0]) + rows[1]
        q, k, v = self.qkv(x).view(batch, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        q = _turn(F.rms_norm(q, (q.shape[-1],)) * self.q_scale, rotation)
        k = _turn(F.rms_norm(k, (k.shape[-1],)) * self.k_scale, rotation)
        seen = attention(q, k, v, number).transpose(1, 2).reshape(batch, count, width)
        stream = stream + (1 + rows[2]) * self.mix(seen)
        x = F.rms_norm(stream, (width,)) * (1 + rows[3]) + rows[4]
        gate, value = self.up(x).chunk(2, -1)
        return stream + (1 + rows[5]) * self.down(F.silu(gate) * value)


def _denoised(noisy: torch.Tensor, output: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """The clean tokens: the best linear guess from the noisy ones, corrected by the network.

    EDM's preconditioning (Karras et al. 2022, table 1) for x_sigma = (1 - sigma) x + sigma noise and data of unit
    power: the network's target then has unit power at every level, and clean tokens (sigma = 0) pass unchanged.
    """
    power = (1 - sigma) ** 2 + sigma**2
    return (1 - sigma) / power * noisy + sigma / power.sqrt() * output


def _waves(level: torch.Tensor, channels: int) -> torch.Tensor:
    """Sinusoids [..., channels] of noise levels in [0, 1]."""
    half = channels // 2
    rates = 100 * torch.exp(-math.log(1000) * torch.arange(half, device=level.device) / half)
    angles = level[..., None] * rates
    return torch.cat([angles.cos(), angles.sin()], -1)


def _rotation(positions: torch.Tensor, channels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosine and sine [B, 1, N, channels / 2] of an axial rotary embedding (Su et al. 2021) over seconds, y and x."""
    pairs = channels // 2
    share = (pairs - 2 * (pairs // 3), pairs // 3, pairs // 3)
    angles = []
    for axis, (count, fastest) in enumerate(zip(share, (6.0, 3.0, 3.0))):
        rates = fastest * (1 / 40) ** (torch.arange(count, device=positions.device) / count)
        angles.append(positions[..., axis, None] * rates)
    angle = torch.cat(angles, -1)[:, None]
    return angle.cos(), angle.sin()


def _turn(x: torch.Tensor, rotation: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    cos, sin = rotation
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)
