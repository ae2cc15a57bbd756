"""`kling train previz`: train the embedded model, from nothing or from where the last run stopped.

Needs only torch, numpy and safetensors. One run renders its own excerpts, trains the transformer on them, then the
refiner, and leaves `previz.safetensors` (what ships) and `checkpoint.safetensors` (what the next run resumes from).
Where there is no checkpoint yet, a run that resumes begins with the weights that ship.
"""

from __future__ import annotations

import copy
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from kling_core.previz.audio_codec import AudioCodec
from kling_core.previz.collage import with_pictures
from kling_core.previz.training import loss, provenance
from kling_core.previz.training.checkpoint import load_checkpoint, save_checkpoint
from kling_core.previz.training.dataset import Buffer, fill
from kling_core.previz.training.muon import Muon
from kling_core.previz.training.refiner import train_refiner
from kling_core.previz.transformer import Config, PrevizTransformer
from kling_core.previz.video_vae import VideoVAE
from kling_core.previz.weights_file import load_weights, save_weights

RENDER_SHARE, REFINER_SHARE = 0.13, 0.1
BATCH, LEARNING_RATE = 8, 2.5e-3
_CHECKPOINT_SECONDS = 240
_DEFAULT = Config()
_PROBE = 48


def main(minutes: float, device: str, out: str | Path, resume: bool = False, config: Config = _DEFAULT) -> Path:
    """Train for about `minutes` on "cpu", "cuda" or "auto" and write into folder `out`. Returns the weights file."""
    started = time.monotonic()
    device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    run = Run(out, device, config, resume)
    workers = max(1, os.cpu_count() or 1)
    # As many excerpts as the training can use about six times each, and as the render time allows.
    buffer = fill(
        run.seed,
        people=max(60, min(600, int(minutes * 10))),
        count=int(minutes * 60),
        minutes=minutes * RENDER_SHARE,
        vae=run.vae,
        codec=run.codec,
        workers=workers,
        frames=int(min(600, minutes * 8)),
        report=run.report,
    )
    torch.set_num_threads(workers)
    run.train(buffer, started + minutes * 60 * (1 - REFINER_SHARE))
    train_refiner(run.vae, run.average, buffer, started + minutes * 60, device, run.report)
    save_checkpoint(out / "checkpoint.safetensors", run)
    path = save_weights(out / "previz.safetensors", run.average, run.vae, run.codec, run.history)
    run.report(f"wrote {path}")
    return path


