"""Puts a prompt together piece by piece and remembers which shot and whom each piece speaks of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kling_core.prompts.prompt import Prompt, PromptSpan


@dataclass(frozen=True)
class Piece:
    """Words of one shot. owner: the element whose action or line they are, None for the shot as a whole."""

    text: str
    owner: str | None = None


def sentences(*parts: Iterable[Piece]) -> list[Piece]:
    """All pieces of `parts` in order, a space between each two."""
    joined: list[Piece] = []
    for piece in (piece for part in parts for piece in part):
        if joined:
            joined[-1] = Piece(joined[-1].text + " ", joined[-1].owner)
        joined.append(piece)
    return joined


def count_words(pieces: Iterable[Piece]) -> int:
    return len("".join(piece.text for piece in pieces).split())


class PromptWriter:
    """Text and spans of a prompt. What is written without a shot is global."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._spans: list[PromptSpan] = []
        self._length = 0

    def write(self, text: str) -> None:
        """Global words, as they are."""
        self._texts.append(text)
        self._length += len(text)

    def write_shot(self, shot: int, pieces: Iterable[Piece]) -> None:
        """The pieces of shot `shot` (counted from 0), as they are; neighbours of one owner become one span."""
        for piece in pieces:
            start = self._length
            self.write(piece.text)
            last = self._spans[-1] if self._spans else None
            if last and (last.stop, last.shot, last.owner) == (start, shot, piece.owner):
                self._spans[-1] = PromptSpan(last.start, self._length, shot, piece.owner)
            elif piece.text:
                self._spans.append(PromptSpan(start, self._length, shot, piece.owner))

    def prompt(self, *, negative: str = "", notes: Iterable[str] = ()) -> Prompt:
        return Prompt("".join(self._texts), negative, tuple(self._spans), tuple(notes))
