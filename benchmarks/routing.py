"""What routing costs on a large model: one attention layer over a whole MiniMax H3 scene of 15 s, stock and routed.

    python benchmarks/routing.py [--full] [--device auto] [--dtype float32] [--rows N] [--columns N] [--heads N]
        [--head-dim N] [--repeat N] [--out FILE.json]

The scene has six shots and three people with pictures and voices; its tokens are in the order and number in which H3
has them, 107 latents of 24 x 42. `--full` takes that and all 56 heads, which wants a GPU. Without it latents have
10 x 18, text, voices and sound are fewer in proportion, and there is one head: about a minute on one core.

The ways of routing take turns, and each is compared with the stock attention of its own turn, so that whatever else the
machine does meets all of them; medians, and the shortest and longest. On a CPU these are seconds of processor time,
which count no waiting for others. `limit` is the share of query-key pairs that is computed at all: no routing can take
less than that share of stock. On a CPU small groups stay further from it: with fewer than 768 queries torch's kernel
takes about a third longer over the same pairs.
"""

from __future__ import annotations

import argparse
import statistics
import time
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from results import describe_machine, publish
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

from kling_core.attention.film_tokens import add_audio, add_text, add_video
from kling_core.attention.layout import KINDS, REFERENCE, Layout, LayoutBuilder
from kling_core.attention.routing import Policy, Rule, ShotRule, route
from kling_core.attention.spans import SpanTable, attend
from kling_core.backbone import Limits
from kling_core.elements.element import Binding, Cast, Element
from kling_core.plan.grid import Grid, Lattice
from kling_core.plan.plan import Plan
from kling_core.plan.resolve import plan as resolve
from kling_core.prompts.prompt import PromptSpan
from kling_core.storyboard.storyboard import Storyboard

ROWS, COLUMNS, HEADS, HEAD_DIM = 24, 42, 56, 128  # MiniMax H3 at 1344 x 768
SMALL = 10, 18, 1
PIXELS = 32  # a side of a video token
AUDIO_RATE, AUDIO_TRACKS = 40, 2  # latent steps a second, tokens a step
VIEWS, VOICE_SECONDS = 3, 5  # of each of three people: the nine pictures and 15 s of voices that H3 takes
TEXT_OF_SCENE, TEXT_OF_SHOT, TEXT_OF_LINE = 200, 60, 20  # tokens
PEOPLE = ("ana", "bo", "cem")
LIMITS = Limits(shots=6, seconds=(3.0, 15.0), elements=7, views_per_element=VIEWS, subjects_per_shot=3)
_SOFT_VOICES = dict(regions=Rule(0.0), voices=Rule(0.5))
POLICIES = {
    "open": Policy.open(),
    "assist": Policy(**_SOFT_VOICES, shots=ShotRule(0.0)),
    "bound": Policy(shots=ShotRule(0.0)),
    "transition": Policy(**_SOFT_VOICES, shots=ShotRule(mode="transition")),
    "sparse": Policy(**_SOFT_VOICES, shots=ShotRule(mode="sparse")),
}
"""Those that the pack's Backbone node offers (nodes/backbones/policies.py): assist is its default, in any shot mode."""


def scene_plan(rows: int, columns: int) -> Plan:
    """Six shots of one to three people who speak, 362 frames on H3's lattice."""
    grid = Grid(
        fps=24, lattice=Lattice((1, 4, 4, 4, 4), tail=2), spatial_stride=PIXELS,
        sizes={"16:9": (columns * PIXELS, rows * PIXELS)}, audio_rate=32000, audio_token_rate=AUDIO_RATE,
        sound_tracks=AUDIO_TRACKS,
    )  # fmt: skip
    casts = [PEOPLE, PEOPLE[:1], PEOPLE[:2], PEOPLE[1:], PEOPLE[2:], PEOPLE]
    moves = ["dolly", "static", "orbit", "truck", "pan", "static"]
    shots = [
        {"seconds": 2.5, "size": "medium", "subjects": names, "camera": [{"kind": move}],
         "lines": [{"speaker": names[0], "text": "We can go now."}]}
        for names, move in zip(casts, moves, strict=True)
    ]  # fmt: skip
    cast = Cast(tuple(Binding(Element(name)) for name in PEOPLE))
    return resolve(Storyboard.model_validate({"title": "Routing", "shots": shots}), cast, grid, LIMITS)


