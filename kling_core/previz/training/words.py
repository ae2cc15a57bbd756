"""Train the director's text encoder (`storyboard.encoder`) on sentences made of the tables of `storyboard.wordings`.

Twice: first without a sixth of the wordings of every label, to measure on sentences with those how far the encoder
generalises to words it has never seen; then on all of them, which is what ships. Minutes on one core.
"""

from __future__ import annotations

import json
import random
import time
import zlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from kling_core.atomic import replacing
from kling_core.previz.training import provenance
from kling_core.previz.training.sentences import FIELDS, IGNORED, SentenceMaker
from kling_core.storyboard.encoder import features
from kling_core.storyboard.wordings import LANGUAGES

FILE_NAME = "words.safetensors"
_ROWS, _WIDTH, _HIDDEN = 12288, 32, 128
SENTENCES = 40_000
_BATCH, _EPOCHS, _RATE = 256, 4, 3e-2
_LONGEST, _DROPPED = 180, 0.2
_TESTED = 1500


class _Network(nn.Module):
    """Rows of n-grams [B, N, 2], -1 for none, to logits of every field [B, labels]."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(_ROWS, _WIDTH) * 0.1)
        self.hidden = nn.Linear(_WIDTH, _HIDDEN)
        self.heads = nn.ModuleDict({field: nn.Linear(_HIDDEN, len(labels)) for field, labels in FIELDS.items()})

    def forward(self, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        there = (rows >= 0).float()
        total = F.embedding_bag(
            rows.clamp(min=0).flatten(1), self.table, mode="sum", per_sample_weights=there.flatten(1)
        )
        hidden = F.relu(self.hidden(total / there[..., 0].sum(1, keepdim=True).clamp(min=1).sqrt()))
        return {field: head(hidden) for field, head in self.heads.items()}


@dataclass(frozen=True)
class _Sentences:
    """rows: n-grams [S, N, 2], -1 for none. labels: [S, fields]."""

    rows: torch.Tensor
    labels: torch.Tensor


def main(out: Path, seed: int = 0, sentences: int = SENTENCES, report: Callable[[str], None] = print) -> Path:
    """Trains, measures and writes DIR/words.safetensors. Deterministic for a seed on one machine.

    sentences: how many of each language to learn from.
    """
    torch.set_num_threads(1)
    started = time.monotonic()
    without = _sentences(lambda wording: not is_held_out(wording), sentences, seed)
    held_out = _measure(_train(without, seed, report), seed)
    for language, scores in held_out.items():
        listed = ", ".join(f"{field} {score:.2f}" for field, score in scores.items())
        report(f"held-out wordings, {language}: {listed}")
    network = _train(_sentences(lambda wording: True, sentences, seed), seed, report)
    about = {
        "labels": FIELDS, "held_out_accuracy": held_out, "seed": seed, "code": provenance.code(),
        "sentences": sentences * len(LANGUAGES), "steps": _steps(sentences * len(LANGUAGES)),
        "machine": provenance.machine(), "seconds": round(time.monotonic() - started),
    }
    out.mkdir(parents=True, exist_ok=True)
    path = out / FILE_NAME
    _save(network, path, about)
    report(f"{path}: {path.stat().st_size / 1000:.0f} KB")
    return path


def is_held_out(wording: str) -> bool:
    """Whether the first training does without a wording (language, field, label and the wording itself)."""
    return zlib.crc32(wording.encode()) % 6 == 0


def _steps(sentences: int) -> int:
    return _EPOCHS * (sentences // _BATCH)


def _train(sentences: _Sentences, seed: int, report: Callable[[str], None]) -> _Network:
    torch.manual_seed(seed)
    network, steps = _Network(), _steps(len(sentences.rows))
    optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps, pct_start=0.1)
    network.train()
    total, step = 0.0, 0
    for _ in range(_EPOCHS):
        order = torch.randperm(len(sentences.rows))
        for start in range(0, len(order) - _BATCH + 1, _BATCH):
            index = order[start: start + _BATCH]
            rows, labels = sentences.rows[index].long(), sentences.labels[index]
            rows = rows[:, : (rows[..., 0] >= 0).sum(1).max()]
            rows = rows.masked_fill((torch.rand(rows.shape[:2]) < _DROPPED).unsqueeze(-1), -1)
            loss = _loss(network(rows), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            step += 1
            total += loss.item()
            if step % 500 == 0:
                report(f"step {step} of {steps}: loss {total / 500:.3f}")
                total = 0.0
    return network.eval()


def _loss(logits: dict[str, torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
    return sum(
        F.cross_entropy(logits[field], labels[:, at], ignore_index=IGNORED, label_smoothing=0.02)
        for at, field in enumerate(FIELDS)
    )


def _sentences(wanted: Callable[[str], bool], count: int, seed: int) -> _Sentences:
    """`count` sentences of every language, of wanted wordings."""
    rows = np.full((count * len(LANGUAGES), _LONGEST, 2), -1, np.int16)
    labels = np.zeros((len(rows), len(FIELDS)), np.int64)
    for number, language in enumerate(LANGUAGES):
        maker = SentenceMaker(language, wanted, random.Random(f"{seed} {language}"))
        for at in range(number * count, (number + 1) * count):
            text, labels[at] = maker.sentence()
            found = features(text, _ROWS)[:_LONGEST]
            rows[at, : len(found)] = found
    return _Sentences(torch.from_numpy(rows), torch.from_numpy(labels))


@torch.no_grad()
def _measure(network: _Network, seed: int) -> dict[str, dict[str, float]]:
    """Accuracy a language and field, on sentences whose words of that field were all held out."""
    scores: dict[str, dict[str, float]] = {}
    for language in LANGUAGES:
        right: dict[str, list[bool]] = defaultdict(list)
        maker = SentenceMaker(language, is_held_out, random.Random(f"{seed} {language} held out"))
        for _ in range(_TESTED):
            text, labels = maker.sentence()
            rows = features(text, _ROWS)
            if not len(rows):
                continue
            logits = network(torch.from_numpy(rows)[None])
            for (field, values), label in zip(logits.items(), labels):
                if label not in (IGNORED, 0):
                    right[field].append(values.argmax().item() == label)
        scores[language] = {field: round(float(np.mean(right[field])), 3) for field in FIELDS if right[field]}
    return scores


def _save(network: _Network, path: Path, about: dict) -> None:
    """Atomically: the table in 8 bits with a scale a column, the rest in 16."""
    state = network.state_dict()
    table = state.pop("table")
    scale = table.abs().amax(0) / 127
    tensors = {"table": (table / scale).round().to(torch.int8), "scale": scale}
    tensors |= {key.removeprefix("heads."): value.half() for key, value in state.items()}
    with replacing(path) as draft:
        save_file({key: value.contiguous() for key, value in tensors.items()}, draft, {"about": json.dumps(about)})
