"""Who attends whom as spans of tokens, and the one attention function that computes it.

A 10 s scene on a large backbone has 70 000 video tokens, whose attention mask would take gigabytes. A SpanTable says
the same with a few numbers a group, and `attend` runs one dense kernel a group on gathered keys and values.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
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
        return cls(query_tokens, key_tokens, _one_group(query_tokens, key_tokens))

    @property
    def is_open(self) -> bool:
        return self.groups == _one_group(self.query_tokens, self.key_tokens)

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


def _one_group(query_tokens: int, key_tokens: int) -> tuple[Group, ...]:
    """The groups of a table that hides nothing."""
    keys = (KeySpan(0, key_tokens),) if key_tokens else ()
    return (Group(((0, query_tokens),), keys),) if query_tokens else ()


_Tokens = slice | torch.Tensor
"""Which tokens: one slice where they lie side by side, else an index tensor."""


@dataclass(frozen=True)
class _GroupGather:
    """bias: [1, keys] or None."""

    queries: _Tokens
    bias: torch.Tensor | None


@dataclass(frozen=True)
class _KeyGather:
    """Keys, and the groups that see just these, each with a bias of its own: they are gathered once for all."""

    keys: _Tokens
    groups: tuple[_GroupGather, ...]


@dataclass(frozen=True)
class _Gathers:
    """inverse: for every token its place among the queries of all groups; None when they lie in order already."""

    keys: tuple[_KeyGather, ...]
    inverse: torch.Tensor | None

    @classmethod
    @torch.compiler.disable  # made once: nothing to gain, and numpy's shapes would be traced anew for every group
    def of(cls, table: SpanTable, device: torch.device, dtype: torch.dtype) -> _Gathers:
        sharing: dict[tuple[tuple[int, int], ...], list[Group]] = defaultdict(list)
        for group in table.groups:
            sharing[merged((span.start, span.stop) for span in group.keys)].append(group)
        keys = tuple(
            _KeyGather(
                _tokens_of(spans, device),
                tuple(_GroupGather(_tokens_of(each.queries, device), _bias_of(each, device, dtype)) for each in groups),
            )
            for spans, groups in sharing.items()
        )
        order = _numbers([span for groups in sharing.values() for group in groups for span in group.queries])
        in_order = bool((order[1:] > order[:-1]).all())
        return cls(keys, None if in_order else torch.from_numpy(order.argsort()).to(device))

    def index_tensors(self) -> list[torch.Tensor]:
        """All that it keeps on its device."""
        groups = [group for each in self.keys for group in each.groups]
        held = [self.inverse, *(each.keys for each in self.keys)]
        held += [part for group in groups for part in (group.queries, group.bias)]
        return [tensor for tensor in held if isinstance(tensor, torch.Tensor)]


def _bias_of(group: Group, device: torch.device, dtype: torch.dtype) -> torch.Tensor | None:
    if not group.biased:
        return None
    values = np.repeat([span.bias for span in group.keys], [len(span) for span in group.keys])
    return torch.from_numpy(values).to(device, dtype)[None]


def _tokens_of(spans: Sequence[tuple[int, int]], device: torch.device) -> _Tokens:
    """spans: ascending, neighbours joined."""
    return slice(*(spans or [(0, 0)])[0]) if len(spans) < 2 else torch.from_numpy(_numbers(spans)).to(device)


def _numbers(spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """All numbers in the spans, one span after the other."""
    starts, stops = np.array(spans, int).reshape(-1, 2).T
    lengths = stops - starts
    return np.arange(lengths.sum()) + np.repeat(starts - (lengths.cumsum() - lengths), lengths)


def _take(tensor: torch.Tensor, axis: int, tokens: _Tokens) -> torch.Tensor:
    """Some tokens of an axis; a view when they lie side by side."""
    if isinstance(tokens, slice):
        return tensor.narrow(axis, tokens.start, tokens.stop - tokens.start)
    return tensor.index_select(axis, tokens)


def _put(tensor: torch.Tensor, tokens: _Tokens, values: torch.Tensor) -> None:
    """The way back: [B, heads, some tokens, head_dim] into [B, heads, tokens, head_dim]."""
    if isinstance(tokens, slice):
        tensor[:, :, tokens] = values
    else:
        tensor.index_copy_(2, tokens, values.to(tensor.dtype))  # under autocast kernels give another


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
    parts = _parts(q, k, v, gathers, kernel, mask)
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (q, k, v)):
        # Autograd would copy the whole output at each write in place.
        output = torch.cat([part for _, part in parts], 2)
        return output if gathers.inverse is None else output.index_select(2, gathers.inverse)
    # Without it, parts go where they belong one by one, since all of them are as large as the output itself.
    output = torch.empty_like(q)
    for queries, part in parts:
        _put(output, queries, part)
    return output


_Part = tuple[_Tokens, torch.Tensor]


def _parts(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, gathers: _Gathers, kernel: Kernel, mask: torch.Tensor | None
) -> Iterator[_Part]:
    """Queries and their output, group by group. One set of gathered keys is alive at a time."""
    for seen in gathers.keys:
        yield from _parts_of(q, _take(k, 2, seen.keys), _take(v, 2, seen.keys), seen, kernel, mask)


def _parts_of(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, seen: _KeyGather, kernel: Kernel, mask: torch.Tensor | None
) -> Iterator[_Part]:
    mask = _masked_part(mask, 3, seen.keys)
    for group in seen.groups:
        own = _take(q, 2, group.queries)
        if not k.shape[2]:
            yield group.queries, torch.zeros_like(own)
            continue
        bias = _masked_part(mask, 2, group.queries)
        if group.bias is not None:
            bias = group.bias if bias is None else bias + group.bias
        if bias is None:
            yield group.queries, kernel(own, k, v)
        else:
            yield group.queries, F.scaled_dot_product_attention(own, k, v, attn_mask=bias)


def _masked_part(mask: torch.Tensor | None, axis: int, tokens: _Tokens) -> torch.Tensor | None:
    """Some queries or keys of a mask; all of it where it says the same of all."""
    return mask if mask is None or mask.shape[axis] == 1 else _take(mask, axis, tokens)


def _added(mask: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """Any mask as what is added to the logits, [.., .., queries or 1, keys or 1]."""
    mask = mask.reshape((1,) * (4 - mask.dim()) + tuple(mask.shape))
    if mask.dtype == torch.bool:
        return torch.zeros_like(mask, dtype=q.dtype).masked_fill_(~mask, -torch.inf)
    return mask.to(q)
