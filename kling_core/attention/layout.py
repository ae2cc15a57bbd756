"""The packed token stream as data: segments of tokens, and where each token is in time and space.

Packed order: text(global) text(shot 1..N) | references | audio | video. Positions are data: a model never recomputes
them, so retakes, gaps between shots and other lattices need no change of any model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

TEXT, REFERENCE, AUDIO, VIDEO = "text", "reference", "audio", "video"
KINDS = (TEXT, REFERENCE, AUDIO, VIDEO)


@dataclass(frozen=True)
class Segment:
    """A run of tokens [start, stop) that every routing rule treats alike.

    kind: text, reference, audio or video. shot: 0-based, None where it belongs to no shot (global text, references).
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
    each shot the owners that are cast in it.
    """

    segments: tuple[Segment, ...]
    positions: torch.Tensor
    cast_in_shot: tuple[frozenset[str], ...]

    def __post_init__(self) -> None:
        at = 0
        for segment in self.segments:
            if segment.start != at or segment.stop < segment.start:
                raise ValueError(f"segments must follow each other without gaps: {segment} does not start at {at}")
            at = segment.stop
        if at != len(self.positions):
            raise ValueError(f"{at} tokens in segments, {len(self.positions)} positions")

    @property
    def tokens(self) -> int:
        return len(self.positions)

    def select(self, *kinds: str) -> tuple[Segment, ...]:
        return tuple(segment for segment in self.segments if segment.kind in kinds)

    def span(self, kind: str) -> tuple[int, int]:
        """[start, stop) of all tokens of a kind, which lie side by side in the packed order."""
        found = self.select(kind)
        return (found[0].start, found[-1].stop) if found else (0, 0)
