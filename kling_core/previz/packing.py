"""From the parts of a scene to the packed token stream: its Layout, and every input of the transformer but the noise.

The same function packs a whole film for sampling and a few latents of one for training, so that the model never meets
anything in use that it was not trained on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from kling_core.attention.layout import AUDIO, REFERENCE, TEXT, VIDEO, Layout, LayoutBuilder
from kling_core.plan.plan import PlannedShot
from kling_core.previz import text
from kling_core.previz.geometry import NOBODY, ShotGeometry
from kling_core.previz.wardrobe import TOKENS_PER_PERSON
from kling_core.previz.world import GRID

_TEXT_TIME, _REFERENCE_TIME, _AUDIO_ROW = -4.0, -8.0, -12.0


@dataclass(frozen=True)
class ShotPart:
    """L latents of one shot.

    latents: [L] numbers within the shot. start: seconds of the shot's first frame on the film's clock. pasted:
    [L, R, C, 3584] from `collage.pasted_tokens`. speakers: who speaks in each of the 4 L frames, None for silence.
    """

    shot: PlannedShot
    latents: np.ndarray
    start: float
    geometry: ShotGeometry
    pasted: torch.Tensor
    speakers: tuple[str | None, ...]


@dataclass(frozen=True)
class Packed:
    """One scene, packed. `order` [Nv] lists, for each video token of the stream, its number in the parts' own order
    (shot, latent, row, column); audio rows are all speech frames, then all ambience frames, in film order.

    text: [Nt]; features: [Nv, FEATURES]; pasted: [Nv, 3584]; reads: [Nv, Nt]; wears: [Nv, P]; mouth: [Nv];
    track: [Na].
    """

    layout: Layout
    order: np.ndarray
    text: torch.Tensor
    features: torch.Tensor
    pasted: torch.Tensor
    reads: torch.Tensor
    wears: torch.Tensor
    mouth: torch.Tensor
    track: torch.Tensor


def pack(parts: list[ShotPart], people: tuple[str, ...], scene: list[int]) -> Packed:
    """Pack `parts` with the references of `people`. scene: word numbers that hold for the whole scene."""
    stream = LayoutBuilder()
    words = _pack_text(stream, parts, scene)
    for person in people:
        grid = torch.arange(TOKENS_PER_PERSON).float()
        position = torch.stack([torch.full_like(grid, _REFERENCE_TIME), grid // 8 - 2, grid % 8 - 4], -1)
        stream.add(REFERENCE, position, owner=person)
    frames = _pack_audio(stream, parts)
    order, shot_of, owner_of = _pack_video(stream, parts)
    cast = tuple(frozenset(part.shot.subjects) & frozenset(people) for part in parts)
    layout = stream.layout(cast)
    numbers = torch.tensor([number for number, _, _ in words])
    return Packed(
        layout=layout,
        order=order,
        text=numbers,
        features=_in_order([torch.from_numpy(part.geometry.features).flatten(0, 2) for part in parts], order),
        pasted=_in_order([part.pasted.flatten(0, 2) for part in parts], order),
        reads=_reads(words, shot_of, owner_of),
        wears=torch.tensor([[float(owner == person) for person in people] for owner in owner_of]).view(
            len(order), len(people)
        ),
        mouth=_in_order([torch.from_numpy(part.geometry.mouth).flatten() for part in parts], order),
        track=torch.arange(2).repeat_interleave(frames),
    )


def _pack_text(
    stream: LayoutBuilder, parts: list[ShotPart], scene: list[int]
) -> list[tuple[int, int | None, str | None]]:
    """Words as (number, shot, owner)."""
    words: list[tuple[int, int | None, str | None]] = []

    def add(numbers: list[int], shot: int | None, owner: str | None) -> None:
        position = torch.tensor(
            [[_TEXT_TIME, -1.0 if shot is None else float(shot), float(at)] for at in range(len(numbers))]
        )
        stream.add(TEXT, position, shot=shot, owner=owner)
        words.extend((number, shot, owner) for number in numbers)

    add(scene, None, None)
    for number, part in enumerate(parts):
        add(text.shot_words(part.shot), number, None)
        for performance in part.shot.performances:
            add(text.person_words(performance), number, performance.subject)
    return words


def _frame_times(part: ShotPart) -> np.ndarray:
    stride = GRID.frames_per_latent
    frames = (part.latents[:, None] * stride + np.arange(stride)).ravel()
    return part.start + (frames + 0.5) / GRID.fps


def _pack_audio(stream: LayoutBuilder, parts: list[ShotPart]) -> int:
    """Speech of all frames, then ambience of all frames; returns the number of frames."""
    for track in (0, 1):
        for number, part in enumerate(parts):
            times = _frame_times(part)
            owners = part.speakers if track == 0 else (None,) * len(times)
            cuts = [0] + [at for at in range(1, len(times)) if owners[at] != owners[at - 1]] + [len(times)]
            for start, stop in zip(cuts, cuts[1:]):
                position = torch.tensor([[time, _AUDIO_ROW, 4.0 * track] for time in times[start:stop]])
                seconds = times[start], times[stop - 1]
                stream.add(AUDIO, position.float(), shot=number, owner=owners[start], seconds=seconds)
    return sum(len(part.speakers) for part in parts)


def _pack_video(stream: LayoutBuilder, parts: list[ShotPart]) -> tuple[np.ndarray, np.ndarray, list[str | None]]:
    """Video of each shot by owner (background first), within an owner by latent. Returns order, shots and owners."""
    order, shots, owners, offset = [], [], [], 0
    for number, part in enumerate(parts):
        owner = part.geometry.owner
        _, rows, columns = owner.shape
        stage = np.minimum(part.latents, 2)[:, None, None] + np.zeros(owner.shape, int)
        for person in (NOBODY, *range(len(part.shot.performances))):
            name = None if person == NOBODY else part.shot.performances[person].subject
            for age in (0, 1, 2):
                chosen = np.nonzero(((owner == person) & (stage == age)).ravel())[0]
                if not len(chosen):
                    continue
                latent, row, column = np.unravel_index(chosen, owner.shape)
                time = part.start + (part.latents[latent] + 0.5) * GRID.latent_seconds
                position = np.stack([time, row + 0.5 - rows / 2, column + 0.5 - columns / 2], -1)
                stream.add(
                    VIDEO, torch.from_numpy(position).float(), shot=number, owner=name, first=age == 0,
                    opening=age < 2, seconds=(float(time.min()), float(time.max())),
                )  # fmt: skip
                order.append(chosen + offset)
                shots.append(np.full(len(chosen), number))
                owners += [name] * len(chosen)
        offset += owner.size
    return np.concatenate(order), np.concatenate(shots), owners


def _reads(
    words: list[tuple[int, int | None, str | None]], shot_of: np.ndarray, owner_of: list[str | None]
) -> torch.Tensor:
    """Which words each video token is told directly: the scene's, its shot's, its owner's."""
    owner_of = np.array([owner or "" for owner in owner_of])
    columns = [
        ((shot is None) | (shot_of == shot)) & ((owner is None) | (owner_of == (owner or "")))
        for _, shot, owner in words
    ]
    return torch.from_numpy(np.stack(columns, -1).astype(np.float32))


def _in_order(parts: list[torch.Tensor], order: np.ndarray) -> torch.Tensor:
    return torch.cat(parts)[torch.from_numpy(order)]
