"""Routing: the rules that turn a Layout into a SpanTable. They are what makes binding and cuts hold.

Who sees whom when every rule is on (rows look, columns are looked at; shots i and j differ, p and q are people):

                     text                      references              audio                     video
                     global   shot i  shot j   of p     of q           line of p   ambience      of p        of q
    text of shot i   yes      yes     text     refs     refs           text        text          text        text
    references of p  refs     refs    refs     yes      refs           refs        refs          refs        refs
    line of p  (i)   yes      yes 1   text     yes 2    voices         yes         yes           shots 3     shots 3
    ambience   (i)   yes      yes     text     yes 2    yes 2          yes         yes           shots 3     shots 3
    video of p (i)   yes      yes 1   text     yes 2    regions        yes 3       yes 3         yes 4       regions
    background (i)   yes      yes     text     regions  regions        yes 3       yes 3         yes 4       yes 4
    video of q (i)   yes      yes 1   text     regions  yes 2          voices      yes 3         regions     yes 4

A word in a cell is the rule that hides it. 1: text about somebody else is hidden by `regions`. 2: in shots in which
the owner is cast; elsewhere hidden by `references`. 3: across shots hidden by `shots`, except in mode full. 4: in other
shots as the mode of `shots` says. `regions` hides neither text nor references of what nobody stages, such as a place or
a named thing (Layout.unplaced_in_shot): no box is theirs, so they are for the whole shot.

A reference of the film itself, laid out on its lattice (a moving guide), has a shot and no owner:

                            guide of shot i   guide of shot j   all else
    text of shot i          refs              refs              as above
    guide of shot i         yes               refs              refs
    sound, video of shot i  yes               refs              as above

The modes of `shots`:

    full        everything
    transition  the first two latents of a shot see their own shot only, the others everything
    sparse      own shot, and the first latent of every shot

Everything that no rule hides is open. A rule of strength s between 0 and 1 adds log(1 - s) to the logits of what it
hides, so that its attention weight shrinks by the factor 1 - s; at 1 the keys are left out. Strengths of several rules
multiply. Sources: text and sparse shots HoloCine (arXiv 2510.20822), transition CineWeaver (2607.26529), references by
shot MultiShotMaster (2512.03041), self-only references Stand-In (2508.07901), one voice for one region MultiTalk
(2505.22647).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal, NamedTuple, get_args
from weakref import WeakKeyDictionary

import numpy as np

from kling_core.attention.layout import AUDIO, KINDS, REFERENCE, TEXT, VIDEO, Layout, Segment
from kling_core.attention.spans import Group, KeySpan, SpanTable
from kling_core.errors import KlingError, Problem, ProblemList

ShotMode = Literal["full", "transition", "sparse"]
RULES = ("text", "references", "regions", "voices", "shots")


@dataclass(frozen=True)
class Rule:
    """A switch. strength: 0 = off, 1 = hard. layers, steps: the part of the depth and of the sampling in which it
    holds, as fractions [from, to] of 0..1. Raises KlingError for values outside.
    """

    strength: float = 1.0
    layers: tuple[float, float] = (0.0, 1.0)
    steps: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        problems = ProblemList()
        if not 0 <= self.strength <= 1:
            problems.add("routing rule", f"strength {self.strength} is outside 0..1", "Use 0 for off, 1 for hard.")
        for name in ("layers", "steps"):
            start, stop = getattr(self, name)
            if not 0 <= start <= stop <= 1:
                problems.add("routing rule", f"{name} {start}..{stop} is no range within 0..1", "Use (0, 1) for all.")
        problems.raise_if_any()

    def strength_at(self, layer: int, layers: int, step: int, steps: int) -> float:
        """Its strength in this layer and step (0-based), which count where their middle lies within the range."""
        in_layers = self.layers[0] <= (layer + 0.5) / layers <= self.layers[1]
        in_steps = self.steps[0] <= (step + 0.5) / steps <= self.steps[1]
        return self.strength if in_layers and in_steps else 0.0


@dataclass(frozen=True)
class ShotRule(Rule):
    """How much the shots see of each other; see the drawing above. Mode full hides nothing."""

    mode: ShotMode = "full"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mode not in get_args(ShotMode):
            remedy = f"Use {', '.join(get_args(ShotMode))}."
            raise KlingError(Problem("routing rule shots", f"there is no mode {self.mode!r}", remedy))


@dataclass(frozen=True)
class Policy:
    """Five independent switches. By default all are hard and all shots see each other."""

    text: Rule = Rule()
    references: Rule = Rule()
    regions: Rule = Rule()
    voices: Rule = Rule()
    shots: ShotRule = ShotRule()

    @classmethod
    def open(cls) -> Policy:
        """Every rule off: stock attention."""
        return cls(*(Rule(0.0),) * 4, ShotRule(0.0))


class _Effective(NamedTuple):
    """The strengths that hold in one layer and step, in the order of RULES, and the shot mode."""

    strengths: tuple[float, ...]
    mode: ShotMode


_Tables = dict[tuple[_Effective, frozenset[str], frozenset[str]], SpanTable]
_tables: WeakKeyDictionary[Layout, _Tables] = WeakKeyDictionary()


def route(
    layout: Layout,
    policy: Policy,
    *,
    queries: Iterable[str] = KINDS,
    keys: Iterable[str] = KINDS,
    layer: int = 0,
    layers: int = 1,
    step: int = 0,
    steps: int = 1,
) -> SpanTable:
    """The SpanTable of a layout under a policy, in one layer of `layers` and one step of `steps` (both 0-based).

    queries, keys: the kinds of tokens that look and that are looked at, numbered in packed order without the others:
    all in a packed stream, ("video",) and ("text",) in the text attention of a model that has one. Layers and steps
    with the same strengths get the same table object, with its index tensors. With nothing to hide the table is open,
    and `attend` is plain attention.
    """
    strengths = tuple(getattr(policy, name).strength_at(layer, layers, step, steps) for name in RULES)
    effective = _Effective(strengths, policy.shots.mode if strengths[-1] else "full")
    tables, key = _tables.setdefault(layout, {}), (effective, frozenset(queries), frozenset(keys))
    if key not in tables:
        tables[key] = _build(layout, *key)
    return tables[key]


def _build(layout: Layout, effective: _Effective, query_kinds: frozenset[str], key_kinds: frozenset[str]) -> SpanTable:
    looking = _Numbered.of(layout, query_kinds)
    seen = looking if key_kinds == query_kinds else _Numbered.of(layout, key_kinds)
    view = _View(layout, effective.mode)
    # Queries that see the same keys with the same biases form one group, whatever they are.
    groups_of: dict[tuple[float, ...], list[int]] = defaultdict(list)
    for number, trait in enumerate(looking.traits):
        groups_of[tuple(_bias(view, effective.strengths, trait, other) for other in seen.traits)].append(number)
    groups = []
    for biases, members in groups_of.items():
        belongs = np.zeros(len(looking.traits), bool)
        belongs[members] = True
        queries = tuple((start, stop) for start, stop, within in looking.runs(belongs) if within)
        keys = tuple(KeySpan(*run) for run in seen.runs(np.array(biases)) if run[-1] > -math.inf)
        groups.append(Group(queries, keys))
    groups.sort(key=lambda group: group.queries[0])
    return SpanTable(looking.tokens, seen.tokens, tuple(groups))


_TRAITS = attrgetter("kind", "shot", "owner", "first", "opening")  # what the rules look at


@dataclass(frozen=True, eq=False)
class _Numbered:
    """The segments of some kinds, none of them empty, numbered as if there were no others.

    traits: one segment of each sort that the rules tell apart, of which a layout has far fewer than segments. which:
    [segments] the trait of each. bounds: [segments + 1] where each begins, and where the last one ends.
    """

    traits: tuple[Segment, ...]
    which: np.ndarray
    bounds: np.ndarray

    @classmethod
    def of(cls, layout: Layout, kinds: frozenset[str]) -> _Numbered:
        segments = [segment for segment in layout.segments if segment.kind in kinds and segment.stop > segment.start]
        one_of = {_TRAITS(segment): segment for segment in segments}
        number_of = {trait: number for number, trait in enumerate(one_of)}
        which = np.array([number_of[_TRAITS(segment)] for segment in segments], int)
        bounds = np.cumsum([0, *(segment.stop - segment.start for segment in segments)])
        return cls(tuple(one_of.values()), which, bounds)

    @property
    def tokens(self) -> int:
        return int(self.bounds[-1])

    def runs(self, values: np.ndarray) -> list[tuple[int, int, Any]]:
        """(start, stop, value) of all tokens, given a value for each trait; neighbours of the same value joined."""
        values = values[self.which]
        edges = np.flatnonzero(values[1:] != values[:-1]) + 1
        firsts = np.concatenate([np.zeros(min(len(values), 1), int), edges])
        stops = np.concatenate([self.bounds[edges], self.bounds[-1:]])[: len(firsts)]
        return list(zip(self.bounds[firsts].tolist(), stops.tolist(), values[firsts].tolist()))


def _bias(view: _View, strengths: tuple[float, ...], looking: Segment, seen: Segment) -> float:
    """What is added to the logits: the logs of 1 - strength of every rule that hides `seen`; -inf when one is hard."""
    bias = 0.0
    for name, strength in zip(RULES, strengths, strict=True):
        if strength and getattr(view, name)(looking, seen):
            bias += math.log1p(-strength) if strength < 1 else -math.inf
    return bias


class _View:
    """The five rules over one layout. Each method says whether its rule hides `seen` from the `looking` segment."""

    def __init__(self, layout: Layout, mode: ShotMode):
        self.cast_in_shot = layout.cast_in_shot
        self.mode = mode
        self.unplaced_in_shot = layout.unplaced_in_shot
        # Without any known region in a shot the region rule would hide everybody from the whole picture.
        self.shots_with_regions = {segment.shot for segment in layout.select(VIDEO) if segment.owner and len(segment)}

    def text(self, looking: Segment, seen: Segment) -> bool:
        if looking.kind == REFERENCE:
            return False
        if looking.kind == TEXT and seen.kind in (AUDIO, VIDEO):
            return True
        if seen.kind != TEXT or seen.shot is None:
            return False
        # The global text describes all shots and is read by all of them, so it must not carry one shot into another.
        return seen.shot != looking.shot and (looking.shot is not None or looking.kind == TEXT)

    def references(self, looking: Segment, seen: Segment) -> bool:
        if looking.kind == REFERENCE:
            return seen.kind != REFERENCE or (seen.owner, seen.shot) != (looking.owner, looking.shot)
        if seen.kind != REFERENCE:
            return False
        if looking.kind == TEXT:
            return True
        if looking.shot is None:
            return False
        if seen.shot not in (None, looking.shot):
            return True
        return seen.owner is not None and seen.owner not in self.cast_in_shot[looking.shot]

    def regions(self, looking: Segment, seen: Segment) -> bool:
        if seen.owner is None or seen.owner == looking.owner or self._unplaced(seen.owner, looking.shot):
            return False
        if seen.kind == TEXT:
            return looking.kind in (AUDIO, VIDEO) and looking.owner is not None
        if looking.kind != VIDEO:
            return False
        if seen.kind == REFERENCE:
            return looking.owner is not None or looking.shot in self.shots_with_regions
        return seen.kind == VIDEO and looking.owner is not None

    def _unplaced(self, owner: str, shot: int | None) -> bool:
        return bool(self.unplaced_in_shot) and shot is not None and owner in self.unplaced_in_shot[shot]

    def voices(self, looking: Segment, seen: Segment) -> bool:
        if None in (looking.owner, seen.owner) or seen.owner == looking.owner:
            return False
        return (looking.kind, seen.kind) in ((AUDIO, REFERENCE), (VIDEO, AUDIO))

    def shots(self, looking: Segment, seen: Segment) -> bool:
        if self.mode == "full" or looking.shot is None or seen.shot is None or looking.shot == seen.shot:
            return False
        if {looking.kind, seen.kind} == {AUDIO, VIDEO}:
            return True
        if looking.kind != VIDEO or seen.kind != VIDEO:
            return False
        return looking.opening if self.mode == "transition" else not seen.first
