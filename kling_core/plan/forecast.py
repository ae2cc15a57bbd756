"""What a scene will take of a large model before anything runs: tokens, memory, time, and what to change if too much.

Memory (ours, from what a transformer block holds at its widest point; no measurement of any model is in it):

    activations = tokens * bytes of a value * max(2 * hidden + 5 * heads * head_dim, 10 * hidden)

In attention the stream and its normalised copy live beside queries, keys, values, a copy of the values and the output;
in the feed-forward part beside 8 * hidden values a token, which holds for a plain one of 4 * hidden and for a gated one
of 8/3 * hidden (MiniMax H3: 14336 of 5376). Attention itself is taken to be fused, so that no matrix of scores exists.
By this 345 frames of H3 with large references, 182 k tokens, hold 19.6 GB, and 78 k tokens 8.4 GB; users saw the first
fail and the second run on cards of 24 GB. Weights that do not fit beside it can stay in main memory and be streamed,
which costs time only. Encoding and decoding come before and after, with memory of their own.

Time of a step (ours): with the operations of a forward pass, 2 for a multiplication and addition,

    step ~ layers * (4 * tokens² * heads * head_dim + 2 * tokens * (4 * hidden * heads * head_dim + 8 * hidden²))

both terms at the same speed, which one measured step gives. Weights in fewer bits speed up the second term only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from kling_core.plan.moving_guide import moving_guide

if TYPE_CHECKING:
    from kling_core.plan.plan import Plan
    from kling_core.plan.reference_limits import ReferenceLimits
    from kling_core.plan.references import Reference, References

Verdict = Literal["fits", "weights are streamed", "does not fit"]

SMALLEST_SIDE = 448
"""Pixels of the short side below which faces are no longer themselves: users measured it at 512 x 288."""
SHORTEST_SECONDS = 5.2
"""The shortest scenes that MiniMax H3 is trained on; shorter ones are not advised."""

_SHORTER, _SMALLER = 2 / 3, 3 / 4
_LAYERS_AT_ONCE = 2  # the one that works, and the next one on its way
_GIB = 2**30


@dataclass(frozen=True)
class ModelShape:
    """value_bytes: of a number as the model computes, 2 for half precision, whatever its weights are stored in."""

    layers: int
    hidden: int
    heads: int
    head_dim: int
    value_bytes: int = 2

    def activations(self, tokens: int) -> int:
        """Bytes at the widest point of a block; see the head of this file."""
        inner = self.heads * self.head_dim
        return tokens * self.value_bytes * max(2 * self.hidden + 5 * inner, 10 * self.hidden)

    def operations(self, tokens: int) -> int:
        """Of one forward pass; see the head of this file."""
        inner = self.heads * self.head_dim
        return self.layers * (4 * tokens**2 * inner + 2 * tokens * (4 * self.hidden * inner + 8 * self.hidden**2))


H3_SHAPE = ModelShape(layers=50, hidden=5376, heads=56, head_dim=128)


@dataclass(frozen=True)
class MeasuredStep:
    """One sampling step that somebody timed: how many tokens it had, and how many seconds it took."""

    tokens: int
    seconds: float


@dataclass(frozen=True)
class Change:
    """Something to change, and what it saves by itself: tokens, bytes of memory, a share of a step's time. enough:
    whether the scene then fits."""

    what: str
    tokens: int
    memory: int
    time: float
    enough: bool


@dataclass(frozen=True)
class Forecast:
    """tokens: by kind: text, references, audio, video. weights, activations, memory_free: bytes. slowdown: how many
    times as long a step takes as without references. step_seconds, seconds: of a step and of all steps, None where no
    step was measured. changes: if it does not fit, what would save most first.
    """

    tokens: Mapping[str, int]
    weights: int
    activations: int
    memory_free: int
    verdict: Verdict
    slowdown: float
    step_seconds: float | None
    seconds: float | None
    references: "References"
    changes: tuple[Change, ...]

    @property
    def memory(self) -> int:
        """Bytes at the peak, with all weights where the model computes."""
        return self.weights + self.activations


def forecast(
    plan: "Plan", references: "References", limits: "ReferenceLimits", model: ModelShape, *, weights: int,
    memory_free: int, text_tokens: int = 0, measured: MeasuredStep | None = None, steps: int = 1,
) -> Forecast:
    """What sampling `plan` with these references takes. weights: bytes of the model as it is loaded. memory_free: bytes
    for weights and activations together. text_tokens: of the prompt alone, without references. steps: of sampling."""
    tokens = {"text": text_tokens, **_scene_tokens(plan, references, limits, plan.size, plan.frames)}
    total = sum(tokens.values())
    verdict = _verdict(model, total, weights, memory_free)
    step = None
    if measured is not None:
        step = measured.seconds * model.operations(total) / model.operations(measured.tokens)
    return Forecast(
        tokens, weights, model.activations(total), memory_free, verdict,
        slowdown=model.operations(total) / model.operations(max(total - tokens["references"], 1)),
        step_seconds=step, seconds=None if step is None else step * steps, references=references,
        changes=() if verdict == "fits" else _changes(plan, references, limits, model, tokens, weights, memory_free),
    )  # fmt: skip


def forecast_text(made: Forecast) -> str:
    """The forecast as a page of text."""
    counts = ", ".join(f"{count:,} {kind}" for kind, count in made.tokens.items())
    rows = [
        f"Tokens: {sum(made.tokens.values()):,} ({counts})",
        f"Memory: {_gib(made.memory)} at the peak ({_gib(made.weights)} weights, {_gib(made.activations)} activations)"
        f", {_gib(made.memory_free)} free: {made.verdict}",
        f"Time: references make a step {made.slowdown:.2f} times as long{_seconds_text(made)}",
        "References:", *(f"  {_reference_text(item)}" for item in made.references.items),
    ]
    if not made.references.items:
        rows[-1] = "References: none"
    if made.references.left_out:
        rows += ["Left out:", *(f"  {sentence}" for sentence in made.references.left_out)]
    if made.changes:
        goal = "To make it fit" if made.verdict == "does not fit" else "To keep the weights in place"
        rows += [f"{goal}, most effective first:", *(f"  {_change_text(change)}" for change in made.changes)]
        if not any(change.enough for change in made.changes):
            rows.append("  None of these is enough by itself: take several.")
    return "\n".join(rows)


def _scene_tokens(
    plan: "Plan", references: "References", limits: "ReferenceLimits", size: tuple[int, int], frames: int
) -> dict[str, int]:
    return {
        "references": references.tokens,
        "audio": limits.film_sound_tokens(frames, plan.grid.fps),
        "video": limits.film_tokens(size, frames),
    }


def _verdict(model: ModelShape, tokens: int, weights: int, memory_free: int) -> Verdict:
    activations = model.activations(tokens)
    if weights + activations <= memory_free:
        return "fits"
    streamed = weights * _LAYERS_AT_ONCE // model.layers
    return "weights are streamed" if streamed + activations <= memory_free else "does not fit"


def _changes(
    plan: "Plan", references: "References", limits: "ReferenceLimits", model: ModelShape,
    tokens: Mapping[str, int], weights: int, memory_free: int,
) -> tuple[Change, ...]:
    """What each change saves by itself, most first; those that save nothing are not worth a line."""
    total = sum(tokens.values())
    before, found = _verdict(model, total, weights, memory_free), []
    for what, left in _options(plan, references, limits, tokens):
        if left < total:
            after = _verdict(model, left, weights, memory_free)
            found.append(Change(
                what, total - left, model.activations(total) - model.activations(left),
                1 - model.operations(left) / model.operations(total), after == "fits" or after != before,
            ))  # fmt: skip
    return tuple(sorted(found, key=lambda change: -change.tokens))


def _options(
    plan: "Plan", references: "References", limits: "ReferenceLimits", tokens: Mapping[str, int]
) -> list[tuple[str, int]]:
    """What could be done, and how many tokens the scene has then."""
    text, total = tokens["text"], sum(tokens.values())
    options = []
    if plan.seconds * _SHORTER >= SHORTEST_SECONDS:
        seconds = round(plan.seconds * _SHORTER, 1)
        frames = round(seconds * plan.grid.fps)
        shorter = _beside(references, limits, plan.size, frames)
        left = sum(_scene_tokens(plan, shorter, limits, plan.size, frames).values())
        options.append((f"make the scene {seconds:g} s long instead of {plan.seconds:.1f} s", text + left))
    smaller = tuple(max(round(side * _SMALLER / limits.stride), 1) * limits.stride for side in plan.size)
    if min(smaller) >= SMALLEST_SIDE:
        fewer = _beside(references, limits, smaller, plan.frames)
        left = sum(_scene_tokens(plan, fewer, limits, smaller, plan.frames).values())
        words = f"{smaller[0]} x {smaller[1]} instead of {plan.size[0]} x {plan.size[1]}"
        options.append((f"make the film {words}", text + left))
    soundtracks = {item.soundtrack_of: item.tokens for item in references.items if item.soundtrack_of}
    for item in references.items:
        if item.soundtrack_of is None:
            gone = item.tokens + (soundtracks.get(item.ordinal, 0) if item.kind == "video" else 0)
            options.append((f"leave out {_named(item)}", total - gone))
    return options


def _beside(
    references: "References", limits: "ReferenceLimits", size: tuple[int, int], frames: int
) -> "References":
    """References as they would be encoded beside a film of that size and length: clips and sounds as they are."""
    items = []
    for item in references.items:
        if item is references.guide:
            item = moving_guide(size, frames, limits)
        elif item.kind == "image":
            fitted = limits.picture_size(*item.size, size)
            item = replace(item, size=fitted, tokens=limits.picture_tokens(fitted))
        items.append(item)
    return replace(references, items=tuple(items))


def _named(item: "Reference") -> str:
    if item.element is None:
        return item.subject
    thing = {"image": "picture", "video": "clip", "audio": "voice"}[item.kind]
    views = f" ({', '.join(item.views)})" if item.views else ""
    return f"the {thing} of {item.subject}{views}"


def _reference_text(item: "Reference") -> str:
    kinds = {"image": "picture", "video": "clip", "audio": "sound"}
    parts = [item.subject, " + ".join(item.views)] if item.views else [item.subject]
    if item.seconds:
        parts.append(f"{item.seconds[0]:.2f}–{item.seconds[1]:.2f} s")
    if item.size:
        parts.append(f"{item.size[0]} x {item.size[1]}")
    if item.soundtrack_of:
        parts.append(f"of clip {item.soundtrack_of}")
    return f"{kinds[item.kind]} {item.ordinal}: {', '.join(parts)}, {item.tokens:,} tokens"


def _change_text(change: Change) -> str:
    saved = f"saves {_gib(change.memory)} and {change.time:.0%} of the time"
    return f"{change.what}: {saved}{', which is enough' if change.enough else ''}"


def _seconds_text(made: Forecast) -> str:
    if made.step_seconds is None:
        return ""
    return f"; {made.step_seconds:.1f} s a step, {made.seconds:.0f} s in all"


def _gib(count: int) -> str:
    return f"{count / _GIB:.1f} GiB"
