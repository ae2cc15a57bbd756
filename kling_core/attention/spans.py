"""Who attends whom as spans of tokens, and the one attention function that computes it.

A 10 s scene on a large backbone has 70 000 video tokens, whose attention mask would take gigabytes. A SpanTable says
the same with a few numbers a group, and `attend` runs one dense kernel a group on gathered keys and values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F

Kernel = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""kernel(q, k, v): attention without a mask, q [B, heads, Q, head_dim], k and v [B, heads, K, head_dim] -> like q."""


@dataclass(frozen=True)
class KeySpan:
    """Keys [start, stop) and the finite number that is added to their logits; 0 = fully visible."""

    start: int
    stop: int
    bias: float = 0.0

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Group:
    """Queries, as spans [start, stop), that see the same keys. Both lists ascend and do not overlap."""

    queries: tuple[tuple[int, int], ...]
    keys: tuple[KeySpan, ...]

    @property
    def query_count(self) -> int:
        return sum(stop - start for start, stop in self.queries)

    @property
    def key_count(self) -> int:
        return sum(len(span) for span in self.keys)

    @property
    def biased(self) -> bool:
        return any(span.bias for span in self.keys)


@dataclass(frozen=True, eq=False)
class SpanTable:
    """Groups of queries and the keys that each sees, of `query_tokens` and `key_tokens` tokens: the same ones in a
    packed stream, different ones in cross-attention. Every query token belongs to one group.

    A key that no span of a group names is hidden from it exactly: it takes no part in the computation. Queries that see
    no key at all get zeros, as if this attention were not there. Index tensors are made once per device and kept here,
    as a table serves all layers and steps that share its policy.
    """

    query_tokens: int
    key_tokens: int
    groups: tuple[Group, ...]
    _gathers: dict = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        queries = sorted(span for group in self.groups for span in group.queries)
        at = 0
        for start, stop in queries:
            if start != at or stop <= start:
                raise ValueError(f"queries must cover every token once; span [{start}, {stop}) follows token {at}")
            at = stop
        if at != self.query_tokens:
            raise ValueError(f"groups have {at} queries, the table {self.query_tokens}")
        for group in self.groups:
            self._check_keys(group)

    def _check_keys(self, group: Group) -> None:
        at = 0
        for span in group.keys:
            if not (at <= span.start < span.stop <= self.key_tokens and math.isfinite(span.bias)):
                raise ValueError(f"key spans must ascend within {self.key_tokens} tokens, with a finite bias: {span}")
            at = span.stop

    @classmethod
    def open(cls, query_tokens: int, key_tokens: int | None = None) -> SpanTable:
        """Everybody sees everybody: plain attention. Without `key_tokens` the queries are the keys."""
        key_tokens = query_tokens if key_tokens is None else key_tokens
        keys = (KeySpan(0, key_tokens),) if key_tokens else ()
        return cls(query_tokens, key_tokens, (Group(((0, query_tokens),), keys),) if query_tokens else ())

    @property
    def is_open(self) -> bool:
        return self.groups == SpanTable.open(self.query_tokens, self.key_tokens).groups

    def pairs(self) -> int:
        """Query-key pairs that are computed, the cost of attention; all of them when open."""
        return sum(group.query_count * group.key_count for group in self.groups)

    def describe(self) -> str:
        """One line a group, for people."""
        share = self.pairs() / max(self.query_tokens * self.key_tokens, 1)
        tokens = f"{self.query_tokens} tokens" + f" on {self.key_tokens}" * (self.key_tokens != self.query_tokens)
        lines = [f"{tokens}, {len(self.groups)} groups, {share:.0%} of all pairs"]
        for group in self.groups:
            keys = [f"{span.start}:{span.stop}" + (f" ({span.bias:+.2f})" if span.bias else "") for span in group.keys]
            queries = [f"{start}:{stop}" for start, stop in group.queries]
            lines.append(f"{_shortened(queries)} sees {group.key_count} keys: {_shortened(keys)}")
        return "\n".join(lines)

    def gathers(self, device: torch.device, dtype: torch.dtype) -> _Gathers:
        """The index tensors of `attend`, made on first use for this device and dtype."""
        found = self._gathers.get((device, dtype))
        if found is None:
            found = self._gathers[device, dtype] = _Gathers.of(self, device, dtype)
        return found


