"""Train the decoder's refiner against true renders, on latents as the transformer makes them."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

from kling_core.previz.training import loss
from kling_core.previz.training.dataset import Buffer
from kling_core.previz.transformer import PrevizTransformer
from kling_core.previz.video_vae import VideoVAE
from kling_core.previz.world import GRID, UPSCALE

_RATE, _BATCH, _PREDICT, _EDGE_WEIGHT = 1e-3, 8, 16, 1.0
_NOISE = 0.25, 0.8  # levels that scenes are predicted from; above, they have little to do with the true render


def train_refiner(
    vae: VideoVAE,
    model: PrevizTransformer,
    buffer: Buffer,
    until: float,
    device: torch.device,
    report: Callable[[str], None],
) -> None:
    """Train `vae.refiner` until `until` (monotonic seconds), then report its PSNR against the bicubic base."""
    if not buffer.frames:
        return
    started = time.monotonic()
    vae.to(device)
    generator = torch.Generator().manual_seed(5)
    latents = torch.cat([
        _predicted(buffer, buffer.wide[start : start + _PREDICT], model, device, generator)
        for start in range(0, len(buffer.wide), _PREDICT)
    ])
    before = _before(latents, buffer)
    frames = torch.stack(buffer.frames).unflatten(1, (latents.shape[1], GRID.frames_per_latent))
    held = max(2, len(latents) // 20)
    optimiser = torch.optim.AdamW(vae.refiner.parameters(), _RATE, weight_decay=0.0)
    report(f"refiner: {len(latents)} excerpts prepared in {time.monotonic() - started:.0f} s")
    started, total, steps = time.monotonic(), max(1.0, until - time.monotonic()), 0
    while (now := time.monotonic()) < until:
        for group in optimiser.param_groups:
            group["lr"] = _RATE * min(1.0, 2 * (1 - (now - started) / total)) + 1e-6
        index = torch.randint(len(latents) - held, (_BATCH // latents.shape[1],), generator=generator)
        error = _error(vae, latents[index], before[index], frames[index], device)
        optimiser.zero_grad()
        (error.abs().mean() + _EDGE_WEIGHT * _edges(error)).backward()
        torch.nn.utils.clip_grad_norm_(vae.refiner.parameters(), 1.0)
        optimiser.step()
        steps += 1
    with torch.no_grad():
        before, after = _quality(vae, latents[-held:], before[-held:], frames[-held:], device)
    report(f"refiner: {steps} steps, held-out PSNR {before:.2f} dB before, {after:.2f} dB after")
    vae.cpu()


@torch.no_grad()
def _predicted(
    buffer: Buffer, numbers: list[int], model: PrevizTransformer, device: torch.device, generator: torch.Generator
) -> torch.Tensor:
    """Latents [B, L, R, C, 128] of some excerpts as sampling leaves them: predicted from noise, and again from that."""
    index = torch.tensor(numbers)
    batch = buffer.batch(index, device)
    low, high = _NOISE
    sigma = low + torch.rand(len(index), generator=generator) * (high - low)
    for level in (sigma, sigma / 2):
        tokens, _ = loss.tokens_at(batch, level, generator)
        batch["video"], _ = loss.predict(model, tokens, batch["mask"])
    rows, columns = GRID.tokens_per_latent("16:9")
    order = buffer.stacked["order"][index].long().to(device)[..., None].expand_as(batch["video"])
    unpacked = torch.empty_like(batch["video"]).scatter_(1, order, batch["video"])
    return unpacked.unflatten(1, (-1, rows, columns)).cpu()


def _before(latents: torch.Tensor, buffer: Buffer) -> torch.Tensor:
    """What precedes each latent [B, L, R, C, 128]: its neighbour where an excerpt shows two in a row, else itself."""
    times = buffer.stacked["positions"][buffer.wide, -len(buffer.stacked["order"][0]) :, 0]
    step = GRID.frames_per_latent / GRID.fps
    in_a_row = ((times.amax(1) - times.amin(1) - step).abs() < step / 100).view(-1, 1, 1, 1, 1)
    return torch.where(in_a_row, torch.cat([latents[:, :1], latents[:, :-1]], 1), latents)


def _error(
    vae: VideoVAE, latents: torch.Tensor, before: torch.Tensor, frames: torch.Tensor, device: torch.device
) -> torch.Tensor:
    """Refined minus true frames [4 B L, 3, H, W]. frames: uint8 [B, L, 4, 3, H, W]."""
    latents = latents.flatten(0, 1).to(device)
    refined = vae.refiner(latents, before.flatten(0, 1).to(device), vae.decode_linear(latents))
    return refined - frames.flatten(0, 2).to(device).float() / 127.5 + 1


def _edges(error: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of horizontal and vertical differences: blur costs, and so do seams."""
    return error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()


def _quality(
    vae: VideoVAE, latents: torch.Tensor, before: torch.Tensor, frames: torch.Tensor, device: torch.device
) -> tuple[float, float]:
    """PSNR in dB of the bicubic base and of the refined frames."""
    base = vae.decode_linear(latents.flatten(0, 1).to(device))
    base = F.interpolate(base, scale_factor=UPSCALE, mode="bicubic", align_corners=False)
    truth = frames.flatten(0, 2).to(device).float() / 127.5 - 1
    errors = (base - truth, _error(vae, latents, before, frames, device))
    return tuple(float(10 * torch.log10(4 / error.square().mean())) for error in errors)
