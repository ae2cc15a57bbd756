"""A buffer of excerpts in memory, and the batches drawn from it."""

from __future__ import annotations

import multiprocessing
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F

from kling_core.attention.routing import Policy, route
from kling_core.previz.audio_codec import AudioCodec
from kling_core.previz.collage import encode_pasted
from kling_core.previz.training.excerpts import PEOPLE, Excerpt, Person, casting_call, random_excerpt
from kling_core.previz.training.sounds import SoundBank
from kling_core.previz.video_vae import VideoVAE
from kling_core.previz.wardrobe import TOKENS_PER_PERSON
from kling_core.previz.world import PATCH

TEXT_TOKENS = 2 + 2 * (3 + 3 * PEOPLE)
_SEGMENTS = 40  # more than any excerpt has; the last one is padding, which sees and is seen by nobody but itself
_FIT_EXCERPTS = 160
_PER_TASK, _CAST_CHUNK = 4, 40
_worker: dict = {}


class Buffer:
    """Excerpts as stacked tensors. Names and shapes as in `transformer.Tokens`, where they have a counterpart.

    Also: pasted has people's pictures only, surroundings [S, Nv, PICTURES] what the place and things add to them.
    segment [S, N] the segment of each token, visible [S, segments, segments] who sees whom (from the real routing),
    latent [S, Nv] and person [S, P] numbers. frames: uint8 [K, 8, 3, 4 H, 4 W] and
    collages: int8 [K, 8, 14, 4 H, 4 W] (127 = 1) of the K excerpts that are kept for the refiner, `fine` their numbers.
    """

    def __init__(self, cast: list[Person]):
        self.references = torch.stack([person.wardrobe.tokens for person in cast]).mul(127).to(torch.int8)
        self.samples: dict[str, list[torch.Tensor]] = {}
        self.stacked: dict[str, torch.Tensor] = {}
        self.fine: list[int] = []
        self.frames: list[torch.Tensor] = []
        self.collages: list[torch.Tensor] = []

    def __len__(self) -> int:
        return len(self.samples.get("video", ()))

    def add(self, excerpt: Excerpt, vae: VideoVAE, codec: AudioCodec) -> None:
        if excerpt.collage is not None:
            self.fine.append(len(self))
            self.frames.append(excerpt.frames)
            self.collages.append(excerpt.collage.mul(127).round().to(torch.int8))
        for name, value in _compact(excerpt, vae, codec).items():
            self.samples.setdefault(name, []).append(value)

    def seal(self) -> None:
        """Stack what was added; call once before drawing batches."""
        self.stacked = {name: torch.stack(values) for name, values in self.samples.items()}
        self.samples = {"video": [*self.stacked["video"]]}

    def batch(self, index: torch.Tensor, device: torch.device | str) -> dict[str, torch.Tensor]:
        """The samples of `index` [B] on a device, as float32 (numbers as int64), references included."""
        batch = {name: value[index].to(device) for name, value in self.stacked.items()}
        people = batch["person"].long()
        references = self.references.to(device)[people.clamp(min=0)].float() / 127
        batch["references"] = references * (people >= 0)[..., None, None]
        batch["known"] = (people >= 0).float()[..., None].expand(-1, -1, TOKENS_PER_PERSON)
        for name in ("video", "pasted", "surroundings", "audio", "features", "mouth", "reads", "wears"):
            batch[name] = batch[name].float()
        segment = batch["segment"].long()
        flat = segment[:, :, None] * _SEGMENTS + segment[:, None, :]
        batch["mask"] = batch["visible"].flatten(1).gather(1, flat.flatten(1)).view(flat.shape)[:, None]
        return batch


