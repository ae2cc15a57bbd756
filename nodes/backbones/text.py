"""Which tokens of an encoded prompt speak of which shot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from kling_core.prompts.prompt import Prompt, PromptSpan

Tokens = list[Any]
"""What identifies each token of a text, as far as equality goes."""


def token_spans(prompt: Prompt, tokenize: Callable[[str], Tokens]) -> tuple[PromptSpan, ...]:
    """A prompt's spans in tokens of tokenize(prompt.text), where a span's characters begin and end.

    A text's beginning has the tokens of the whole up to where it ends, whatever templates put around both, so the
    common part of the two tells where that is. Tokens that cross an end belong to what follows.
    """
    whole = tokenize(prompt.text)
    ends = {at: _common(whole, tokenize(prompt.text[:at])) for span in prompt.spans for at in (span.start, span.stop)}
    found, at = [], 0
    for span in prompt.spans:
        start, stop = max(at, ends[span.start]), ends[span.stop]
        if stop > start:
            found.append(replace(span, start=start, stop=stop))
            at = stop
    return tuple(found)


def moved(spans: Sequence[PromptSpan], by: int) -> tuple[PromptSpan, ...]:
    """Spans of tokens that lie so many tokens further on."""
    return tuple(replace(span, start=span.start + by, stop=span.stop + by) for span in spans)


def clip_tokens(tokens: dict[str, list[list[tuple]]]) -> Tokens:
    """Token numbers of a ComfyUI tokenizer's answer, in one row; pictures among them by identity."""
    rows = next(iter(tokens.values()))
    return [token[0] if isinstance(token[0], (int, float)) else id(token[0]) for row in rows for token in row]


def _common(one: Tokens, other: Tokens) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other)))