def scene_layout(plan: Plan, rows: int, columns: int) -> Layout:
    """The tokens of a scene as H3 packs them; with a smaller picture, fewer of every kind."""
    share = rows * columns / (ROWS * COLUMNS)
    builder = LayoutBuilder()
    _add_prompt(builder, plan, share)
    for name in PEOPLE:
        tokens = VIEWS * rows * columns + round(VOICE_SECONDS * AUDIO_RATE * AUDIO_TRACKS * share)
        builder.add(REFERENCE, torch.zeros(tokens, 3), owner=name)
    for side in (-1.0, 1.0):
        add_audio(builder, plan, round(plan.seconds * AUDIO_RATE * share), side)
    add_video(builder, plan, rows, columns)
    return builder.layout(tuple(frozenset(shot.subjects) for shot in plan.shots))


def _add_prompt(builder: LayoutBuilder, plan: Plan, share: float) -> None:
    scene, shot_text, line_text = (max(1, round(share * n)) for n in (TEXT_OF_SCENE, TEXT_OF_SHOT, TEXT_OF_LINE))
    spans, at = [], scene
    for shot in plan.shots:
        owners = [None, *(line.speaker for line in plan.lines if line.shot == shot.index)]
        for owner, tokens in zip(owners, (shot_text, *(line_text,) * len(plan.lines))):
            spans.append(PromptSpan(at, at + tokens, shot.index, owner))
            at += tokens
    add_text(builder, spans, at)


class LiveMemory(TorchDispatchMode):
    """Bytes of the tensors that operations make and that live at the same time: the most of them, and the largest.

    given: tensors that were there before. What kernels take for themselves and give back is not seen.
    """

    def __init__(self, given: Iterable[torch.Tensor]):
        super().__init__()
        self.live = self.peak = self.largest = 0
        self._storages = WeakIdKeyDictionary({tensor.untyped_storage(): tensor.nbytes for tensor in given})

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        output = func(*args, **(kwargs or {}))
        for tensor in output if isinstance(output, (tuple, list)) else (output,):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        return output

    def _count(self, storage: torch.UntypedStorage) -> None:
        if storage in self._storages:
            return
        size = storage.nbytes()
        self._storages[storage] = size
        self.live += size
        self.peak, self.largest = max(self.peak, self.live), max(self.largest, size)
        weakref.finalize(storage, self._free, size)

    def _free(self, size: int) -> None:
        self.live -= size


class Layer:
    """The queries, keys and values of one attention layer, and every way to compute it."""

    def __init__(self, layout: Layout, heads: int, head_dim: int, device: torch.device, dtype: torch.dtype):
        generator = torch.Generator().manual_seed(0)
        shape = 1, layout.tokens, heads, head_dim  # as projections give them: the heads of a token side by side
        self.qkv = [torch.randn(shape, generator=generator).to(device, dtype).transpose(1, 2) for _ in range(3)]
        self.layout, self.device, self.dtype = layout, device, dtype

    def tables(self) -> dict[str, tuple[SpanTable, dict]]:
        """The table of every policy, and what it took to make it."""
        found = {}
        for name, policy in POLICIES.items():
            first, table = _timed(partial(route, self.layout, policy))
            again, _ = _timed(partial(route, self.layout, policy))
            indexing, gathers = _timed(partial(table.gathers, self.device, self.dtype))
            index_bytes = sum(tensor.nbytes for tensor in gathers.index_tensors())
            found[name] = table, {
                "groups": len(table.groups), "biased groups": sum(group.biased for group in table.groups),
                "key spans": sum(len(group.keys) for group in table.groups),
                "table seconds": round(first, 4), "table seconds from cache": round(again, 6),
                "index seconds": round(indexing, 4), "index MB": _mb(index_bytes),
            }  # fmt: skip
        return found

    def seconds(self, way: Callable[[], torch.Tensor]) -> float:
        return _timed(way, self.device)[0]

    def memory(self, way: Callable[[], torch.Tensor]) -> dict:
        """What a way allocates at most besides its output, and its largest single tensor."""
        with torch.no_grad(), LiveMemory(self.qkv) as memory:
            output = way()
        return {"peak MB beyond output": _mb(memory.peak - output.nbytes), "largest tensor MB": _mb(memory.largest)}


