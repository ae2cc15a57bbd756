"""The marks that MiniMax H3 learned beyond Qwen's vocabulary: dialogue stands between two of them.

MiniMax declares them in its tokenizer_config.json only, which ComfyUI v0.33 does not read (its pull request 15808 adds
them): there "<d>[English]" falls into pieces, the first of which is "<d>[" as one token, and nothing says any more
where speech begins. Their numbers follow Qwen's last one, within the 151 936 rows of its table of embeddings.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from comfy.sd import CLIP

MARKS = ("<d>", "</d>", "<|cutoff|>", "<|lyrics_start|>", "<|lyrics_end|>", "<|caption_start|>", "<|caption_end|>")
_FIRST = 151669


def with_marks(clip: CLIP) -> CLIP:
    """`clip` itself where its tokenizer knows the marks, or is none that could learn them; else a clone of it with a
    tokenizer of its own that does."""
    if _knows(clip.tokenizer) or not hasattr(_words(clip.tokenizer), "add_special_tokens"):
        return clip
    learned = clip.clone()
    learned.tokenizer = copy.deepcopy(clip.tokenizer)
    _words(learned.tokenizer).add_special_tokens({"additional_special_tokens": list(MARKS)})
    learned.tokenizer.qwen3vl_32b.inv_vocab |= dict(enumerate(MARKS, _FIRST))
    return learned if _knows(learned.tokenizer) else clip


def _knows(tokenizer: Any) -> bool:
    convert = getattr(_words(tokenizer), "convert_tokens_to_ids", lambda mark: None)
    return [convert(mark) for mark in MARKS] == list(range(_FIRST, _FIRST + len(MARKS)))


def _words(tokenizer: Any) -> Any:
    """The tokenizer of the transformers package within ComfyUI's."""
    return getattr(getattr(tokenizer, "qwen3vl_32b", None), "tokenizer", None)
