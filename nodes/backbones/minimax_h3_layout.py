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
from functools import cached_property
from itertools import pairwise
from typing import Any

import torch

from kling_core.attention.film_tokens import add_audio, add_references, add_text, add_video, film_layout, shot_at
from kling_core.attention.layout import AUDIO, REFERENCE, TEXT, VIDEO, Layout, LayoutBuilder, Segment
from kling_core.plan.plan import Plan
from kling_core.plan.references import Reference, References
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

    @property
    def counted(self) -> bool:
        """Whether tokens and rows agree, without which nobody knows what any row tells."""
        return self._sizes is not None

    @cached_property
    def first_row(self) -> int:
        """Of the prompt."""
        return sum(self._sizes[: self._ends[-1]])

    def pieces(self, thing: int) -> list[int]:
        """Rows of a thing shown: of what comes before its first picture, then of each picture with its marks and what
        comes before it since the last one. Of a thing without pictures, all its rows."""
        start, stop = self._ends[thing], self._ends[thing + 1]
        pictures = [at for at in range(start, stop) if isinstance(self.tokens[at], dict)]
        edges = [start, *(at - 1 for at in pictures[:1]), *(at + 2 for at in pictures[:-1]), stop]
        return [sum(self._sizes[one:other]) for one, other in pairwise(edges)]

    @cached_property
    def _ends(self) -> list[int]:
        """The first token of each thing shown, and that of the prompt."""
        return [0, *(len(self.present(count)) for count in range(1, self.shown + 1))]

    @cached_property
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
    plan: Plan, seen: Mapping[str, Sequence[int]], spans: Sequence[PromptSpan], references: References,
    encoded: Encoded, told: Mapping[str, Any], latent: Any,
) -> Layout | None:  # fmt: skip
    """The layout of a scene, or None where nobody can say how its text lies.

    seen: as in `film_layout`. spans: of the prompt, in tokens. told: what the conditioning says besides its states.
    latent: the nested pair.
    """
    # A soundtrack is part of its video's block.
    given = [item for item in references.items if item.soundtrack_of is None]
    blocks, shown = told.get("minimax_refs", ()), len(references.items) or encoded.shown
    if not encoded.counted or (shown, len(given)) != (encoded.shown, len(blocks)):
        return None
    builder = LayoutBuilder()
    for rows, owner, shot in _shown(plan, references, encoded):
        add_references(builder, rows, owner, shot)
    add_text(builder, spans, encoded.rows - encoded.first_row)
    for count in _keyframes(told.get("minimax_keyframes", ())):
        add_references(builder, count)
    for item, block in zip(given, blocks, strict=True):
        for rows, shot in _guide_rows(plan, block) if item is references.guide else _block(block):
            add_references(builder, rows, item.element, shot)
    video, sound = latent.unbind()
    for side in range(_STEREO):
        add_audio(builder, plan, sound.shape[-1], float(side))
    add_video(builder, plan, video.shape[-2] // 2, video.shape[-1] // 2)
    return film_layout(builder, plan, seen)


def _shown(
    plan: Plan, references: References, encoded: Encoded
) -> Iterator[tuple[int, str | None, int | None]]:
    """Rows, owner and shot of what the text encoder was shown: the references, or keyframes where there are none."""
    if not references.items:
        for thing in range(encoded.shown):
            yield sum(encoded.pieces(thing)), None, None
    for thing, item in enumerate(references.items):
        pieces = encoded.pieces(thing)
        if item is references.guide:
            yield from ((rows, None, shot) for rows, shot in _guide_seen(plan, item, pieces))
        else:
            yield sum(pieces), item.element, None


def _keyframes(keyframes: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    for keyframe in keyframes:
        latent = keyframe["latent"]
        yield latent.shape[2] * (latent.shape[3] // 2) * (latent.shape[4] // 2)


def _block(block: Mapping[str, Any]) -> Iterator[tuple[int, int | None]]:
    """Rows of the segments of one reference, of its sound and then of its picture, and for which shot: for all."""
    if block.get("ref_audio_t"):
        yield block["ref_audio_t"] * _STEREO, None
    if "latent" in block:
        yield block.get("latent_t", 1) * _latent_rows(block), None


def _guide_rows(plan: Plan, block: Mapping[str, Any]) -> Iterator[tuple[int, int | None]]:
    """Of the moving guide, shot by shot, as far as it lasts: latent n shows what latent n of the film is to show."""
    for shot in plan.shots:
        latents = plan.shot_latents(shot)
        count = len(range(latents.start, min(latents.stop, block["latent_t"])))
        if count:
            yield count * _latent_rows(block), shot.index


def _guide_seen(plan: Plan, guide: Reference, pieces: Sequence[int]) -> Iterator[tuple[int, int | None]]:
    """Of what the text encoder sees of the moving guide: two frames a second, a pair a picture. A picture is for the
    shot that both show; where a cut lies between the two, or pictures come otherwise than that, it is for all."""
    label, *pictures = pieces
    yield label, None
    frames = range(0, round(guide.seconds[1] * plan.grid.fps), plan.grid.fps // 2)
    pairs = [{shot_at(plan.shots, frame) for frame in frames[at : at + 2]} for at in range(0, len(frames), 2)]
    if len(pairs) != len(pictures):
        pairs = [set()] * len(pictures)
    for count, shots in zip(pictures, pairs, strict=True):
        yield count, min(shots) if len(shots) == 1 else None


def _latent_rows(block: Mapping[str, Any]) -> int:
    return (block["latent_h"] // 2) * (block["latent_w"] // 2)


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
    and reference by itself, in one segment of ours or, as the moving guide, in one for each shot."""
    at = 0
    for start, stop, kind in theirs:
        ours = [segment for segment in layout.segments if start <= segment.start < stop and len(segment)]
        if start != at or not ours or (ours[0].start, ours[-1].stop) != (start, stop):
            return False
        if {segment.kind for segment in ours} - _KINDS.get(kind, {REFERENCE}):
            return False
        if kind not in _KINDS and not _is_one_reference(ours):
            return False
        at = stop
    return at == layout.tokens


def _is_one_reference(segments: Sequence[Segment]) -> bool:
    """Whether they are one segment, or one shot after another of the moving guide, of which there is never a second."""
    shots = [segment.shot for segment in segments]
    return len(shots) == 1 or (None not in shots and all(one < other for one, other in pairwise(shots)))
