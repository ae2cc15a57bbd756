"""The one place where our routing reaches into ComfyUI's models: keyed hooks on a clone, in front of what others set.

A model's blocks are told apart by `double_block` replacements, which hand on to what replaced them before, and its
attention calls by how many queries and keys they have. Calls that are not ours, and calls in which nothing is hidden,
go on untouched, through the attention override that others set, if any. Everything lies in the clone's options; the
model's own modules are never changed.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from kling_core.attention.layout import Layout
from kling_core.attention.routing import Policy, route
from kling_core.attention.spans import SpanTable, attend

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher

BLOCK = "kling_core_block"
OVERRIDE = "optimized_attention_override"
_ARGUMENTS = ("q", "k", "v", "heads", "mask", "attn_precision", "skip_reshape", "skip_output_reshape")


@dataclass(frozen=True)
class Attention:
    """One attention of a block: the kinds of tokens that look, and those they look at, as in `routing.route`.

    skipped: options of the model, each with the value at which a block leaves this attention out.
    """

    queries: frozenset[str]
    keys: frozenset[str]
    skipped: tuple[tuple[str, bool], ...] = ()

    @classmethod
    def of(cls, queries: str, keys: str, *skipped: tuple[str, bool]) -> Attention:
        """Kinds as words: Attention.of("video reference", "video reference")."""
        return cls(frozenset(queries.split()), frozenset(keys.split()), skipped)

    def is_called(self, options: Mapping[str, Any]) -> bool:
        return all(options.get(name, not value) != value for name, value in self.skipped)


@dataclass(frozen=True)
class Routing:
    """What one sampling routes by.

    layouts: by ComfyUI's number of the condition, 0 for the positive and 1 for the negative one. attentions: of a
    block, in the order in which it calls them. layers: how many blocks the model has. fits(layout, options): whether
    a model call packs its tokens as the layout says; where it does not, its attention is left alone.
    """

    layouts: Mapping[int, Layout]
    policy: Policy
    attentions: tuple[Attention, ...]
    layers: int
    fits: Callable[[Layout, Mapping[str, Any]], bool] = lambda layout, options: True


@dataclass
class _Block:
    """A block that is being computed. seen: how often it has called attention with so many queries and keys."""

    index: int
    seen: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))


def install(model: ModelPatcher, routing: Routing) -> ModelPatcher:
    """A clone of `model` whose attention follows `routing`. What others hooked stays in force behind it."""
    clone = model.clone()
    replaced = clone.model_options["transformer_options"].get("patches_replace", {}).get("dit", {})
    for index in range(routing.layers):
        name = ("double_block", index)
        clone.set_model_patch_replace(_marking(index, replaced.get(name)), "dit", *name)
    options = clone.model_options["transformer_options"]
    options[OVERRIDE] = partial(_override, routing, options.get(OVERRIDE))
    return clone


def _marking(index: int, replaced: Callable | None) -> Callable:
    """A block replacement that changes nothing but tells attention where it is."""

    def block(args: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
        args = args | {"transformer_options": args["transformer_options"] | {BLOCK: _Block(index)}}
        return replaced(args, extra) if replaced else extra["original_block"](args)

    return block


def mark_branches(model: ModelPatcher) -> ModelPatcher:
    """A clone whose blocks of a branch beside the others (VACE) are routed as those that they follow. No replacement
    reaches them, but they are computed next, from the same options."""
    clone = model.clone()
    clone.set_model_patch(_mark_what_follows, "double_block")
    return clone


def _mark_what_follows(args: dict[str, Any]) -> dict[str, Any]:
    args["transformer_options"][BLOCK] = _Block(args["block_index"])
    return args


@torch.compiler.disable()
def _override(routing: Routing, previous: Callable | None, func: Callable, *args: Any, **kwargs: Any) -> torch.Tensor:
    stock = partial(previous, func) if previous else func
    call = dict(zip(_ARGUMENTS, args)) | kwargs
    options = call.get("transformer_options") or {}
    block: _Block | None = options.get(BLOCK)
    if block is None:
        return stock(*args, **kwargs)
    token_axis = 2 if call.get("skip_reshape") else 1
    lengths = call["q"].shape[token_axis], call["k"].shape[token_axis]
    tables = _tables(routing, options, block, lengths)
    block.seen[lengths] += 1
    if all(table is None or table.is_open for table in tables):
        return stock(*args, **kwargs)
    with _unrecorded():
        return _routed(stock, call, tables)


def _unrecorded() -> AbstractContextManager:
    """ComfyUI from v0.38 on records what a block allocates, to place it alike in all of them, and takes nothing that
    outlives its block, as a table's index tensors do. What we allocate is left out of that, where there is such a
    record; the module that keeps it is loaded then."""
    return getattr(sys.modules.get("comfy.model_prefetch"), "pause_malloc_graph", nullcontext)()


def _tables(
    routing: Routing, options: dict[str, Any], block: _Block, lengths: tuple[int, int]
) -> list[SpanTable | None]:
    """The table of each condition in the batch; None for those whose attention this is not."""
    step, steps = step_of(options)
    tables = []
    for number in options.get("cond_or_uncond", [0]):
        layout = routing.layouts.get(number)
        if layout is None or not routing.fits(layout, options):
            tables.append(None)
            continue
        # What differs only in kinds that this layout lacks is one and the same attention.
        found = list(dict.fromkeys(
            (attention.queries & layout.kinds, attention.keys & layout.kinds) for attention in routing.attentions
            if (layout.count(attention.queries), layout.count(attention.keys)) == lengths
            and attention.is_called(options)
        ))  # fmt: skip
        # Where two attentions are of one size, their order in the block tells them apart.
        if block.seen[lengths] >= len(found):
            tables.append(None)
            continue
        queries, keys = found[block.seen[lengths]]
        tables.append(route(
            layout, routing.policy, queries=queries, keys=keys,
            layer=block.index, layers=routing.layers, step=step, steps=steps,
        ))  # fmt: skip
    return tables


def step_of(options: Mapping[str, Any]) -> tuple[int, int]:
    """Which step of how many a model call belongs to, by its noise level; (0, 1) where nobody says."""
    schedule, level = options.get("sample_sigmas"), options.get("sigmas")
    if schedule is None or level is None or len(schedule) < 2:
        return 0, 1
    steps = len(schedule) - 1
    # Solvers of higher order ask for levels between those of the schedule: the step is the one they lie in.
    return min(int((schedule[1:] >= level.flatten()[0]).sum()), steps - 1), steps


def _routed(stock: Callable, call: dict[str, Any], tables: Sequence[SpanTable | None]) -> torch.Tensor:
    """Attention by tables, one for each part of the batch."""
    heads, packed = call["heads"], not call.get("skip_reshape")
    q, k, v = (_by_head(call[name], heads) if packed else call[name] for name in "qkv")
    rest = {name: value for name, value in call.items() if name not in _ARGUMENTS} | {
        "skip_reshape": True, "skip_output_reshape": True, "attn_precision": call.get("attn_precision"),
    }  # fmt: skip

    def kernel(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        return stock(q, k, v, heads, mask=mask, **rest)

    masks = _mask_parts(call.get("mask"), len(tables), len(q))
    outputs = [
        kernel(*part, mask) if table is None else attend(*part, table, kernel, mask)
        for *part, table, mask in zip(
            q.chunk(len(tables)), k.chunk(len(tables)), v.chunk(len(tables)), tables, masks, strict=True
        )
    ]
    output = torch.cat(outputs)
    return output if call.get("skip_output_reshape") else output.transpose(1, 2).flatten(2)


def _by_head(tensor: torch.Tensor, heads: int) -> torch.Tensor:
    """[B, tokens, heads x head_dim] -> [B, heads, tokens, head_dim]"""
    return tensor.unflatten(2, (heads, -1)).transpose(1, 2)


def _mask_parts(mask: torch.Tensor | None, parts: int, batch: int) -> Sequence[torch.Tensor | None]:
    """A model's mask, as [.., .., queries or 1, keys], for each part of the batch."""
    if mask is None:
        return [None] * parts
    while mask.dim() < 4:
        mask = mask.unsqueeze(1 if mask.dim() == 3 else 0)
    return mask.chunk(parts) if len(mask) == batch else [mask] * parts
