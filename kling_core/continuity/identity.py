"""Is everybody who they should be? Measured in a film's pictures, per shot and subject, where the plan puts them.

Two instruments: the stage's own reader for puppets, face embeddings for photographic films. Which one measures is
chosen by the `reader` that is handed in; both give the same report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import TYPE_CHECKING

import numpy as np

from kling_core.continuity.faces import SAME_PERSON, FaceReader
from kling_core.elements.element import Cast
from kling_core.plan.plan import Plan
from kling_core.previz.attributes import names_of
from kling_core.previz.conditioning import looks_of
from kling_core.previz.sightings import Sighting, sightings, spread

if TYPE_CHECKING:
    from kling_core.previz.reader import Reader
    from kling_core.previz.stage.look import Look

INSTRUMENT = "stage reader"
FACE_INSTRUMENT = "face embeddings (SFace)"
MOST_FACES = 6
_LARGE_ENOUGH, _FULL_VIEW = 20, np.radians(60)  # pixels of the head; beyond, embeddings say little


@dataclass(frozen=True)
class SubjectIdentity:
    """One subject in one shot.

    shot: number from 0. score: 0..1, the share of attributes read as the element has them; with faces, the cosine
    similarity to the element's front view, not below 0. attributes: (wanted, read) by attribute, only what the shot can
    show; with faces one, "face". nearest: who of the cast it looks most like, and `swapped` if that is somebody else;
    with faces, only if it is like theirs. frames: how many frames were read.
    """

    shot: int
    subject: str
    score: float
    attributes: dict[str, tuple[str, str]]
    nearest: str
    swapped: bool
    frames: int


def measure_identity(
    frames: Sequence[np.ndarray], plan: Plan, cast: Cast, *, reader: "Reader | FaceReader"
) -> tuple[SubjectIdentity, ...]:
    """Every subject in every shot in which the plan has them in view long enough to be told.

    frames: uint8 [H, W, 3] by number, as many as the plan has; an array [T, H, W, 3], or anything with a length and
    items. reader: `Reader` for films of the stage's puppets (photographed elements count by their stand-ins),
    `FaceReader` for photographic films.
    """
    identify = _by_face(cast, reader) if isinstance(reader, FaceReader) else _by_look(cast, reader)
    height, width = frames[0].shape[:2]
    found = []
    for shot, blocking in zip(plan.shots, plan.blocking):
        for subject in shot.subjects:
            seen = sightings(shot, blocking, subject, (width, height))
            found.append(identify(frames, shot.index, subject, seen))
    return tuple(identity for identity in found if identity)


def identify_look(
    frames: Sequence[np.ndarray],
    seen: list[Sighting],
    subject: str,
    looks: "dict[str, Look]",
    reader: "Reader",
    shot: int = 0,
) -> SubjectIdentity | None:
    """One subject in chosen sightings, held against everybody's looks; None where nothing can be told."""
    reading = reader.read(frames, seen)
    names = {name: names_of(look) for name, look in looks.items()}
    judged = [attribute for attribute in reading.log_probabilities if attribute in names[subject]]
    if not judged:
        return None
    read = reading.names()
    # Colours on a border have two names: whichever of them was read counts as the wanted one.
    attributes = {
        attribute: (read[attribute] if read[attribute] in wanted else min(wanted), read[attribute])
        for attribute in judged
        for wanted in (names[subject][attribute],)
    }
    shared = [attribute for attribute in judged if all(attribute in each for each in names.values())]
    nearest = max(names, key=lambda name: (reading.likelihood(names[name], shared), name == subject))
    score = mean(wanted == found for wanted, found in attributes.values())
    return SubjectIdentity(shot, subject, score, attributes, nearest, nearest != subject, reading.frames)


def film_identity(measured: Sequence[SubjectIdentity]) -> float | None:
    """One figure for the film: the mean score over shots and subjects; None where nobody was in view."""
    return mean(each.score for each in measured) if measured else None


def instrument_error(reader: "Reader | FaceReader") -> float | None:
    """How often the instrument is wrong on true renders of people it has never seen: the share of attributes that it
    misreads, from its weights' own account. None for faces: there is no true render of a photograph."""
    return None if isinstance(reader, FaceReader) else reader.about["error"]


def _by_look(cast: Cast, reader: "Reader"):
    looks = looks_of(cast)

    def identify(frames, shot: int, subject: str, seen: list[Sighting]) -> SubjectIdentity | None:
        return identify_look(frames, seen, subject, looks, reader, shot)

    return identify


def _by_face(cast: Cast, reader: FaceReader):
    faces = {name: reader.known(cast[name]) for name in cast.names if cast[name].kind == "character"}
    known = {name: face for name, face in faces.items() if face is not None}

    def identify(frames, shot: int, subject: str, seen: list[Sighting]) -> SubjectIdentity | None:
        if subject not in known:
            return None
        height = frames[0].shape[0]
        turned = [
            sighting for sighting in seen
            if abs(sighting.facing) < _FULL_VIEW and (sighting.head[3] - sighting.head[1]) * height >= _LARGE_ENOUGH
        ]  # fmt: skip
        looked = [reader.face_in(frames[sighting.frame], sighting.head) for sighting in spread(turned, MOST_FACES)]
        found = [face for face in looked if face is not None]
        if not found:
            return None
        likeness = {name: float(np.mean([face @ own for face in found])) for name, own in known.items()}
        nearest = max(likeness, key=lambda name: (likeness[name], name == subject))
        like = [name for name in (subject, nearest) if likeness[name] >= SAME_PERSON]
        read = like[0] if like else "a stranger"
        score = min(max(likeness[subject], 0.0), 1.0)
        swapped = nearest != subject and nearest in like
        return SubjectIdentity(shot, subject, score, {"face": (subject, read)}, nearest, swapped, len(found))

    return identify
