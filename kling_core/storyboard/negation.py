"""Whether an English clause says no."""

from __future__ import annotations

import re

_DENIED = re.compile(r"\b(?:not|never|no longer)\b|n['’]t\b", re.IGNORECASE)
_NEGATED = re.compile(r"(?:\bnot|n['’]t|\bnever|\bwithout|\bno longer)(?:\s+\w+)?\s*$", re.IGNORECASE)


def denies(clause: str) -> bool:
    """Whether anything in a clause is denied."""
    return bool(_DENIED.search(clause))


def is_negated(text: str, at: int) -> bool:
    """Whether the word at text[at:] is denied by those before it."""
    return bool(_NEGATED.search(text[:at]))
