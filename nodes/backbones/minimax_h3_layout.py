"""How MiniMax H3 packs a scene: [text | keyframes | references | sound, left then right | pictures], as our Layout.

What the text encoder was shown of a reference (its label, and the vision tokens of its pictures) lies among the rows of
text. It belongs to the reference: whoever may not see somebody's picture must not see it there either. Counts of rows
come from the tokenizer and from the encoded conditioning, and the model's own segments have the last word: where they
are others than ours, nothing is routed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch

from kling_core.attention.film_tokens import add_audio, add_references, add_text, add_video
from kling_core.attention.layout import AUDIO, REFERENCE, TEXT, VIDEO, Layout, LayoutBuilder
from kling_core.plan.plan import Plan
from kling_core.plan.references import References
from kling_core.prompts.prompt import PromptSpan

PUBLISHED = "minimax_h3_layout"
"""Where newer versions of ComfyUI tell how they lay out a scene."""
CARRIED = "kling_core_minimax_h3_layout"
"""Where `publish` puts it for the older ones, which keep it in the model's arguments."""

Tokens = list[Any]
"""What the tokenizer makes of a text: numbers, and a dict for each picture among them."""
Present = Callable[[int], Tokens]
"""present(count): the tokens of the first `count` things that are shown before the prompt, without any prompt."""

_STEREO = 2
_MARKS = 2  # around the vision tokens of a picture, tagged as it is
_KINDS = {"text": {TEXT, REFERENCE}, "audio": {AUDIO}, "video": {VIDEO}}


def tokens_of(tokenized: Mapping[str, list[list[tuple]]]) -> Tokens:
    """A ComfyUI tokenizer's answer in one row."""
    return [token[0] for row in next(iter(tokenized.values())) for token in row]


@dataclass(frozen=True)
class Encoded:
    """A prompt and what was shown before it, as it went to the text encoder.

    tokens: all of them. shown: how many things were shown. rows: of the encoded states. tags: [rows], 0 for vision.
    """

    tokens: Tokens
    shown: int
    present: Present
    rows: int
    tags: torch.Tensor | None

    def rows_before(self) -> list[int] | None:
        """The first row of each thing shown, and that of the prompt; None where the counts do not agree."""
        sizes = self._sizes()
        if sizes is None:
            return None
        ends = [0, *(len(self.present(count)) for count in range(1, self.shown + 1))]
        return [sum(sizes[:end]) for end in ends]

    def _sizes(self) -> list[int] | None:
        """Rows of every token. A picture is one token and many rows, which are tagged with the two marks around it."""
        pictures = [at for at, token in enumerate(self.tokens) if isinstance(token, dict)]
        runs = []
        if pictures and self.tags is not None:
            values, counts = self.tags.flatten().unique_consecutive(return_counts=True)
            runs = [int(count) for value, count in zip(values, counts) if not value]
        if len(runs) != len(pictures):
            return None
        sizes = [1] * len(self.tokens)
        for at, run in zip(pictures, runs):
            sizes[at] = run - _MARKS
        return sizes if sum(sizes) == self.rows and min(sizes, default=1) > 0 else None


