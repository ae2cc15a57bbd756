"""A compiled prompt, and which part of it speaks of what: what routing needs to know of its tokens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PromptSpan:
    """Characters [start, stop) of a prompt's text that speak of one shot, and in it, if `owner` is given, of one
    element: their action or their line. What no span covers is global."""

    start: int
    stop: int
    shot: int
    owner: str | None = None


@dataclass(frozen=True)
class Prompt:
    """text: for the positive branch. negative: for the other, empty where the family has none. spans: ascending,
    without overlaps. notes: what the compiler changed of the director's words and why, a sentence each."""

    text: str
    negative: str = ""
    spans: tuple[PromptSpan, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        at = 0
        for span in self.spans:
            if not at <= span.start < span.stop <= len(self.text):
                raise ValueError(f"prompt spans must ascend within {len(self.text)} characters: {span}")
            at = span.stop