def _compact(excerpt: Excerpt, vae: VideoVAE, codec: AudioCodec) -> dict[str, torch.Tensor]:
    packed = excerpt.packed
    latents = vae.encode(_small(excerpt)).flatten(0, 2)
    order = torch.from_numpy(packed.order)
    speech, ambience = ((rows - codec.mean) @ codec.basis / codec.scale for rows in (excerpt.speech, excerpt.ambience))
    words, people = len(packed.text), len(excerpt.people)
    segment, visible = _segments(excerpt)
    pasted, surroundings = encode_pasted(packed.pasted, vae)
    return {
        "text": F.pad(packed.text, (0, TEXT_TOKENS - words)),
        "video": latents[order].half(),
        "audio": torch.cat([speech, ambience]).half(),
        "track": packed.track,
        "features": packed.features.half(),
        "pasted": pasted.half(),
        "surroundings": surroundings.half(),
        "reads": F.pad(packed.reads, (0, TEXT_TOKENS - words)).half(),
        "wears": packed.wears.half(),
        "mouth": packed.mouth.half(),
        "latent": (order // (excerpt.rows * excerpt.columns)).to(torch.uint8),
        "order": order.to(torch.int16),
        "person": torch.tensor(excerpt.people + (-1,) * (PEOPLE - people)),
        "positions": torch.cat([
            packed.layout.positions[:words], torch.zeros(TEXT_TOKENS - words, 3), packed.layout.positions[words:],
        ]),
        "segment": torch.cat([
            segment[:words], torch.full((TEXT_TOKENS - words,), _SEGMENTS - 1, dtype=torch.uint8), segment[words:],
        ]),
        "visible": visible,
    }


def _segments(excerpt: Excerpt) -> tuple[torch.Tensor, torch.Tensor]:
    """The segment number of each token [N], and which segments see which [segments, segments], by the real routing."""
    layout = excerpt.packed.layout
    segments = [segment for segment in layout.segments if len(segment)]
    starts = {segment.start: number for number, segment in enumerate(segments)}
    visible = torch.eye(_SEGMENTS, dtype=torch.bool)
    for group in route(layout, Policy()).groups:
        keys = [
            number for start, number in starts.items() if any(span.start <= start < span.stop for span in group.keys)
        ]
        for start, stop in group.queries:
            for query in (number for at, number in starts.items() if start <= at < stop):
                visible[query, keys] = True
    lengths = torch.tensor([len(segment) for segment in segments])
    return torch.arange(len(segments), dtype=torch.uint8).repeat_interleave(lengths), visible


def fill(
    seed: int, people: int, count: int, minutes: float, vae: VideoVAE, codec: AudioCodec, *, workers: int, frames: int,
    report,
) -> Buffer:
    """Render `count` excerpts, or as many as `minutes` allow, with a cast of `people`. Fits the codecs if they are new.

    frames: about how many excerpts keep their pictures, for the refiner.
    """
    started = time.monotonic()
    torch.set_num_threads(1)  # the workers keep all cores busy
    cast = _cast(seed, people, workers)
    report(f"cast {people} people in {time.monotonic() - started:.0f} s")
    buffer, waiting = Buffer(cast), []
    fitted = bool(vae.basis.abs().sum() > 0)
    for number, excerpt in enumerate(_render(seed, cast, count, workers, started + minutes * 60, frames)):
        if not fitted:
            waiting.append(excerpt)
            if len(waiting) < min(_FIT_EXCERPTS, count):
                continue
            _fit(waiting, vae, codec)
            fitted = True
            for early in waiting:
                buffer.add(early, vae, codec)
        else:
            buffer.add(excerpt, vae, codec)
        if number % 500 == 499:
            report(f"{number + 1} excerpts in {time.monotonic() - started:.0f} s")
    buffer.seal()
    return buffer


def _fit(excerpts: list[Excerpt], vae: VideoVAE, codec: AudioCodec) -> None:
    vae.fit([_small(excerpt) for excerpt in excerpts])
    codec.fit(torch.cat([rows for excerpt in excerpts for rows in (excerpt.speech, excerpt.ambience)]))


def _small(excerpt: Excerpt) -> torch.Tensor:
    """The frames at the transformer's own size, in [-1, 1]."""
    scale = excerpt.frames.shape[-1] // (excerpt.columns * PATCH)
    return F.avg_pool2d(excerpt.frames.float() / 127.5 - 1, scale)


def _cast(seed: int, people: int, workers: int) -> list[Person]:
    chunks = [min(_CAST_CHUNK, people - at) for at in range(0, people, _CAST_CHUNK)]
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        groups = pool.map(_cast_chunk, [seed] * len(chunks), range(len(chunks)), chunks)
        return [person for group in groups for person in group]


def _cast_chunk(seed: int, number: int, people: int) -> list[Person]:
    torch.set_num_threads(1)
    return casting_call(np.random.default_rng([seed, 1, number]), people)


def _render(
    seed: int, cast: list[Person], count: int, workers: int, until: float, fine: int
) -> Iterator[Excerpt]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(cast, seed)) as pool:
        tasks = iter(range((count + _PER_TASK - 1) // _PER_TASK))
        first = zip(range(4 * workers), tasks)
        waiting = deque(pool.submit(_work, seed, number, number * _PER_TASK < fine) for _, number in first)
        while waiting:
            yield from waiting.popleft().result()
            following = next(tasks, None)
            # However little time there is, the codecs need enough pictures to be fitted.
            if following is not None and (time.monotonic() < until or following * _PER_TASK < _FIT_EXCERPTS):
                waiting.append(pool.submit(_work, seed, following, following * _PER_TASK < fine))


def _start_worker(cast: list[Person], seed: int) -> None:
    torch.set_num_threads(1)
    # All workers hear the same sounds, so that a seed means the same excerpts for any number of workers.
    _worker.update(cast=cast, sounds=SoundBank(np.random.default_rng([seed, 2])))


def _work(seed: int, number: int, fine: bool) -> list[Excerpt]:
    rng = np.random.default_rng([seed, 3, number])
    return [random_excerpt(rng, _worker["cast"], _worker["sounds"], fine=fine) for _ in range(_PER_TASK)]
