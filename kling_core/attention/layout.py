"""The packed token stream as data: segments of tokens, and where each token is in time and space.

Packed order: text(global) text(shot 1..N) | references | audio | video. Positions are data: a model never recomputes
them, so retakes, gaps between shots and other lattices need no change of any model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

TEXT, REFERENCE, AUDIO, VIDEO = "text", "reference", "audio", "video"
KINDS = (TEXT, REFERENCE, AUDIO, VIDEO)


@dataclass(frozen=True)
class Segment:
    """A run of tokens [start, stop) that every routing rule treats alike.

    kind: text, reference, audio or video. shot: 0-based, None where it belongs to no shot (global text, references of
    elements); a reference of the film itself, which is laid out like it, has one.
    owner: the element whose tokens these are (its text, its references, its line, the region inside its box), None
    for everything else. first: True for video of the first latent of a shot, which stands for the whole shot in
    sparse routing. opening: True for video of the first two latents of a shot, which the transition rule confines.
    seconds: the time span it covers, for display.
    """

    kind: str
    start: int
    stop: int
    shot: int | None = None
    owner: str | None = None
    first: bool = False
    opening: bool = False
    seconds: tuple[float, float] | None = None

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, eq=False)
class Layout:
    """All segments, in packed order without gaps, and the position of every token. Compared and hashed by identity.

    positions: [tokens, 3] float (seconds, y, x); y and x in token units of the backbone's lattice. cast_in_shot: for
    each shot the owners that are cast in it. unplaced_in_shot: for each shot those of them that nobody stages, such as
    a place, or a thing that is only named: they are anywhere in the picture, so no region is theirs. Empty where
    everybody is staged.
    """

    segments: tuple[Segment, ...]
    positions: torch.Tensor
    cast_in_shot: tuple[frozenset[str], ...]
    unplaced_in_shot: tuple[frozenset[str], ...] = ()

    def __post_init__(self) -> None:
        at = 0
        for segment in self.segments:
            if segment.start != at or segment.stop < segment.start:
                raise ValueError(f"segments must follow each other without gaps: {segment} does not start at {at}")
            at = segment.stop
        if at != len(self.positions):
            raise ValueError(f"{at} tokens in segments, {len(self.positions)} positions")
        if self.unplaced_in_shot and len(self.unplaced_in_shot) != len(self.cast_in_shot):
            raise ValueError(f"{len(self.cast_in_shot)} shots, {len(self.unplaced_in_shot)} with what is unplaced")

    @property
    def tokens(self) -> int:
        return len(self.positions)

    def select(self, *kinds: str) -> tuple[Segment, ...]:
        return tuple(segment for segment in self.segments if segment.kind in kinds)

    def count(self, kinds: Iterable[str]) -> int:
        """How many tokens are of one of these kinds."""
        return sum(self._counts.get(kind, 0) for kind in kinds)

    @cached_property
    def kinds(self) -> frozenset[str]:
        """Those that it has tokens of."""
        return frozenset(kind for kind, tokens in self._counts.items() if tokens)

    @cached_property
    def _counts(self) -> dict[str, int]:
        counts: dict[str, int] = defaultdict(int)
        for segment in self.segments:
            counts[segment.kind] += len(segment)
        return counts

    def span(self, kind: str) -> tuple[int, int]:
        """[start, stop) of all tokens of a kind, which lie side by side in the packed order."""
        found = self.select(kind)
        return (found[0].start, found[-1].stop) if found else (0, 0)


class LayoutBuilder:
    """A Layout in the making: segments are appended in packed order."""

    def __init__(self) -> None:
        self._segments: list[Segment] = []
        self._positions: list[torch.Tensor] = []
        self.tokens = 0

    def add(self, kind: str, positions: torch.Tensor, **traits: Any) -> None:
        """One token for each row of `positions`, [n, 3]. traits: what a Segment says besides its kind and place."""
        stop = self.tokens + len(positions)
        self._segments.append(Segment(kind, self.tokens, stop, **traits))
        self._positions.append(positions)
        self.tokens = stop

    def layout(
        self, cast_in_shot: tuple[frozenset[str], ...], unplaced_in_shot: tuple[frozenset[str], ...] = ()
    ) -> Layout:
        import torch

        positions = torch.cat(self._positions) if self._positions else torch.zeros(0, 3)
        return Layout(tuple(self._segments), positions, cast_in_shot, unplaced_in_shot)
