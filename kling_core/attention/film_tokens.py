"""Tokens of a film in the order in which large models have them: latent by latent, row by row.

The embedded model sorts its tokens by person. The large ones do not, so a region is many short runs; they are Segments
all the same, and routing gathers them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

import numpy as np
import torch

from kling_core.attention.layout import AUDIO, REFERENCE, TEXT, VIDEO, Layout, LayoutBuilder
from kling_core.plan.plan import Plan, PlannedLine, PlannedShot
from kling_core.prompts.prompt import PromptSpan

REGION_MARGIN = 0.04  # of the picture's height: large models do not keep to a box by the pixel
_TEXT_TIME = -1.0
_OPENING = 2  # latents that the transition rule confines to their shot


def add_text(builder: LayoutBuilder, spans: Iterable[PromptSpan], tokens: int) -> None:
    """Text of `tokens` tokens. spans: ascending, in tokens instead of characters; the rest is global."""
    at = 0
    for span in (*spans, PromptSpan(tokens, tokens, -1)):
        if span.start > at:
            builder.add(TEXT, _text_positions(at, span.start))
        if span.stop > span.start:
            builder.add(TEXT, _text_positions(span.start, span.stop), shot=span.shot, owner=span.owner)
        at = span.stop


def add_references(builder: LayoutBuilder, tokens: int, owner: str | None = None, shot: int | None = None) -> None:
    """One reference of `tokens` tokens, or of a moving guide what shows one shot; without either it is for all."""
    builder.add(REFERENCE, _text_positions(0, tokens), owner=owner, shot=shot)


def add_audio(builder: LayoutBuilder, plan: Plan, tokens: int, side: float = 0.0) -> None:
    """One track of sound in `tokens` tokens over the film's length; those within a line belong to its speaker."""
    times = (np.arange(tokens) + 0.5) * plan.seconds / max(tokens, 1)
    traits = [(shot_at(plan.shots, time * plan.grid.fps), _speaker_at(plan.lines, time)) for time in times]
    at = 0
    for (shot, owner), run in groupby(traits):
        here = times[at : at + len(list(run))]
        at += len(here)
        positions = torch.zeros(len(here), 3)
        positions[:, 0], positions[:, 2] = torch.from_numpy(here), side
        builder.add(AUDIO, positions, shot=shot, owner=owner, seconds=(float(here[0]), float(here[-1])))


def add_video(builder: LayoutBuilder, plan: Plan, rows: int, columns: int) -> None:
    """All latents of the film, `rows` x `columns` tokens each; those in somebody's box belong to them."""
    starts = np.array(plan.grid.lattice.starts(plan.grid.lattice.latents(plan.frames)))
    for shot in plan.shots:
        latents = plan.shot_latents(shot)
        for number, latent in enumerate(latents):
            first, stop = starts[latent], starts[latent + 1]
            owners = regions(plan, shot, (first + stop - 1) // 2, rows, columns)
            seconds = float(first / plan.grid.fps), float(stop / plan.grid.fps)
            _add_latent(builder, owners, seconds, shot=shot.index, first=number == 0, opening=number < _OPENING)


def film_layout(builder: LayoutBuilder, plan: Plan, seen: Mapping[str, Sequence[int]]) -> Layout:
    """The layout of what `builder` holds. seen: in which shots prompts have each element be seen, see
    `prompts.people.appearances`. Its references are for these shots, and for those in which it is only heard; where it
    is seen and nobody stages it, it may be anywhere in the picture."""
    shown = [{name for name, shots in seen.items() if shot.index in shots} for shot in plan.shots]
    heard = [{line.speaker for line in plan.lines if line.shot == shot.index} for shot in plan.shots]
    staged = [set(shot.subjects) for shot in plan.shots]
    return builder.layout(
        tuple(frozenset(names | voices | people) for names, voices, people in zip(shown, heard, staged)),
        tuple(frozenset(names - people) for names, people in zip(shown, staged)),
    )


def regions(plan: Plan, shot: PlannedShot, frame: int, rows: int, columns: int) -> np.ndarray:
    """Who is in each cell of the picture at a frame of the film: [rows, columns] of names, None for nobody.

    Boxes are the plan's, with a margin; where two overlap, whoever is nearer to the camera has the cells.
    """
    owners = np.full((rows, columns), None, object)
    tracks = plan.blocking[shot.index].subjects
    at = frame - shot.start
    for track in sorted(tracks, key=lambda track: -track.depth[at]):
        if track.depth[at] <= 0:
            continue
        x0, y0, x1, y1 = track.body[at]
        margin_x = REGION_MARGIN * plan.size[1] / plan.size[0]
        left, right = _cells(x0 - margin_x, x1 + margin_x, columns)
        top, bottom = _cells(y0 - REGION_MARGIN, y1 + REGION_MARGIN, rows)
        owners[top:bottom, left:right] = track.subject
    return owners


def shot_at(shots: Sequence[PlannedShot], frame: float) -> int:
    """The number of the shot that a frame of the film lies in."""
    return next((shot.index for shot in shots if frame < shot.stop), shots[-1].index)


def _cells(low: float, high: float, count: int) -> tuple[int, int]:
    """The cells that [low, high) of 0..1 touches."""
    return int(np.clip(np.floor(low * count), 0, count)), int(np.clip(np.ceil(high * count), 0, count))


def _add_latent(
    builder: LayoutBuilder, owners: np.ndarray, seconds: tuple[float, float], **traits: object
) -> None:
    rows, columns = owners.shape
    cells = np.arange(rows * columns)
    positions = np.stack([np.full(len(cells), sum(seconds) / 2), cells // columns, cells % columns], -1)
    cell_owners = owners.ravel()
    edges = [0, *(np.flatnonzero(cell_owners[1:] != cell_owners[:-1]) + 1).tolist(), len(cells)]
    # One tensor a latent in slices: thousands of small ones would take longer to make than all the rest.
    latent = torch.from_numpy(positions).float()
    for start, stop in zip(edges, edges[1:]):
        builder.add(VIDEO, latent[start:stop], owner=cell_owners[start], seconds=seconds, **traits)


def _text_positions(start: int, stop: int) -> torch.Tensor:
    positions = torch.full((stop - start, 3), _TEXT_TIME)
    positions[:, 2] = torch.arange(start, stop)
    return positions


def _speaker_at(lines: Sequence[PlannedLine], time: float) -> str | None:
    return next((line.speaker for line in lines if line.start <= time < line.stop), None)
