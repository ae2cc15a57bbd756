"""attend is dense masked attention, without ever building the mask."""

import pytest
import torch
import torch.nn.functional as F
from attention_scenes import dense_bias, layouts, packed, policies, six_shots
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from kling_core.attention.layout import KINDS
from kling_core.attention.routing import Policy, Rule, ShotRule, route
from kling_core.attention.spans import Group, KeySpan, SpanTable, attend


def random_qkv(tokens: int, seed: int = 0, head_dim: int = 8) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(2, 2, tokens, head_dim, generator=generator) for _ in range(3)]


class LargestOutput(TorchDispatchMode):
    """Records the largest number of elements that any operation gives."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        output = func(*args, **(kwargs or {}))
        for tensor in output if isinstance(output, (tuple, list)) else (output,):
            if isinstance(tensor, torch.Tensor):
                self.numel = max(self.numel, tensor.numel())
        return output


@settings(max_examples=150, deadline=None)
@given(layouts(), policies, st.integers(0, 99))
def test_attend_equals_dense_masked_attention(layout, policy, seed):
    q, k, v = random_qkv(layout.tokens, seed)
    routed = attend(q, k, v, route(layout, policy))
    dense = F.scaled_dot_product_attention(q, k, v, attn_mask=dense_bias(layout, policy))
    assert torch.allclose(routed, dense, atol=1e-5)


some_kinds = st.sets(st.sampled_from(KINDS), min_size=1)


@settings(max_examples=150, deadline=None)
@given(layouts(), policies, some_kinds, some_kinds, st.sampled_from(["none", "rows", "keys", "queries", "boolean"]))
def test_cross_attention_equals_its_part_of_the_dense_mask(layout, policy, looking, seen, kind):
    """Models with attention of their own for text or sound look from some kinds at others, and bring masks."""
    rows, columns = (
        torch.tensor([
            token
            for segment in layout.segments if segment.kind in kinds
            for token in range(segment.start, segment.stop)
        ]).long()
        for kinds in (looking, seen)
    )  # fmt: skip
    table = route(layout, policy, queries=looking, keys=seen)
    q, _, _ = random_qkv(len(rows), 1)
    _, k, v = random_qkv(len(columns), 2)
    mask = {
        "none": None, "rows": torch.randn(1, 1, len(rows), len(columns)), "keys": torch.randn(len(columns))[None],
        "queries": torch.randn(2, 1, len(rows), 1), "boolean": torch.rand(2, 1, 1, len(columns)) > 0.3,
    }[kind]  # fmt: skip
    bias = dense_bias(layout, policy)[rows][:, columns][None, None]
    if mask is not None:
        added = torch.zeros(mask.shape).masked_fill(~mask, -torch.inf) if kind == "boolean" else mask
        bias = bias + added
    if not len(rows):
        assert attend(q, k, v, table, mask=mask).shape == q.shape
        return
    weights = torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + bias, -1) if len(columns) else 0
    dense = weights @ v if len(columns) else torch.zeros_like(q)
    routed = attend(q, k, v, table, mask=mask)
    told = (bias > -torch.inf).any(-1, keepdim=True).expand(2, 2, -1, 1) if len(columns) else torch.zeros(1).bool()
    assert torch.allclose(torch.where(told, routed, 0), torch.where(told, dense, 0), atol=1e-5)
    if kind == "none":
        assert not routed[~told.expand_as(routed)].any()


def test_who_sees_no_key_gets_zeros():
    q, k, v = random_qkv(4)
    output = attend(q, k, v, SpanTable(4, 4, (Group(((0, 2),), ()), Group(((2, 4),), (KeySpan(0, 4),)))))
    assert not output[:, :, :2].any() and output[:, :, 2:].all()


@settings(max_examples=30, deadline=None)
@given(layouts(), policies, st.integers(0, 99))
def test_gradients_equal_those_of_dense_masked_attention(layout, policy, seed):
    q, k, v = (tensor.requires_grad_() for tensor in random_qkv(layout.tokens, seed))
    weight = torch.randn(q.shape, generator=torch.Generator().manual_seed(seed + 1))
    routed = torch.autograd.grad((attend(q, k, v, route(layout, policy)) * weight).sum(), (q, k, v))
    dense_output = F.scaled_dot_product_attention(q, k, v, attn_mask=dense_bias(layout, policy))
    dense = torch.autograd.grad((dense_output * weight).sum(), (q, k, v))
    assert torch.allclose(attend(q, k, v, route(layout, policy)), dense_output, atol=1e-5)
    assert all(torch.allclose(ours, theirs, atol=1e-5) for ours, theirs in zip(routed, dense, strict=True))


@settings(max_examples=30, deadline=None)
@given(layouts(), st.integers(0, 99))
def test_fully_open_is_plain_attention_to_the_bit(layout, seed):
    q, k, v = random_qkv(layout.tokens, seed)
    assert torch.equal(attend(q, k, v, route(layout, Policy.open())), F.scaled_dot_product_attention(q, k, v))


def test_fully_open_calls_the_kernel_once_with_the_untouched_tensors():
    calls = []
    q, k, v = random_qkv(6)
    attend(q, k, v, SpanTable.open(6), kernel=lambda *tensors: calls.append(tensors) or tensors[0])
    assert [tuple(map(id, call)) for call in calls] == [(id(q), id(k), id(v))]


def test_the_hosts_kernel_computes_unbiased_groups_only():
    biased = Group(((2, 4),), (KeySpan(0, 3), KeySpan(3, 4, -1.0)))
    table = SpanTable(4, 4, (Group(((0, 2),), (KeySpan(0, 4),)), biased))
    q, k, v = random_qkv(4)
    output = attend(q, k, v, table, kernel=lambda q, k, v: torch.full_like(q, 7.0))
    assert (output[:, :, :2] == 7).all()
    assert torch.equal(
        output[:, :, 2:],
        F.scaled_dot_product_attention(q[:, :, 2:], k, v, attn_mask=torch.tensor([[0, 0, 0, -1.0]])),
    )


def seen_by_kernel(table: SpanTable, *qkv: torch.Tensor) -> list[tuple[torch.Tensor, ...]]:
    calls = []
    attend(*qkv, table, kernel=lambda *tensors: calls.append(tensors) or tensors[0])
    return calls


def test_groups_that_see_the_same_keys_share_one_copy_of_them():
    some, others = (KeySpan(0, 1), KeySpan(3, 6)), (KeySpan(0, 2), KeySpan(4, 5))
    groups = Group(((0, 1), (4, 5)), some), Group(((1, 2),), others), Group(((2, 4), (5, 6)), some)
    first, second, third = seen_by_kernel(SpanTable(6, 6, groups), *random_qkv(6))
    assert first[1] is second[1] and first[2] is second[2]
    assert [call[0].shape[2] for call in (first, second, third)] == [2, 3, 1]
    assert [call[1].shape[2] for call in (first, second, third)] == [4, 4, 3]


def test_tokens_side_by_side_are_not_copied():
    qkv = random_qkv(6)
    halves = tuple(Group(((at, at + 3),), (KeySpan(1, 5),)) for at in (0, 3))
    for call in seen_by_kernel(SpanTable(6, 6, halves), *qkv):
        assert [tensor.untyped_storage().data_ptr() for tensor in call] == [
            tensor.untyped_storage().data_ptr() for tensor in qkv
        ]


def test_the_output_lies_in_memory_as_the_queries_do():
    """Models keep the heads of a token side by side; joining them afterwards must not cost a copy."""
    table = route(six_shots(), Policy())
    q, k, v = (torch.randn(2, table.query_tokens, 3, 8).transpose(1, 2) for _ in range(3))
    assert attend(q, k, v, table).stride() == q.stride()


def test_kernels_of_another_precision_are_taken_back_to_that_of_the_queries():
    layout = six_shots()
    q, k, v = random_qkv(layout.tokens)
    with torch.autocast("cpu", torch.bfloat16):
        output = attend(q, k, v, route(layout, Policy()))
    assert output.dtype == q.dtype
    assert torch.allclose(output, attend(q, k, v, route(layout, Policy())), atol=0.05)


def test_a_compiled_model_may_attend():
    layout = six_shots()
    table = route(layout, Policy(text=Rule(0.5)))
    q, k, v = random_qkv(layout.tokens)
    compiled = torch.compile(lambda q, k, v: attend(q + 1, k, v, table) * 2, backend="eager")
    assert torch.equal(compiled(q, k, v), attend(q + 1, k, v, table) * 2)


@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize("mode", ["full", "transition", "sparse"])
def test_no_operation_gives_a_tokens_by_tokens_tensor(mode, strength):
    layout = six_shots(tokens=25)
    assert layout.tokens > 2500
    rule = Rule(strength)
    q, k, v = (torch.randn(1, 1, layout.tokens, 8) for _ in range(3))
    with LargestOutput() as largest:
        attend(q, k, v, route(layout, Policy(rule, rule, rule, rule, ShotRule(strength, mode=mode))))
    assert layout.tokens <= largest.numel < layout.tokens**2 / 20


@settings(max_examples=60, deadline=None)
@given(layouts(), policies, st.data())
def test_hidden_keys_do_not_reach_the_output_and_visible_ones_do(layout, policy, data):
    q, k, v = random_qkv(layout.tokens)
    table = route(layout, policy)
    before = attend(q, k, v, table)
    token = data.draw(st.integers(0, layout.tokens - 1))
    k, v = k.clone(), v.clone()
    k[:, :, token] += 3
    v[:, :, token] += 3
    changed = (attend(q, k, v, table) != before).flatten(-1).any(-1).any(0).any(0)
    visible = dense_bias(layout, policy)[:, token] > -torch.inf
    assert torch.equal(changed, visible)


def test_index_tensors_are_made_once_a_device_and_dtype():
    table = route(six_shots(), Policy())
    q, k, v = random_qkv(table.query_tokens)
    attend(q, k, v, table)
    first = table.gathers(q.device, q.dtype)
    attend(q, k, v, table)
    assert table.gathers(q.device, q.dtype) is first


def test_index_tensors_are_none_where_slices_do():
    biased = Group(((2, 4),), (KeySpan(0, 3), KeySpan(3, 4, -1.0)))
    table = SpanTable(4, 4, (Group(((0, 2),), (KeySpan(1, 4),)), biased))
    (bias,) = table.gathers(torch.device("cpu"), torch.float32).index_tensors()
    assert bias.tolist() == [[0, 0, 0, -1]]
    scattered = SpanTable(4, 4, (Group(((0, 1), (2, 3)), (KeySpan(0, 4),)), Group(((1, 2), (3, 4)), (KeySpan(0, 4),))))
    found = scattered.gathers(torch.device("cpu"), torch.float32).index_tensors()
    assert sorted(tensor.tolist() for tensor in found) == [[0, 2], [0, 2, 1, 3], [1, 3]]


def test_pairs_count_what_is_computed():
    assert SpanTable.open(7).pairs() == 49
    layout = six_shots()
    policy = Policy(shots=ShotRule(mode="sparse"))
    assert route(layout, policy).pairs() == int((dense_bias(layout, policy) > -torch.inf).sum())


def test_sparse_shots_cost_about_a_quarter_at_six_shots():
    pieces = [(2, dict(kind="text"))]
    for shot in range(6):
        fields = dict(kind="video", shot=shot)
        pieces += [(10, fields | dict(first=True, opening=True)), (90, fields)]
    layout = packed(pieces, [set()] * 6)
    table = route(layout, Policy(shots=ShotRule(mode="sparse")))
    assert table.pairs() / layout.tokens**2 == pytest.approx(0.25, abs=0.03)


def test_describe_names_every_group_and_the_cost():
    biased = Group(((0, 3),), (KeySpan(0, 2), KeySpan(3, 4, -0.5)))
    table = SpanTable(4, 4, (biased, Group(((3, 4),), (KeySpan(3, 4),))))
    assert table.describe().splitlines() == [
        "4 tokens, 2 groups, 62% of all pairs",
        "0:3 sees 3 keys: 0:2 3:4 (-0.50)",
        "3:4 sees 1 keys: 3:4",
    ]


@pytest.mark.parametrize(
    "groups",
    [
        (Group(((0, 3),), (KeySpan(0, 4),)),),
        (Group(((0, 3), (2, 4)), (KeySpan(0, 4),)),),
        (Group(((0, 4),), (KeySpan(0, 5),)),),
        (Group(((0, 4),), (KeySpan(2, 4), KeySpan(0, 2))),),
        (Group(((0, 4),), (KeySpan(0, 4, float("-inf")),)),),
    ],
    ids=["query missing", "query twice", "key outside", "keys out of order", "infinite bias"],
)
def test_a_malformed_table_is_refused(groups):
    with pytest.raises(ValueError):
        SpanTable(4, 4, groups)


def test_a_table_for_another_length_is_refused():
    q, k, v = random_qkv(5)
    with pytest.raises(ValueError, match="4 queries"):
        attend(q, k, v, SpanTable.open(4))
