"""What is filmed, and how often: the same six shots of two people for everybody, so that tables can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kling_core.elements.element import Cast
from kling_core.plan.grid import H3_LATTICE, LTX_LATTICE, WAN_LATTICE, Grid, Lattice
from kling_core.plan.plan import Plan
from kling_core.plan.resolve import plan as resolve
from kling_core.previz.world import GRID, LIMITS
from kling_core.storyboard.script import parse_script

ASPECT = "16:9"
SEEDS = 3
ROUTINGS = ("off", "assist", "bound")
# Each alone in close-up, both together, both the other way round, one alone again. Close and medium shots, because
# faces in wide ones are too small to tell; one line a shot, so that a whole shot belongs to one voice. 13 s is 311
# frames on MiniMax H3: from 345 on, consumer cards are reported to slow down several times over.
_SCRIPT = """Title: Waiting
Place: park
Time: day
Aspect: 16:9

Shot 1 (1.5s, medium, static, two-shot): @{one} on the left and @{two} on the right.
Shot 2 (2.5s, close-up, static): @{one} smiles. @{one} says, "I have been waiting here all morning."
Shot 3 (2.5s, close-up, static): @{two} smiles. @{two} says, "The train was late, and I had to walk."
Shot 4 (2.5s, medium, static, two-shot): @{one} on the left and @{two} on the right. \
@{one} says, "Then sit down and tell me about it."
Shot 5 (2.5s, medium, static, two-shot): @{two} on the left and @{one} on the right. \
@{two} says, "There is not very much to tell you."
Shot 6 (1.5s, close-up, static): @{one} nods.
"""


@dataclass(frozen=True)
class Family:
    """How a model divides time, and whether the voices in its films are its own. routed: it has a Backbone node, whose
    routing can be varied."""

    name: str
    grid: Grid
    speaks: bool = False
    routed: bool = True


def _grid(fps: int, lattice: Lattice) -> Grid:
    return Grid(fps, lattice, spatial_stride=16, sizes={ASPECT: (1280, 720)}, audio_rate=24000)


FAMILIES = {
    family.name: family for family in (
        Family("previz", GRID, routed=False),
        Family("h3", _grid(24, H3_LATTICE), speaks=True),
        Family("ltx", _grid(24, LTX_LATTICE), speaks=True),
        Family("wan", _grid(16, WAN_LATTICE)),
        Family("wan-5b", _grid(24, WAN_LATTICE)),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One film. routing: None where the model has none to choose. bind: False for the control, which is told the same
    words but shown and played nothing of the people."""

    seed: int
    routing: str | None
    bind: bool = True

    @property
    def arm(self) -> str:
        """What is compared: the column of the table that its figures go into."""
        if not self.bind:
            return "prompt only"
        return "elements" if self.routing is None else f"elements, {self.routing}"


def runs(family: Family, seeds: int, routings: Sequence[str]) -> list[Run]:
    """Of every seed the control, sampled as the stock nodes do, and the bound elements by each routing: seed by seed,
    so that whoever stops early has something to compare."""
    stock = "off" if family.routed else None
    bound = routings if family.routed else (None,)
    return [
        run for seed in range(seeds)
        for run in (Run(seed, stock, bind=False), *(Run(seed, routing) for routing in bound))
    ]  # fmt: skip


def script(names: Sequence[str]) -> str:
    one, two = names
    return _SCRIPT.format(one=one, two=two)


def planned(family: Family, cast: Cast, seed: int, size: tuple[int, int] | None = None) -> Plan:
    """The plan that the nodes make of the script. size: width and height of the film, where there is one."""
    grid = family.grid if size is None else replace(family.grid, sizes={ASPECT: size})
    return resolve(parse_script(script(cast.names), cast.names), cast, grid, LIMITS, seed=seed)