def _timed(call: Callable, device: torch.device | None = None) -> tuple[float, Any]:
    on_gpu = device is not None and device.type == "cuda"
    clock = time.perf_counter if on_gpu else time.process_time
    started = clock()
    result = call()
    if on_gpu:
        torch.cuda.synchronize(device)
    return clock() - started, result


def _mb(size: int) -> float:
    return round(size / 2**20, 2)


def measure(
    rows: int, columns: int, heads: int, head_dim: int, device: torch.device, dtype: torch.dtype, repeat: int
) -> dict:
    """Every way `repeat` times in turn, after one round in which memory is counted and caches get warm."""
    plan = scene_plan(rows, columns)
    layout_seconds, layout = _timed(partial(scene_layout, plan, rows, columns))
    layer = Layer(layout, heads, head_dim, device, dtype)
    tables = layer.tables()
    ways = {"stock": partial(F.scaled_dot_product_attention, *layer.qkv)}
    ways |= {name: partial(attend, *layer.qkv, table) for name, (table, _) in tables.items()}
    memory = {name: layer.memory(way) for name, way in ways.items()}
    names = list(ways)
    # Every turn begins with another one, since what ran before leaves caches and clocks its own way.
    turns = [
        {name: layer.seconds(ways[name]) for name in (*names[first:], *names[:first])}
        for first in (turn % len(names) for turn in range(repeat))
    ]  # fmt: skip
    result = {"stock": _times(turns, "stock") | memory["stock"]}
    for name, (table, made) in tables.items():
        limit = {"limit": round(table.pairs() / layout.tokens**2, 3)}
        result[name] = _times(turns, name) | limit | made | memory[name]
    return {
        "tokens": {kind: layout.count([kind]) for kind in KINDS} | {"all": layout.tokens},
        "segments": len(layout.segments), "layout seconds": round(layout_seconds, 4),
        "tokens x tokens MB": _mb(layout.tokens**2 * heads * dtype.itemsize), "ways": result,
    }  # fmt: skip


def _times(turns: list[dict[str, float]], name: str) -> dict[str, float]:
    """Its seconds, and its share of what stock attention took in the same turn; medians."""
    seconds = [turn[name] for turn in turns]
    return {
        "seconds": round(statistics.median(seconds), 4), "from": round(min(seconds), 4), "to": round(max(seconds), 4),
        "of stock": round(statistics.median(turn[name] / turn["stock"] for turn in turns), 3),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="H3's own size; the numbers below still count if given")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--columns", type=int)
    parser.add_argument("--heads", type=int)
    parser.add_argument("--head-dim", type=int, default=HEAD_DIM)
    parser.add_argument("--device", default="auto", help="auto: a GPU where there is one")
    parser.add_argument("--dtype", help="default: bfloat16 on a GPU, else float32")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rows, columns, heads = (ROWS, COLUMNS, HEADS) if arguments.full else SMALL
    name = arguments.device
    device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
    dtype = arguments.dtype or ("float32" if device.type == "cpu" else "bfloat16")
    settings = {
        "rows": arguments.rows or rows, "columns": arguments.columns or columns, "heads": arguments.heads or heads,
        "head_dim": arguments.head_dim, "repeat": arguments.repeat,
    }  # fmt: skip
    measured = measure(**settings, device=device, dtype=getattr(torch, dtype))
    processor = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    publish(
        {"machine": describe_machine(), "device": processor or str(device), "dtype": dtype, **settings, **measured},
        arguments.out,
    )


if __name__ == "__main__":
    main()
