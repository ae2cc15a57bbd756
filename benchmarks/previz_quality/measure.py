"""One film of one scene, measured: plain data that JSON can hold. How it is summed up is in `summary`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np

from kling_core.continuity.camera import measure_camera
from kling_core.continuity.cuts import measure_cuts
from kling_core.continuity.identity import SubjectIdentity, identify_look, measure_identity
from kling_core.continuity.lips import measure_lips
from kling_core.elements.element import Cast
from kling_core.plan.plan import Plan, PlannedShot
from kling_core.previz.attributes import Names, names_of
from kling_core.previz.conditioning import looks_of
from kling_core.previz.reader import Reader
from kling_core.previz.sightings import Sighting, sightings
from kling_core.previz.stage.casting import random_look
from kling_core.sound.speech import SpokenLine

_STRANGERS, _STRANGERS_SEED = 48, 32
_HALF_TURN = 180.0


def measure_film(
    frames: np.ndarray, plan: Plan, cast: Cast, speech: tuple[SpokenLine, ...], reader: Reader
) -> dict[str, Any]:
    """Everything that is measured of a film, uint8 [T, H, W, 3] on the plan's clock."""
    cuts = measure_cuts(frames, plan)
    return {
        **measure_people(frames, plan, cast, reader),
        "cuts": [asdict(cut) for cut in cuts.cuts],
        "too many cuts": list(cuts.too_many),
        "lips": [asdict(track) for track in measure_lips(frames, plan, speech)],
        "camera": [asdict(track) for track in measure_camera(frames, plan)],
    }


def measure_people(frames: np.ndarray, plan: Plan, cast: Cast, reader: Reader) -> dict[str, Any]:
    """identity: a row for every subject and shot. halves: how many of the attributes that both halves of an occlusion,
    an orbit or a whole film show are right in each."""
    identity = measure_identity(frames, plan, cast, reader=reader)
    return {
        "identity": [_row(each, plan.shots[each.shot]) for each in identity],
        "halves": list(_halves(frames, plan, cast, reader)),
    }


def _row(identity: SubjectIdentity, shot: PlannedShot) -> dict[str, Any]:
    """chance: how many of the attributes somebody else would have had right with the same readings, on average."""
    read = identity.attributes
    return {
        "shot": identity.shot,
        "subject": identity.subject,
        "size": shot.size,
        "people": len(shot.performances),
        "right": sum(wanted == found for wanted, found in read.values()),
        "count": len(read),
        "chance": sum(_share_called(attribute, found) for attribute, (_, found) in read.items()),
        "swapped": identity.swapped,
        "attributes": read,
    }


@cache
def _share_called(attribute: str, name: str) -> float:
    """Which share of held-out people may be called by `name`."""
    named = [names[attribute] for names in _strangers() if attribute in names]
    return sum(name in names for names in named) / len(named)


@cache
def _strangers() -> tuple[Names, ...]:
    rng = np.random.default_rng(_STRANGERS_SEED)
    return tuple(names_of(random_look(rng, held_out=True)) for _ in range(_STRANGERS))


def _halves(frames: np.ndarray, plan: Plan, cast: Cast, reader: Reader) -> Iterator[dict[str, Any]]:
    looks = looks_of(cast)
    height, width = frames.shape[1:3]
    for what, subject, before, after in _pairs_of_times(plan, (width, height)):
        pair = [identify_look(frames, seen, subject, looks, reader) for seen in (before, after)]
        if not all(pair):
            continue
        shared = pair[0].attributes.keys() & pair[1].attributes.keys()
        right = [
            sum(half.attributes[name][0] == half.attributes[name][1] for name in sorted(shared)) for half in pair
        ]
        yield {"what": what, "subject": subject, "before": right[0], "after": right[1], "count": len(shared)}


def _pairs_of_times(plan: Plan, size: tuple[int, int]) -> Iterator[tuple[str, str, list[Sighting], list[Sighting]]]:
    """What lies between, who, and where they are seen before and after it. The halves of a walk past a tree and of an
    orbit mirror each other, so that both show the same person equally well."""
    for shot, blocking in zip(plan.shots, plan.blocking):
        middle = shot.start + shot.frames / 2
        orbits = any(move.kind == "orbit" and move.amount >= _HALF_TURN for move in shot.camera)
        for performance in shot.performances:
            what = "occlusion" if performance.behind else "orbit" if orbits else None
            if what:
                seen = sightings(shot, blocking, performance.subject, size)
                before, after = ([one for one in seen if (one.frame < middle) is first] for first in (True, False))
                yield what, performance.subject, before, after
    first, last = plan.shots[0], plan.shots[-1]
    if plan.seconds >= 14 and first.subjects == last.subjects:
        for subject in first.subjects:
            seen = [sightings(shot, plan.blocking[shot.index], subject, size) for shot in (first, last)]
            early = [one for one in seen[0] if one.frame < plan.grid.fps]
            late = [one for one in seen[1] if one.frame >= plan.frames - plan.grid.fps]
            yield "drift", subject, early, late
