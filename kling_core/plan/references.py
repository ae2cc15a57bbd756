"""Which pictures, clips and sounds of a cast a model is given, in the order in which the model counts them. Pure data.

`reference_budget` chooses them; prompts call them by their ordinals; adapters of the large models encode them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ReferenceKind = Literal["image", "video", "audio"]


@dataclass(frozen=True)
class Reference:
    """One file's worth of reference.

    ordinal: counted from 1 within its kind, the number that prompts call it by. element: whose it is, None for the
    moving guide, a video of the film itself (see `plan.moving_guide`). views: the element's views that a picture shows,
    several where they were put side by side; empty for clips and sounds. size: width and height in pixels as it is
    encoded, None for sounds. seconds: [start, stop) of the element's clip or voice, of the film for the moving guide,
    None for pictures. soundtrack_of: for the sound of a clip, the ordinal of its video. tokens: what it adds to the
    model's sequence, text tokens of a picture included.
    """

    kind: ReferenceKind
    ordinal: int
    element: str | None
    views: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    seconds: tuple[float, float] | None = None
    soundtrack_of: int | None = None
    tokens: int = 0

    @property
    def subject(self) -> str:
        """What it shows or plays, for people."""
        return "the moving guide" if self.element is None else f"@{self.element}"


@dataclass(frozen=True)
class References:
    """items: in the order in which the model takes them. left_out: a sentence for each thing that did not fit."""

    items: tuple[Reference, ...] = ()
    left_out: tuple[str, ...] = ()

    def of(self, element: str, kind: ReferenceKind | None = None) -> tuple[Reference, ...]:
        return tuple(item for item in self.items if item.element == element and kind in (None, item.kind))

    @property
    def guide(self) -> Reference | None:
        """The moving guide, where there is one."""
        return next((item for item in self.items if item.element is None), None)

    @property
    def tokens(self) -> int:
        return sum(item.tokens for item in self.items)
