"""The Plan: a storyboard, a cast and a grid, resolved into frames, seconds and screen boxes. Pure data, printable.

Only dataclasses live here, so that the embedded model can be trained without the packages that read users' files.
`resolve.plan` makes a Plan from a Storyboard.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kling_core.plan.grid import Adjustment, Grid

if TYPE_CHECKING:
    from kling_core.plan.blocking import Blocking


@dataclass(frozen=True)
class PlannedMove:
    """One camera move with every default filled in. `amount` as in storyboard.CameraMove, sign in `direction`."""

    kind: str
    direction: str | None
    amount: float


IMPLIED_PROPS = {"hold": "cup", "pour": "jug", "bounce": "ball", "ride": "bicycle"}
"""What somebody has who does this and was given nothing else."""


@dataclass(frozen=True)
class Performance:
    """What one subject does throughout one shot. prop: what they have with them, None for nothing named."""

    subject: str
    verb: str = "stand"
    expression: str = "neutral"
    position: str | None = None
    toward: str | None = None
    behind: str | None = None
    prop: str | None = None

    @property
    def carried(self) -> str | None:
        """What they have with them: the prop that the verb cannot do without, else the one named."""
        implied = IMPLIED_PROPS.get(self.verb)
        return implied if implied and self.verb != "hold" else self.prop or implied


@dataclass(frozen=True)
class PlannedLine:
    """A line on the film's clock: seconds from the start of the film. `index` counts over the whole film."""

    index: int
    shot: int
    speaker: str
    text: str
    language: str
    delivery: str
    start: float
    stop: float


@dataclass(frozen=True)
class PlannedShot:
    """A shot on the film's frame clock: frames [start, stop).

    assumed: which of place and time_of_day nobody wrote. The stage needs some place to draw; prompts leave such words
    out, since the director's own may speak of another. things: items and scenes of the cast that it names, which nobody
    stages but models can be shown.
    """

    index: int
    start: int
    stop: int
    size: str
    angle: str
    place: str
    time_of_day: str
    performances: tuple[Performance, ...]
    camera: tuple[PlannedMove, ...]
    description: str = ""
    transition: str = "cut"
    assumed: tuple[str, ...] = ()
    things: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        return self.stop - self.start

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(performance.subject for performance in self.performances)


@dataclass(frozen=True)
class Plan:
    """Everything a backbone needs to know of a scene.

    `cast` names the elements in cast order; `references` says which views of each were chosen within the backbone's
    budget, as (element name, view name) pairs, and `tokens` how many of each kind there are, both empty where the
    backbone chooses and counts itself; `moved` lists the times that the grid changed, `notes` what else the plan did to
    the director's words.
    """

    title: str
    aspect: str
    grid: Grid
    cast: tuple[str, ...]
    shots: tuple[PlannedShot, ...]
    lines: tuple[PlannedLine, ...]
    blocking: tuple["Blocking", ...]
    references: tuple[tuple[str, str], ...] = ()
    moved: tuple[Adjustment, ...] = ()
    notes: tuple[str, ...] = ()
    negative: str = ""
    tokens: dict[str, int] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        return self.shots[-1].stop

    @property
    def seconds(self) -> float:
        return self.frames / self.grid.fps

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of the backbone's own picture."""
        return self.grid.sizes[self.aspect]

    def shot_latents(self, shot: PlannedShot) -> range:
        lattice = self.grid.lattice
        return range(lattice.latents(shot.start), lattice.latents(shot.stop))