def merged(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Ascending spans [start, stop) with neighbours joined and empty ones left out."""
    joined: list[tuple[int, int]] = []
    for start, stop in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], stop)
        elif stop > start:
            joined.append((start, stop))
    return tuple(joined)


def _shortened(names: list[str], most: int = 6) -> str:
    return " ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


@dataclass(frozen=True)
class _GroupGather:
    """queries: their number. keys: one slice, or an index tensor. bias: [1, keys] or None."""

    queries: int
    keys: slice | torch.Tensor
    bias: torch.Tensor | None

    def take(self, tokens: torch.Tensor) -> torch.Tensor:
        """[B, heads, tokens, head_dim] -> [B, heads, keys, head_dim]; a view when the keys lie side by side."""
        if isinstance(self.keys, slice):
            return tokens[:, :, self.keys]
        return tokens.index_select(2, self.keys)


@dataclass(frozen=True)
class _Gathers:
    """order: token of each sorted query, None when they lie in order already; inverse: the way back."""

    groups: tuple[_GroupGather, ...]
    order: torch.Tensor | None
    inverse: torch.Tensor | None

    @classmethod
    def of(cls, table: SpanTable, device: torch.device, dtype: torch.dtype) -> _Gathers:
        order = _tokens_of([span for group in table.groups for span in group.queries])
        groups = tuple(_group_gather(group, device, dtype) for group in table.groups)
        if bool((order == torch.arange(table.query_tokens)).all()):
            return cls(groups, None, None)
        return cls(groups, order.to(device), order.argsort().to(device))


def _group_gather(group: Group, device: torch.device, dtype: torch.dtype) -> _GroupGather:
    spans = merged((span.start, span.stop) for span in group.keys)
    keys = slice(*(spans or [(0, 0)])[0]) if len(spans) < 2 else _tokens_of(spans).to(device)
    bias = None
    if group.biased:
        values = torch.tensor([span.bias for span in group.keys], dtype=torch.float64)
        lengths = torch.tensor([len(span) for span in group.keys])
        bias = values.repeat_interleave(lengths).to(device, dtype)[None]
    return _GroupGather(group.query_count, keys, bias)


def _tokens_of(spans: Iterable[tuple[int, int]]) -> torch.Tensor:
    return torch.cat([torch.arange(start, stop) for start, stop in spans])


def attend(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    table: SpanTable,
    kernel: Kernel | None = None,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Attention in which each query sees the keys that `table` grants it.

    q: [B, heads, queries, head_dim]; k, v: [B, heads, keys, head_dim]; returns the like of q. `kernel` is the host's
    preferred attention, scaled_dot_product_attention by default. With an open table and no mask this is exactly one
    kernel call on the untouched q, k, v. mask: what the model itself adds to the logits (float) or keeps (bool), of a
    shape that broadcasts to [B, heads, queries, keys]. Groups with a bias or a mask always go to
    scaled_dot_product_attention, because several fast kernels silently drop a mask. Raises ValueError when q or k has
    another number of tokens than the table.
    """
    if (q.shape[2], k.shape[2]) != (table.query_tokens, table.key_tokens):
        wanted = f"{table.query_tokens} queries and {table.key_tokens} keys"
        raise ValueError(f"the table is for {wanted}, these are {q.shape[2]} and {k.shape[2]}")
    kernel = kernel or F.scaled_dot_product_attention
    if table.is_open and mask is None:
        return kernel(q, k, v)
    if not table.query_tokens:
        return torch.zeros_like(q)
    if mask is not None:
        mask = _added(mask, q)
    gathers = table.gathers(q.device, q.dtype)
    if gathers.order is not None:
        q = q.index_select(2, gathers.order)
        mask = mask.index_select(2, gathers.order) if mask is not None and mask.shape[2] > 1 else mask
    outputs, at = [], 0
    for group in gathers.groups:
        rows = slice(at, at + group.queries)
        at += group.queries
        outputs.append(_attend_group(q[:, :, rows], k, v, group, kernel, _rows(mask, rows)))
    # One cat and one permutation instead of writes in place, which would make autograd copy the whole output a group.
    output = torch.cat(outputs, 2)
    return output if gathers.inverse is None else output.index_select(2, gathers.inverse)


def _attend_group(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, group: _GroupGather, kernel: Kernel, mask: torch.Tensor | None
) -> torch.Tensor:
    keys, values = group.take(k), group.take(v)
    if not keys.shape[2]:
        return torch.zeros_like(q)
    bias = group.bias
    if mask is not None:
        mask = group.take(mask.transpose(2, 3)).transpose(2, 3)
        bias = mask if bias is None else mask + bias
    if bias is None:
        return kernel(q, keys, values)
    return F.scaled_dot_product_attention(q, keys, values, attn_mask=bias)


def _rows(mask: torch.Tensor | None, rows: slice) -> torch.Tensor | None:
    return mask[:, :, rows] if mask is not None and mask.shape[2] > 1 else mask


def _added(mask: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """Any mask as what is added to the logits, [.., .., queries or 1, keys]."""
    mask = mask.reshape((1,) * (4 - mask.dim()) + tuple(mask.shape))
    if mask.dtype == torch.bool:
        return torch.zeros_like(mask, dtype=q.dtype).masked_fill_(~mask, -torch.inf)
    return mask.to(q)