class Run:
    """The state of a training: networks, optimisers, averages and the history of all runs so far."""

    def __init__(self, out: Path, device: torch.device, config: Config, resume: bool):
        self.out, self.device = out, device
        self.history: list[dict] = []
        self.steps = 0
        checkpoint = out / "checkpoint.safetensors"
        torch.manual_seed(0)
        if resume and not checkpoint.exists():
            self._begin_with_shipped_weights()
        else:
            saved = load_checkpoint(checkpoint) if resume else None
            self.vae, self.codec = VideoVAE(), AudioCodec()
            self.model = PrevizTransformer(saved.config if saved else config).to(device)
            self.average = copy.deepcopy(self.model)
            self.optimisers = _optimisers(self.model)
            if saved:
                saved.restore(self)
        self.seed = 1000 + len(self.history)
        self.history.append({
            "seed": self.seed, "code": provenance.code(), "machine": provenance.machine(device),
            "steps": 0, "samples": 0,
        })  # fmt: skip

    def _begin_with_shipped_weights(self) -> None:
        model, vae, self.codec, about = load_weights()
        self.average = model.to(self.device)
        self.model, self.vae = copy.deepcopy(self.average).requires_grad_(True), vae.requires_grad_(True)
        self.optimisers = _optimisers(self.model)
        self.history = about["history"]
        self.steps = sum(run["steps"] for run in self.history)

    def report(self, text: str) -> None:
        print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)
        with (self.out / "train.log").open("a", encoding="utf-8") as log:
            log.write(text + "\n")

    def train(self, buffer: Buffer, until: float) -> None:
        started, total = time.monotonic(), until - time.monotonic()
        predict = _compiled(loss.predict)
        generator = torch.Generator().manual_seed(self.seed)
        recent, saved_at, reported = [], started, 0.0
        probe = torch.arange(len(buffer))[-_PROBE:]  # held out of this run's batches
        while (now := time.monotonic()) < until:
            self._set_rate((now - started) / total)
            index = torch.randint(max(1, len(buffer) - _PROBE), (BATCH,), generator=generator)
            batch = buffer.batch(index, self.device)
            loss.drop_references(batch, generator)
            sigma = loss.noise_level(BATCH, generator)
            tokens, video_sigma = loss.tokens_at(batch, sigma, generator)
            video, audio = predict(self.model, tokens, batch["mask"])
            value = loss.flow_loss(video, audio, batch, sigma, video_sigma)
            for optimiser in self.optimisers:
                optimiser.zero_grad()
            value.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            for optimiser in self.optimisers:
                optimiser.step()
            self._average()
            self.history[-1]["steps"] += 1
            self.history[-1]["samples"] += BATCH
            recent.append(value.item())
            if (now - started) / total > reported:
                reported += 0.05
                self.report(
                    f"{(now - started) / 60:.1f} min, step {self.steps}, "
                    f"{len(recent) * BATCH / max(now - started, 1):.1f} samples/s"
                    f", loss {sum(recent[-200:]) / len(recent[-200:]):.4f}"
                    f", {self._binding(buffer, probe)}"
                )
            if now - saved_at > _CHECKPOINT_SECONDS:
                saved_at = now
                save_checkpoint(self.out / "checkpoint.safetensors", self)

    @torch.no_grad()
    def _binding(self, buffer: Buffer, index: torch.Tensor) -> str:
        """Error on people at nearly pure noise with the right, no, and somebody else's references: what binding is
        worth (previz.md: the gap of the training loss says nothing)."""
        errors = []
        for which in ("right", "none", "wrong"):
            batch = buffer.batch(index, self.device)
            if which == "none":
                batch["known"] = batch["known"] * 0
                batch["pasted"] = with_pictures(batch["pasted"], 0.0, 0.0)
            elif which == "wrong":
                batch["references"] = batch["references"].roll(1, 0)
                batch["pasted"] = batch["pasted"].roll(1, 0)
            tokens, _ = loss.tokens_at(batch, torch.full((len(index),), 0.98), torch.Generator().manual_seed(3))
            video, _ = loss.predict(self.average, tokens, batch["mask"])
            person = batch["wears"].amax(-1) > 0
            errors.append((((video - batch["video"]) ** 2).mean(-1))[person].mean().item())
        return "people right/none/wrong " + "/".join(f"{error:.3f}" for error in errors)

    def _set_rate(self, share: float) -> None:
        """Warm up over 80 steps, hold, decay to nothing over the last 45 % of the run."""
        rate = LEARNING_RATE * min(1.0, (self.history[-1]["steps"] + 1) / 80) * min(1.0, (1 - share) / 0.45) + 1e-6
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate

    def _average(self) -> None:
        self.steps += 1
        weight = 1 - min(0.998, (self.steps + 1) / (self.steps + 20))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), weight)


def _optimisers(model: PrevizTransformer) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for everything else."""
    matrices = [p for name, p in model.blocks.named_parameters() if p.dim() == 2]
    chosen = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    return [
        Muon(matrices, lr=LEARNING_RATE),
        torch.optim.AdamW(rest, lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def _compiled(function: Callable) -> Callable:
    """Compiled where a C++ compiler is at hand: nearly twice as fast on a CPU, after a minute of compiling."""
    if sys.platform == "win32" or not (shutil.which("c++") or shutil.which("g++")):
        return function
    return torch.compile(function)