def layout_of(
    plan: Plan, spans: Sequence[PromptSpan], references: References, encoded: Encoded, told: Mapping[str, Any],
    latent: Any,
) -> Layout | None:  # fmt: skip
    """The layout of a scene, or None where nobody can say how its text lies.

    spans: of the prompt, in tokens. told: what the conditioning says besides its states. latent: the nested pair.
    """
    rows = encoded.rows_before()
    if rows is None:
        return None
    shown = [item.element for item in references.items] or [None] * encoded.shown
    # A soundtrack is part of its video's block.
    given = [item.element for item in references.items if item.soundtrack_of is None]
    blocks = told.get("minimax_refs", ())
    if (len(shown), len(given)) != (encoded.shown, len(blocks)):
        return None
    builder = LayoutBuilder()
    for owner, (start, stop) in zip(shown, pairwise(rows), strict=True):
        add_references(builder, stop - start, owner)
    add_text(builder, spans, encoded.rows - rows[-1])
    for count in _keyframes(told.get("minimax_keyframes", ())):
        add_references(builder, count)
    for owner, block in zip(given, blocks, strict=True):
        for count in _block(block):
            add_references(builder, count, owner)
    video, sound = latent.unbind()
    for side in range(_STEREO):
        add_audio(builder, plan, sound.shape[-1], float(side))
    add_video(builder, plan, video.shape[-2] // 2, video.shape[-1] // 2)
    return builder.layout(tuple(_heard_and_seen(plan)), tuple(frozenset(shot.things) for shot in plan.shots))


def _heard_and_seen(plan: Plan) -> Iterator[frozenset[str]]:
    """Whose references a shot is to see: who is in it, what it names, and who is only heard."""
    for shot in plan.shots:
        speaking = (line.speaker for line in plan.lines if line.shot == shot.index)
        yield frozenset((*shot.subjects, *shot.things, *speaking))


def _keyframes(keyframes: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    for keyframe in keyframes:
        latent = keyframe["latent"]
        yield latent.shape[2] * (latent.shape[3] // 2) * (latent.shape[4] // 2)


def _block(block: Mapping[str, Any]) -> Iterator[int]:
    """Rows of the segments of one reference: of its sound, and then of its picture."""
    if block.get("ref_audio_t"):
        yield block["ref_audio_t"] * _STEREO
    if "latent" in block:
        yield block.get("latent_t", 1) * (block["latent_h"] // 2) * (block["latent_w"] // 2)


def publish(
    executor: Callable, x: Sequence[torch.Tensor], timestep: torch.Tensor, context: torch.Tensor,
    transformer_options: Mapping[str, Any] | None = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """A DIFFUSION_MODEL wrapper: the layout among the model's arguments, if it is this call's, for the attention."""
    options, payload = transformer_options or {}, kwargs.get("minimax_payload") or {}
    layout = payload.get("layout")
    if layout is not None and tuple(layout.signature) == (context.shape[1], *x[0].shape[2:], x[1].shape[-1]):
        options = {**options, CARRIED: layout}
    return executor(x, timestep, context, options, **kwargs)


@dataclass
class LayoutCheck:
    """Whether the model packs its tokens as our layout says. Warns once where it does not."""

    _found: dict[tuple[int, int], tuple[Any, Layout, bool]] = field(default_factory=dict)
    _warned: bool = False

    def __call__(self, layout: Layout, options: Mapping[str, Any]) -> bool:
        theirs = options.get(PUBLISHED, options.get(CARRIED))
        key = id(theirs), id(layout)
        if key not in self._found:
            # Both are held, so that no other object gets their ids.
            self._found[key] = theirs, layout, same_segments(layout, getattr(theirs, "segments", ()))
        fits = self._found[key][2]
        if not fits and not self._warned:
            self._warned = True
            logging.warning("Kling Core: this ComfyUI packs the tokens of MiniMax H3 in an unknown way, so nothing is "
                            "routed: the film becomes what the stock nodes make of it.")
        return fits


def same_segments(layout: Layout, theirs: Sequence[tuple[int, int, str]]) -> bool:
    """Whether the model's segments, (start, stop, kind), begin and end where ours do, kind by kind, and each keyframe
    and reference by itself."""
    at = 0
    for start, stop, kind in theirs:
        ours = [segment for segment in layout.segments if start <= segment.start < stop and len(segment)]
        if start != at or not ours or (ours[0].start, ours[-1].stop) != (start, stop):
            return False
        if {segment.kind for segment in ours} - _KINDS.get(kind, {REFERENCE}):
            return False
        if kind not in _KINDS and len(ours) > 1:
            return False
        at = stop
    return at == layout.tokens
