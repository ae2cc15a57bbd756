"""`kling train reader`: train the stage's reader, from nothing or from where the last run stopped.

A run films random people with the stage first (each shot twice, as sharp or soft as films come), then trains, then
reads people with factor combinations that training never draws, and writes down how often it is wrong on them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from kling_core.plan.blocking import Blocking, block_shot
from kling_core.plan.plan import PlannedShot
from kling_core.previz.attributes import ATTRIBUTES, names_of
from kling_core.previz.reader import CROPS, HINTS, SHIPPED, Reader, ReaderNet, cut, hints
from kling_core.previz.sightings import Sighting, sightings
from kling_core.previz.stage.casting import random_look
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.scene import draw_shot
from kling_core.previz.training import provenance
from kling_core.previz.training.excerpts import random_shot
from kling_core.previz.world import GRID
from kling_core.storyboard.storyboard import PLACES, TIMES_OF_DAY

FILM_SHARE, EXAM_SECONDS = 0.48, 90.0
BATCH, LEARNING_RATE, WEIGHT_DECAY = 32, 2e-3, 0.02
EXAM_SEED, EXAM_SHOTS = 900, 100
_FRAMES = 2  # of a shot: the beginning and the end of its moves, of which some are made less than asked for
_NAMES = ("a", "b", "c")
_LARGEST = 4  # times GRID.sizes: the largest film that readers meet, 512 x 288
_HEADS = 32, 64  # pixels of a head's height in what is drawn for training
_SOFTEST = 0.5  # times what is drawn: the smallest film of it
_FILMS = 2  # of every scene drawn
_CONDITIONS = {"288": (4, False), "144": (2, False), "144 soft": (2, True)}
"""Film heights that the exam reads at: times GRID.sizes, and whether the film was blurred to half its resolution."""
_SIZES = {"wide": "wide", "full": "wide", "medium": "medium", "close": "close", "extreme close": "close"}


@dataclass(frozen=True)
class Scene:
    """A random shot, staged."""

    shot: PlannedShot
    blocking: Blocking
    looks: dict[str, Look]
    size: tuple[int, int]
    mouths: dict[str, np.ndarray]

    def draw(self, scale: float, supersampling: int) -> np.ndarray:
        """uint8 [F, H, W, 3], `scale` times `size`."""
        width, height = (round(side * scale) for side in self.size)
        drawn = draw_shot(
            self.shot, self.blocking, self.looks, self.mouths, width, height, supersampling=supersampling
        )
        return drawn.numpy()


def random_scene(rng: np.random.Generator, *, held_out: bool = False) -> Scene:
    """Somebody new in any place, at any hour, in any shot."""
    place, hour = str(rng.choice(PLACES)), str(rng.choice(TIMES_OF_DAY))
    shot = random_shot(rng, 0, _NAMES, place, hour, longest=_FRAMES)
    moving = shot.camera or any(one.verb not in ("stand", "talk", "sit") for one in shot.performances)
    camera = tuple(replace(move, amount=move.amount * rng.random()) if move.kind == "orbit" else move
                   for move in shot.camera)  # fmt: skip
    shot = replace(shot, stop=_FRAMES if moving else 1, camera=camera)
    width, height = GRID.sizes[str(rng.choice(("16:9", "9:16", "1:1"), p=(0.76, 0.12, 0.12)))]
    looks = {name: random_look(rng, held_out=held_out) for name in shot.subjects}
    heights = {name: look.height for name, look in looks.items()}
    blocking = block_shot(shot, GRID.fps, width / height, int(rng.integers(1 << 30)), heights)
    mouths = {one.subject: rng.random((shot.frames, 2)) for one in shot.performances if one.verb == "talk"}
    return Scene(shot, blocking, looks, (width, height), mouths)


@dataclass
class Samples:
    """What the network is trained on, in rows: its inputs, the distribution over the names of every attribute that is
    right [names], and which attributes count [attributes]."""

    crops: dict[str, list[Tensor]] = field(default_factory=lambda: {name: [] for name in CROPS})
    hints: list[Tensor] = field(default_factory=list)
    right: list[Tensor] = field(default_factory=list)
    counts: list[Tensor] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.hints)

    def add(self, frame: np.ndarray, seen: Sighting, look: Look) -> None:
        for name, crop in cut(frame, seen).items():
            self.crops[name].append(crop)
        right, counts = _answers(look, seen.shown)
        self.hints.append(hints(seen, frame.shape[0]))
        self.right.append(right)
        self.counts.append(counts)

    def stacked(self) -> dict[str, Tensor]:
        columns = {**self.crops, "hints": self.hints, "right": self.right, "counts": self.counts}
        return {name: torch.stack(column) for name, column in columns.items()}


def _answers(look: Look, shown: frozenset[str]) -> tuple[Tensor, Tensor]:
    names = names_of(look)
    right = [
        float(name in names.get(attribute, ())) / max(len(names.get(attribute, ())), 1)
        for attribute, all_names in ATTRIBUTES.items()
        for name in all_names
    ]
    counts = [float(attribute in names and attribute in shown) for attribute in ATTRIBUTES]
    return torch.tensor(right), torch.tensor(counts)


def film(seed: int, until: float, most: int, report: Callable[[str], None]) -> Samples:
    """Samples of random people until `until` (monotonic seconds), `most` at most and a batch at least. A seed means the
    same samples, as many as there are."""
    samples, number = Samples(), 0
    while len(samples) < BATCH or (time.monotonic() < until and len(samples) < most):
        rng = np.random.default_rng([seed, 4, number])
        scene = random_scene(rng)
        scale = _sharp_scale(scene, rng)
        frames = scene.draw(scale, supersampling=2)
        for _ in range(_FILMS):
            # Down to films of GRID's own size; who is large in them is not made smaller than a reader meets them.
            smaller = float(np.exp(rng.uniform(np.log(min(1.0, max(_SOFTEST, 1 / scale))), 0)))
            size = tuple(max(8, round(side * smaller)) for side in frames.shape[2:0:-1])
            pictures = [filmed(frame, size, rng) for frame in frames]
            for name, look in scene.looks.items():
                for seen in sightings(scene.shot, scene.blocking, name, size):
                    samples.add(pictures[seen.frame], _jittered(seen, rng), look)
        number += 1
        if number % 500 == 0:
            report(f"{number} shots, {len(samples)} samples")
    return samples


def _sharp_scale(scene: Scene, rng: np.random.Generator) -> float:
    """Times GRID.sizes at which a head is as large as crops can show, or somewhat less: large films of large heads are
    no sharper in them, and take long to draw."""
    tracks = scene.blocking.subjects
    head = max((float(np.median(track.head[:, 3] - track.head[:, 1])) for track in tracks), default=1.0)
    return float(np.clip(rng.uniform(*_HEADS) / (head * scene.size[1]), 0.5, _LARGEST))


def filmed(picture: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """The picture as some film of `size` (width, height) might have it: soft, with blocks of 8 x 8 pixels, noisy, and
    compressed, each more or less or not at all."""
    picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.6))
    if rng.random() < 0.3:
        blocks = cv2.resize(picture, (max(1, size[0] // 8), max(1, size[1] // 8)), interpolation=cv2.INTER_AREA)
        blocks = cv2.resize(blocks, size, interpolation=cv2.INTER_NEAREST)
        share = rng.uniform(0.1, 0.6)
        picture = cv2.addWeighted(picture, 1 - share, blocks, share, 0)
    if rng.random() < 0.4:
        noise = rng.normal(0, rng.uniform(1, 9), picture.shape)
        picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        written = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])[1]
        picture = cv2.imdecode(written, cv2.IMREAD_COLOR)
    return picture


def _jittered(seen: Sighting, rng: np.random.Generator) -> Sighting:
    """The person a little beside and a little larger or smaller than planned."""
    shift, scale = rng.normal(0, 0.03, 2), np.exp(rng.normal(0, 0.04))
    head_height, head_width = seen.head[3] - seen.head[1], seen.head[2] - seen.head[0]

    def moved(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        x, y = (box[0] + box[2]) / 2 + shift[0] * head_width, (box[1] + box[3]) / 2 + shift[1] * head_height
        half_width, half_height = (box[2] - box[0]) / 2 * scale, (box[3] - box[1]) / 2 * scale
        return x - half_width, y - half_height, x + half_width, y + half_height

    return replace(seen, head=moved(seen.head), body=moved(seen.body))


def train(
    net: ReaderNet, samples: Samples, seed: int, progress: Callable[[], float], report: Callable[[str], None]
) -> int:
    """Train until `progress` returns 1, from 0 on. Returns the number of steps."""
    columns = samples.stacked()
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps, reported, recent, order = 0, 0.0, [], torch.empty(0, dtype=torch.long)
    net.train().requires_grad_(True)
    while (share := progress()) < 1:
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * min(1.0, (steps + 1) / 100, 2 * (1 - share)) + 1e-6
        if len(order) < BATCH:
            order = torch.cat([order, torch.randperm(len(samples), generator=generator)])
        batch, order = {name: column[order[:BATCH]] for name, column in columns.items()}, order[BATCH:]
        crops, given = _varied(batch, generator)
        value = _loss(net(crops, given), batch["right"], batch["counts"])
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        steps += 1
        recent.append(value.item())
        if share > reported:
            reported += 0.1
            report(f"{share:.0%}, step {steps}, loss {np.mean(recent[-100:]):.3f}")
    net.eval().requires_grad_(False)
    return steps


def _until(stop: float) -> Callable[[], float]:
    """Progress from now (0) to `stop` (1), in monotonic seconds."""
    started = time.monotonic()
    total = max(stop - started, 1e-3)
    return lambda: (time.monotonic() - started) / total


def _loss(output: dict[str, Tensor], right: Tensor, counts: Tensor) -> Tensor:
    """Mean over the rows of the cross-entropies of all attributes that count."""
    parts = right.split([len(names) for names in ATTRIBUTES.values()], 1)
    entropies = torch.stack([-(part * output[name]).sum(1) for name, part in zip(ATTRIBUTES, parts)], 1)
    return (entropies * counts).sum() / len(right)


def _varied(batch: dict[str, Tensor], generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
    """Crops and hints, mirrored or not, a pixel or two aside, a little brighter or darker."""
    rows = len(batch["hints"])
    mirrored = torch.rand(rows, generator=generator) < 0.5
    turned = batch["hints"] * torch.tensor([-1.0] + [1.0] * (HINTS - 1))  # the sine of the facing
    given = torch.where(mirrored[:, None], turned, batch["hints"])
    gain = 1 + 0.05 * torch.randn(rows, 1, 1, 1, generator=generator)
    gain = gain * (1 + 0.02 * torch.randn(rows, 3, 1, 1, generator=generator))
    varied = {}
    for name in CROPS:
        crops = torch.where(mirrored[:, None, None, None], batch[name].flip(3), batch[name])
        aside = torch.randint(-2, 3, (2,), generator=generator).tolist()
        varied[name] = (torch.roll(crops, aside, (2, 3)).float() * gain).clamp(0, 255)
    return varied, given


def examine(reader: Reader, shots: int = EXAM_SHOTS, seed: int = EXAM_SEED) -> dict:
    """Read held-out people in true renders: share right and number read, by condition, shot size and attribute."""
    tally: dict[tuple[str, str, str], list[int]] = {}
    for number in range(shots):
        scene = random_scene(np.random.default_rng([seed, 5, number]), held_out=True)
        large = scene.draw(_LARGEST, supersampling=2)
        for condition, (scale, soft) in _CONDITIONS.items():
            size = tuple(side * scale for side in scene.size)
            frames = [_shrunk(frame, size, soft) for frame in large]
            for name, look in scene.looks.items():
                reading, names = reader.read(frames, sightings(scene.shot, scene.blocking, name, size)), names_of(look)
                for attribute, read in reading.names().items():
                    if attribute in names:
                        row = tally.setdefault((condition, _SIZES[scene.shot.size], attribute), [0, 0])
                        row[0] += read in names[attribute]
                        row[1] += 1
    return _shares(tally)


def _shrunk(frame: np.ndarray, size: tuple[int, int], soft: bool) -> np.ndarray:
    frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    if soft:
        half = cv2.resize(frame, (size[0] // 2, size[1] // 2), interpolation=cv2.INTER_AREA)
        frame = cv2.resize(half, size, interpolation=cv2.INTER_LINEAR)
    return frame


def _shares(tally: dict[tuple[str, str, str], list[int]]) -> dict:
    shares: dict = {}
    for (condition, size, attribute), (right, count) in sorted(tally.items()):
        for group in (size, "all"):
            row = shares.setdefault(condition, {}).setdefault(group, {}).setdefault(attribute, [0, 0])
            row[0] += right
            row[1] += count
    for sizes in shares.values():
        for attributes in sizes.values():
            right, count = np.sum(list(attributes.values()), 0)
            rows = {**attributes, "all attributes": (right, count)}
            attributes.update({name: [round(float(row[0] / row[1]), 4), int(row[1])] for name, row in rows.items()})
    return shares


def main(minutes: float, out: str | Path, resume: bool = False) -> Path:
    """Film, train and examine for about `minutes` on the CPU. Leaves `reader.safetensors` in folder `out`."""
    started = time.monotonic()
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "reader.safetensors"
    net, history = ReaderNet(), []
    if resume:
        before = Reader.load(path if path.exists() else SHIPPED)
        net, history = before.net, before.about["history"]
    seed = 6000 + len(history)
    torch.manual_seed(seed)

    def report(text: str) -> None:
        print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)
        with (out / "reader.log").open("a", encoding="utf-8") as log:
            log.write(text + "\n")

    seconds = minutes * 60
    exam = min(EXAM_SECONDS, seconds * 0.15)
    samples = film(seed, started + seconds * FILM_SHARE, most=60_000, report=report)
    report(f"{len(samples)} samples in {time.monotonic() - started:.0f} s")
    steps = train(net, samples, seed, _until(started + seconds - exam), report)
    history = [*history, {
        "seed": seed, "sightings": len(samples), "steps": steps, "samples": steps * BATCH, "minutes": minutes,
        "code": provenance.code(), "machine": provenance.machine(),
    }]  # fmt: skip
    reader = Reader(net, {"history": history})
    accuracy = examine(reader, shots=max(4, round(EXAM_SHOTS * exam / EXAM_SECONDS)))
    clean = [accuracy[condition]["all"]["all attributes"] for condition in ("288", "144")]
    error = 1 - sum(share * count for share, count in clean) / sum(count for _, count in clean)
    reader.about |= {"accuracy": accuracy, "error": round(error, 4), "exam seed": EXAM_SEED}
    reader.save(path)
    report(json.dumps(accuracy))
    report(f"wrote {path}, wrong in {error:.1%}")
    return path
