"""Train the decoder's refiner against true renders, on latents as the transformer makes them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from kling_core.previz.refiner import enlarged
from kling_core.previz.training import loss
from kling_core.previz.training.dataset import Buffer
from kling_core.previz.transformer import PrevizTransformer
from kling_core.previz.video_vae import VideoVAE
from kling_core.previz.world import GRID

_RATE, _BATCH, _PREDICT, _EDGE_WEIGHT, _UNDRESSED = 1e-3, 4, 16, 1.0, 0.1
_WINDOW = 6, 8  # tokens, rows and columns: what is learned is local; many small pieces teach more than few frames
LEVELS = (1.0,)  # the noise levels at which films are predicted, by the backbone's default settings


@dataclass(frozen=True)
class Samples:
    """B excerpts, or equal pieces of them: L latents as sampling leaves them, what precedes each, and true pictures.

    latents, before: [B, L, R, C, 128]; frames: uint8 [B, 4 L, 3, 32 R, 32 C]; collages: int8 [B, 4 L, 14, 32 R, 32 C]
    (127 = 1).
    """

    latents: torch.Tensor
    before: torch.Tensor
    frames: torch.Tensor
    collages: torch.Tensor

    def __len__(self) -> int:
        return len(self.latents)

    def __getitem__(self, index: torch.Tensor | slice) -> Samples:
        return Samples(self.latents[index], self.before[index], self.frames[index], self.collages[index])

    def window(self, generator: torch.Generator) -> Samples:
        """The same random piece of all four."""
        sizes = zip(self.latents.shape[2:], _WINDOW)
        low = [int(torch.randint(size - part + 1, (), generator=generator)) for size, part in sizes]
        rows, columns = (slice(at, at + part) for at, part in zip(low, _WINDOW))

        def cut(picture: torch.Tensor) -> torch.Tensor:
            scale = picture.shape[-1] // self.latents.shape[3]
            rows, columns = (slice(at * scale, (at + part) * scale) for at, part in zip(low, _WINDOW))
            return picture[..., rows, columns]

        return Samples(
            self.latents[:, :, rows, columns], self.before[:, :, rows, columns], cut(self.frames), cut(self.collages)
        )

    def undressed(self, bare: torch.Tensor) -> Samples:
        """Without people's pictures in the collages where `bare` [B] says so."""
        dressed = torch.ones_like(self.collages[:, :1, :, :1, :1])
        dressed[bare, :, :3] = 0
        return replace(self, collages=self.collages * dressed)

    def truth(self, device: torch.device) -> torch.Tensor:
        """[4 B L, 3, H, W] in [-1, 1]."""
        return self.frames.flatten(0, 1).to(device).float() / 127.5 - 1

    def guide(self, device: torch.device) -> torch.Tensor:
        """[4 B L, 14, H, W]"""
        return self.collages.flatten(0, 1).to(device).float() / 127

    def refined(self, vae: VideoVAE, device: torch.device) -> torch.Tensor:
        """[4 B L, 3, H, W] as the refiner makes them."""
        latents, before = (each.flatten(0, 1).to(device) for each in (self.latents, self.before))
        return vae.refiner(latents, before, vae.decode_linear(latents), self.guide(device))


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
    samples = _samples(buffer, model, device, generator)
    held = max(2, len(samples) // 20)
    optimiser = torch.optim.AdamW(vae.refiner.parameters(), _RATE, weight_decay=0.0)
    report(f"refiner: {len(samples)} excerpts prepared in {time.monotonic() - started:.0f} s")
    started, total, steps = time.monotonic(), max(1.0, until - time.monotonic()), 0
    while (now := time.monotonic()) < until:
        for group in optimiser.param_groups:
            group["lr"] = _RATE * min(1.0, 2 * (1 - (now - started) / total)) + 1e-6
        index = torch.randint(len(samples) - held, (_BATCH,), generator=generator)
        bare = torch.rand(len(index), generator=generator) < _UNDRESSED
        piece = samples[index].undressed(bare).window(generator)
        error = piece.refined(vae, device) - piece.truth(device)
        optimiser.zero_grad()
        (error.abs().mean() + _EDGE_WEIGHT * _edges(error)).backward()
        torch.nn.utils.clip_grad_norm_(vae.refiner.parameters(), 1.0)
        optimiser.step()
        steps += 1
    with torch.no_grad():
        before, after = _quality(vae, samples[-held:], device)
    report(f"refiner: {steps} steps, held-out PSNR {before:.2f} dB before, {after:.2f} dB after")
    vae.cpu()


def _samples(
    buffer: Buffer, model: PrevizTransformer, device: torch.device, generator: torch.Generator
) -> Samples:
    """Everything that the buffer keeps for the refiner."""
    latents = torch.cat([
        _predicted(buffer, buffer.fine[start : start + _PREDICT], model, device, generator)
        for start in range(0, len(buffer.fine), _PREDICT)
    ])
    return Samples(latents, _before(latents, buffer), torch.stack(buffer.frames), torch.stack(buffer.collages))


@torch.no_grad()
def _predicted(
    buffer: Buffer, numbers: list[int], model: PrevizTransformer, device: torch.device, generator: torch.Generator
) -> torch.Tensor:
    """Latents [B, L, R, C, 128] of some excerpts as sampling leaves them."""
    index = torch.tensor(numbers)
    batch = buffer.batch(index, device)
    for level in LEVELS:
        tokens, _ = loss.tokens_at(batch, torch.full((len(index),), level), generator)
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


def _edges(error: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of horizontal and vertical differences: blur costs, and so do seams."""
    return error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()


def _quality(vae: VideoVAE, samples: Samples, device: torch.device) -> tuple[float, float]:
    """PSNR in dB of the enlarged and of the refined frames, one excerpt at a time."""
    errors = []
    for at in range(len(samples)):
        one = samples[at : at + 1]
        truth = one.truth(device)
        plain = enlarged(vae.decode_linear(one.latents[0].to(device)), one.guide(device))
        errors.append([(made - truth).square().mean() for made in (plain, one.refined(vae, device))])
    return tuple(float(10 * torch.log10(4 / torch.stack(kind).mean())) for kind in zip(*errors))
