"""Train the decoder's refiner against true renders: on what the transformer predicts, not only on clean latents."""

from __future__ import annotations

import time

import torch
import torch.nn.functional as F

from kling_core.previz.training import loss
from kling_core.previz.training.dataset import Buffer
from kling_core.previz.transformer import PrevizTransformer
from kling_core.previz.video_vae import VideoVAE
from kling_core.previz.world import GRID

_RATE, _BATCH, _PREDICT = 2e-3, 2, 16


def train_refiner(
    vae: VideoVAE, model: PrevizTransformer, buffer: Buffer, until: float, device: torch.device, report
) -> None:
    """Train `vae.refiner` until `until` (monotonic seconds), then report its PSNR against the bicubic base."""
    if not buffer.frames:
        return
    started, total = time.monotonic(), max(1.0, until - time.monotonic())
    vae.to(device)
    generator = torch.Generator().manual_seed(5)
    shots = [
        shot
        for start in range(0, len(buffer.wide), _PREDICT)
        for shot in _predicted(buffer, buffer.wide[start : start + _PREDICT], vae, model, device, generator)
    ]
    targets = [
        frames for number in range(len(buffer.frames)) for frames in buffer.frames[number].split(GRID.frames_per_latent)
    ]
    held = max(2, len(shots) // 20)
    optimiser = torch.optim.AdamW(vae.refiner.parameters(), _RATE, weight_decay=0.0)
    report(f"refiner: {len(shots)} pieces prepared in {time.monotonic() - started:.0f} s")
    while (now := time.monotonic()) < until:
        for group in optimiser.param_groups:
            group["lr"] = _RATE * (1 - (now - started) / total) + 1e-5
        optimiser.zero_grad()
        for number in torch.randint(len(shots) - held, (_BATCH,), generator=generator).tolist():
            target = targets[number].to(device).float() / 127.5 - 1
            error = vae.refiner(shots[number].float()) - target
            ((error.abs().mean() + 2 * error.square().mean()) / _BATCH).backward()
        optimiser.step()
    with torch.no_grad():
        before, after = _quality(vae, shots[-held:], targets[-held:], device)
    report(f"refiner: held-out PSNR {before:.2f} dB before, {after:.2f} dB after")
    vae.cpu()


@torch.no_grad()
def _predicted(buffer, numbers, vae, model, device, generator) -> list[torch.Tensor]:
    """Latents of some excerpts as the model predicts them from a random noise level, decoded without refiner: one
    piece [4, 3, H, W] a latent."""
    index = torch.tensor(numbers)
    batch = buffer.batch(index, device)
    sigma = torch.rand(len(index), generator=generator) * 0.75
    tokens, _ = loss.tokens_at(batch, sigma, generator)
    video, _ = loss.predict(model, tokens, batch["mask"])
    pieces = []
    for sample, predicted in enumerate(video):
        latents = _unpack(predicted, buffer, int(index[sample]))
        pieces += [vae.decode_linear(latent[None]).half() for latent in latents]
    return pieces


def _unpack(video: torch.Tensor, buffer: Buffer, number: int) -> torch.Tensor:
    """[L, R, C, 128] in picture order."""
    rows, columns = GRID.tokens_per_latent("16:9")
    order = buffer.stacked["order"][number].long().to(video.device)
    unpacked = torch.empty_like(video)
    unpacked[order] = video
    return unpacked.view(-1, rows, columns, video.shape[-1])


def _quality(vae: VideoVAE, shots: list[torch.Tensor], targets: list[torch.Tensor], device) -> tuple[float, float]:
    def decibels(error: torch.Tensor) -> float:
        return float(10 * torch.log10(4 / error.square().mean()))

    truth = torch.cat(targets).to(device).float() / 127.5 - 1
    plain = F.interpolate(torch.cat(shots).float(), scale_factor=2, mode="bicubic", align_corners=False)
    refined = torch.cat([vae.refiner(shot.float()) for shot in shots])
    return decibels(plain - truth), decibels(refined - truth)
