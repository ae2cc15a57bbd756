"""One training step's noise, dropout and loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from kling_core.previz.collage import with_pictures
from kling_core.previz.transformer import PrevizTransformer, Tokens

PERSON_WEIGHT, MOUTH_WEIGHT, AUDIO_WEIGHT = 2.0, 4.0, 0.3
_NOISE_CENTRE, _NOISE_SPREAD = 2.0, 1.3
_SMALLEST_SIGMA = 0.15
_REFERENCES_DROPPED, _VIEW_DROPPED, _KEPT_LATENT = 0.12, 0.1, 0.15
_VIEWS = torch.tensor([0] * 8 + [1] * 8 + [2] * 8 + [3] * 16)


def noise_level(count: int, generator: torch.Generator) -> torch.Tensor:
    """Noise levels in (0, 1), mostly high: films are sampled in a few steps that begin at 1, and low levels serve only
    pictures that are given and changed a little."""
    return torch.sigmoid(_NOISE_SPREAD * torch.randn(count, generator=generator) + _NOISE_CENTRE)


def drop_references(batch: dict[str, torch.Tensor], generator: torch.Generator) -> None:
    """Forget all references of a scene, or single views, so that guidance works and one picture is enough."""
    known = batch["known"]
    scenes = (torch.rand(len(known), 1, 1, generator=generator) >= _REFERENCES_DROPPED).float()
    views = (torch.rand(*known.shape[:2], 4, generator=generator) >= _VIEW_DROPPED).float()
    batch["known"] = known * (views[:, :, _VIEWS] * scenes).to(known.device)
    batch["pasted"] = with_pictures(batch["pasted"], 0.0, scenes.to(known.device))


def tokens_at(
    batch: dict[str, torch.Tensor], sigma: torch.Tensor, generator: torch.Generator
) -> tuple[Tokens, torch.Tensor]:
    """The batch with noise of level sigma [B] on its video and ambience, and the video tokens' own levels [B, Nv].

    Speech, text and references are always clean, and now and then a whole latent is: that is what first frames,
    retakes and given pictures are made of.
    """
    video, audio = batch["video"], batch["audio"]
    device = video.device
    count, width = len(video), audio.shape[1] // 2
    sigma = sigma.to(device)
    kept = (torch.rand(count, 1, generator=generator) < _KEPT_LATENT).to(device) & (batch["latent"] == 0)
    video_sigma = torch.where(kept, torch.zeros_like(sigma)[:, None], sigma[:, None])
    audio_sigma = sigma[:, None] * batch["track"].float()
    noise = torch.randn(video.shape, generator=generator).to(device)
    audio_noise = torch.randn(audio.shape, generator=generator).to(device)
    clean = torch.zeros(count, batch["mask"].shape[-1] - video.shape[1] - 2 * width, dtype=torch.long, device=device)
    tokens = Tokens(
        text=batch["text"],
        references=batch["references"],
        known=batch["known"],
        audio=torch.lerp(audio, audio_noise, audio_sigma[..., None]),
        video=torch.lerp(video, noise, video_sigma[..., None]),
        track=batch["track"][0],
        features=batch["features"],
        pasted=with_pictures(batch["pasted"], batch["surroundings"]),
        reads=batch["reads"],
        wears=batch["wears"],
        level=torch.stack([torch.zeros_like(sigma), sigma], 1),
        level_of=torch.cat([clean, (audio_sigma > 0).long(), (video_sigma > 0).long()], 1),
        positions=batch["positions"],
    )
    return tokens, video_sigma


def predict(model: PrevizTransformer, tokens: Tokens, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Clean video and audio; mask: [B, 1, N, N] bool, True where attention is allowed."""

    def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layer: int) -> torch.Tensor:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)

    return model(tokens, attention)


def flow_loss(
    video: torch.Tensor,
    audio: torch.Tensor,
    batch: dict[str, torch.Tensor],
    sigma: torch.Tensor,
    video_sigma: torch.Tensor,
) -> torch.Tensor:
    """Error of the clean prediction, weighted so that the network's own output counts the same at every noise level
    (EDM, Karras et al. 2022: 1 / c_out^2); people and mouths weighted up, kept tokens left out."""
    sigma = sigma.to(video.device)
    weight = 1 + PERSON_WEIGHT * batch["wears"].amax(-1) + MOUTH_WEIGHT * batch["mouth"]
    weight = weight * (video_sigma > 0)
    scale = ((1 - sigma) ** 2 + sigma**2) / sigma.clamp(min=_SMALLEST_SIGMA) ** 2
    loss = (((video - batch["video"]) ** 2).mean(-1) * weight).mean(1)
    ambience = batch["track"].float()
    loss = loss + AUDIO_WEIGHT * (((audio - batch["audio"]) ** 2).mean(-1) * ambience).mean(1)
    return (loss * scale).mean()
