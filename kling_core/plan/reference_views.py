"""Which views of a cast go into how many pictures, and how several of them share one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kling_core.elements.element import VIEWS
from kling_core.elements.likeness import descriptor, difference
from kling_core.errors import Problem

if TYPE_CHECKING:
    import numpy as np

    from kling_core.elements.element import Element
    from kling_core.plan.reference_limits import ReferenceLimits
    from kling_core.plan.reference_needs import Need

SAME = 0.02
"""Views that differ by less show the same: a cropped or recompressed copy of a photograph differs by 0.01."""
SHOWN_SIDE = 256
"""Pixels of the short side below which a view on a shared picture tells too little."""

_GLANCE = 0.4
"""Seconds: who turns past a side for less shows it to nobody."""
_UNGUESSED = {"back": 2.0}
"""A second of these counts for more: a side can be guessed from the front, a back cannot."""
_FIRST = ("front", "detail", "side", "back")


@dataclass(frozen=True)
class RankedView:
    """needed: seconds for which the camera sees this side, 0 for a glance. difference: to the nearest of the views
    ranked before."""

    view: str
    needed: float
    difference: float

    @property
    def gain(self) -> float:
        return self.needed * _UNGUESSED.get(self.view, 1.0) + self.difference


def ranked_views(element: "Element", need: "Need") -> list[RankedView]:
    """An element's views, best first: the front, which says most about anybody; then always the one whose seconds on
    screen and difference from those before add up to most."""
    left = [view for view in _FIRST if view in element.views]
    seen = {view: descriptor(element.views[view]) for view in left} if len(left) > 1 else {}
    ranked: list[RankedView] = []
    while left:
        options = [
            RankedView(view, _needed(need, view), min((difference(seen[view], seen[one.view]) for one in ranked),
                                                            default=1.0))
            for view in left
        ]  # fmt: skip
        best = max(options, key=lambda one: one.gain) if ranked else options[0]
        ranked.append(best)
        left.remove(best.view)
    return ranked


def _needed(need: "Need", view: str) -> float:
    seconds = need.views.get(view, 0.0)
    return seconds if seconds >= _GLANCE else 0.0


def share_pictures(
    elements: Sequence["Element"], needs: Mapping[str, "Need"], pictures: int, limits: "ReferenceLimits",
    frame: tuple[int, int],
) -> tuple[dict[str, list[tuple[str, ...]]], list[Problem]]:
    """The pictures of each element, as the views that each shows, and what was left out.

    In rounds: everybody's best view, those seen longest first; then everybody's second view, by need; then whatever
    else the shots need. A needed view that no picture is left for is put beside the element's last one.
    """
    given: dict[str, list[tuple[str, ...]]] = {element.name: [] for element in elements}
    ranked = {element.name: ranked_views(element, needs[element.name]) for element in elements}
    problems = _drop_copies(ranked)
    rounds = max((len(views) for views in ranked.values()), default=0)
    for at in range(rounds):
        asking = [(name, views[at]) for name, views in ranked.items() if at < len(views)]
        asking = [(name, one) for name, one in asking if at < 2 or one.needed]
        asking.sort(key=lambda pair: -(pair[1].gain if at else needs[pair[0]].seen))
        for name, one in asking:
            if sum(map(len, given.values())) < pictures and len(given[name]) == at:
                given[name].append((one.view,))
    for element in elements:
        problems += _share_last(element, ranked[element.name], given[element.name], pictures, limits, frame)
    return given, problems


def columns(shapes: Sequence[tuple[int, ...]], width: int) -> list[tuple[int, int]]:
    """From where to where, in pixels, each of several pictures [H, W, …] stands that share one of `width`: as wide as
    it is at the height of the others."""
    aspects = [shape[1] / shape[0] for shape in shapes]
    edges = [round(width * sum(aspects[:at]) / sum(aspects)) for at in range(len(aspects) + 1)]
    return list(zip(edges, edges[1:]))


def picture_size(
    pictures: Sequence["np.ndarray"], limits: "ReferenceLimits", frame: tuple[int, int]
) -> tuple[int, int]:
    """Width and height in which pictures side by side are encoded, as high as the highest of them before."""
    height = max(picture.shape[0] for picture in pictures)
    width = sum(height * picture.shape[1] / picture.shape[0] for picture in pictures)
    return limits.picture_size(width, height, frame)


def _drop_copies(ranked: dict[str, list[RankedView]]) -> list[Problem]:
    problems = []
    for name, views in ranked.items():
        for one in [one for one in views if one.difference < SAME]:
            views.remove(one)
            what = "left out, it shows what the other views show"
            problems.append(Problem(f"@{name}, {one.view}", what, "Give a picture from another side."))
    return problems


def _share_last(
    element: "Element", ranked: list[RankedView], given: list[tuple[str, ...]], pictures: int,
    limits: "ReferenceLimits", frame: tuple[int, int],
) -> list[Problem]:
    """Puts what is needed and has no picture beside what is on the last one, and tells the rest."""
    name, problems = element.name, []
    if not given:
        what = f"has no picture, {limits.family} has room for {pictures} here and others are seen for longer"
        return [Problem(f"@{name}", what, "Cast fewer elements, or make two scenes of it.")] if ranked else []
    shown, unneeded, squeezed = {view for views in given for view in views}, [], []
    for one in [one for one in ranked if one.view not in shown]:
        shared = tuple(view for view in VIEWS if view in (*given[-1], one.view))
        if not one.needed:
            unneeded.append(one.view)
        elif _large_enough([element.views[view] for view in shared], limits, frame):
            given[-1] = shared
        else:
            squeezed.append(one.view)
    if unneeded:
        where, what = f"@{name}, {', '.join(unneeded)}", "left out, no shot needs to know that side"
        problems.append(Problem(where, what, "Nothing needs to be done."))
    if squeezed:
        what = f"left out, only {pictures} pictures have room here, and on a shared one they would be too small"
        remedy = "Cast fewer elements, or choose a larger picture for the scene."
        problems.append(Problem(f"@{name}, {', '.join(squeezed)}", what, remedy))
    return problems


def _large_enough(pictures: list["np.ndarray"], limits: "ReferenceLimits", frame: tuple[int, int]) -> bool:
    width, height = picture_size(pictures, limits, frame)
    shapes = [picture.shape for picture in pictures]
    for (start, stop), shape in zip(columns(shapes, width), shapes):
        scale = min((stop - start) / shape[1], height / shape[0])
        if min(shape[:2]) * scale < min(SHOWN_SIDE, 0.9 * min(shape[:2])):
            return False
    return True
