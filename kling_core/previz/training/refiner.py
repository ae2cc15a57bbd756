"""Train the decoder's refiner against true renders, on latents as the transformer makes them."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from kling_core.previz.refiner import enlarged
from kling_core.previz.training import loss
from kling_core.previz.training.dataset import Buffer
from kling_core.previz.transformer import PrevizTransformer
from kling_core.previz.video_vae import VideoVAE
from kling_core.previz.world import GRID

_RATE, _BATCH, _PREDICT, _EDGE_WEIGHT, _UNDRESSED = 1e-3, 4, 16, 1.0, 0.1
_WINDOW = 6, 8  # tokens, rows and columns: what is learned is local; many small pieces teach more than few frames
_NOISE = 0.25, 0.8  # levels that scenes are predicted from; above, they have little to do with the true render


def train_refiner(
    vae: VideoVAE,
    model: PrevizTransformer,
    buffer: Buffer,
    until: float,
    device: torch.device,
    report: Callable[[str], None],
) -> None:
    """Train `vae.refiner` until `until` (monotonic seconds), then report its PSNR beside that of plain enlargement."""
    if not buffer.frames:
        return
    started = time.monotonic()
    vae.to(device)
    generator = torch.Generator().manual_seed(5)
    latents = torch.cat([
        _predicted(buffer, buffer.fine[start : start + _PREDICT], model, device, generator)
        for start in range(0, len(buffer.fine), _PREDICT)
    ])
    before = _before(latents, buffer)
    frames, collages = torch.stack(buffer.frames), torch.stack(buffer.collages)
    held = max(2, len(latents) // 20)
    optimiser = torch.optim.AdamW(vae.refiner.parameters(), _RATE, weight_decay=0.0)
    report(f"refiner: {len(latents)} excerpts prepared in {time.monotonic() - started:.0f} s")
    started, total, steps = time.monotonic(), max(1.0, until - time.monotonic()), 0
    while (now := time.monotonic()) < until:
        for group in optimiser.param_groups:
            group["lr"] = _RATE * min(1.0, 2 * (1 - (now - started) / total)) + 1e-6
        index = torch.randint(len(latents) - held, (_BATCH,), generator=generator)
        bare = torch.rand(len(index), generator=generator) < _UNDRESSED
        pictures = frames[index], _undressed(collages[index], bare)
        error = _error(vae, *_window(latents[index], before[index], *pictures, generator), device)
        optimiser.zero_grad()
        (error.abs().mean() + _EDGE_WEIGHT * _edges(error)).backward()
        torch.nn.utils.clip_grad_norm_(vae.refiner.parameters(), 1.0)
        optimiser.step()
        steps += 1
    with torch.no_grad():
        before, after = _quality(vae, latents[-held:], before[-held:], frames[-held:], collages[-held:], device)
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
    times = buffer.stacked["positions"][buffer.fine, -len(buffer.stacked["order"][0]) :, 0]
    step = GRID.frames_per_latent / GRID.fps
    in_a_row = ((times.amax(1) - times.amin(1) - step).abs() < step / 100).view(-1, 1, 1, 1, 1)
    return torch.where(in_a_row, torch.cat([latents[:, :1], latents[:, :-1]], 1), latents)


def _window(
    latents: torch.Tensor,
    before: torch.Tensor,
    frames: torch.Tensor,
    collages: torch.Tensor,
    generator: torch.Generator,
) -> tuple[torch.Tensor, ...]:
    """The same random piece of all four."""
    sizes = zip(latents.shape[2:], _WINDOW)
    low = [int(torch.randint(size - part + 1, (), generator=generator)) for size, part in sizes]

    def cut(picture: torch.Tensor) -> torch.Tensor:
        scale = picture.shape[-1] // latents.shape[3]
        rows, columns = (slice(at * scale, (at + part) * scale) for at, part in zip(low, _WINDOW))
        return picture[..., rows, columns]

    rows, columns = (slice(at, at + part) for at, part in zip(low, _WINDOW))
    return latents[:, :, rows, columns], before[:, :, rows, columns], cut(frames), cut(collages)


def _undressed(collages: torch.Tensor, bare: torch.Tensor) -> torch.Tensor:
    """Collages [B, 8, 8, H, W] without people's pictures where `bare` [B] says so."""
    dressed = torch.ones_like(collages[:, :1, :, :1, :1])
    dressed[bare, :, :3] = 0
    return collages * dressed


def _error(
    vae: VideoVAE,
    latents: torch.Tensor,
    before: torch.Tensor,
    frames: torch.Tensor,
    collages: torch.Tensor,
    device: torch.device,
) -> torch.Tensor:
    """Refined minus true frames [4 B L, 3, H, W]. frames: uint8 [B, 4 L, 3, H, W]; collages: int8 [B, 4 L, 8, H, W]."""
    latents = latents.flatten(0, 1).to(device)
    collages = collages.flatten(0, 1).to(device).float() / 127
    refined = vae.refiner(latents, before.flatten(0, 1).to(device), vae.decode_linear(latents), collages)
    return refined - frames.flatten(0, 1).to(device).float() / 127.5 + 1


def _edges(error: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of horizontal and vertical differences: blur costs, and so do seams."""
    return error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()


def _quality(
    vae: VideoVAE,
    latents: torch.Tensor,
    before: torch.Tensor,
    frames: torch.Tensor,
    collages: torch.Tensor,
    device: torch.device,
) -> tuple[float, float]:
    """PSNR in dB of the enlarged and of the refined frames, one excerpt at a time."""
    errors = []
    for at in range(len(latents)):
        one = slice(at, at + 1)
        base = enlarged(vae.decode_linear(latents[at].to(device)), collages[at].to(device).float() / 127)
        truth = frames[at].to(device).float() / 127.5 - 1
        refined = _error(vae, latents[one], before[one], frames[one], collages[one], device)
        errors.append(((base - truth).square().mean(), refined.square().mean()))
    return tuple(float(10 * torch.log10(4 / torch.stack(kind).mean())) for kind in zip(*errors))
