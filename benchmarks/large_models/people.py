"""The two people of the protocol: out of the library here, and so unlike that instruments can tell them apart."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from benchmarks.large_models.measure import Instruments
from kling_core.continuity.faces import SAME_PERSON, FaceReader
from kling_core.demo import DEMO_NAMES, demo_cast
from kling_core.elements.element import Binding, Cast, Element
from kling_core.elements.library import SUFFIX, Library
from kling_core.errors import KlingError, Problem, ProblemList
from kling_core.previz.attributes import names_of
from kling_core.previz.conditioning import looks_of
from kling_core.sound.voices import cast_voices

DEMO = "demo: "  # how the Load Element node lists the demo's people


def load_people(listed: Sequence[str]) -> Cast:
    """Two elements by the names that the Load Element node lists. Raises KlingError for every one that is not in the
    library here, or cannot be measured."""
    problems = ProblemList()
    if len(listed) != 2:
        problems.add("--cast", f"names {len(listed)} people, the protocol films two", "Give two names: --cast ANN,BOB")
    elements = [problems.gather(_load, name) for name in listed]
    for element in filter(None, elements):
        if element.kind != "character":
            problems.add(f"@{element.name}", f"is of kind {element.kind}", "Name two characters.")
        if element.voice is None:
            problems.add(f"@{element.name}", "has no voice", "Build it with a recording of 5 to 30 s.")
    problems.raise_if_any()
    return Cast(tuple(Binding(element) for element in elements))


def require_two_people(cast: Cast, instruments: Instruments) -> None:
    """Raises KlingError where the two look or sound alike to what will measure them, or have no face to it."""
    problems, listener, voices = ProblemList(), instruments.listener, cast_voices(cast)
    if isinstance(instruments.reader, FaceReader):
        problems.gather(_require_two_faces, cast, instruments.reader)
    else:
        problems.gather(_require_two_looks, cast)
    if listener.distance(*(listener.known(voices[name]) for name in cast.names)) < listener.alike:
        what = f"{_both(cast)} sound alike to what tells voices here: {listener.name}"
        remedy = "Choose two people of different voices, or install the embeddings that the docs page names."
        problems.add("--cast", what, remedy)
    problems.raise_if_any()


def fingerprint(listed: str) -> str:
    """Tells an element of the library from any other, also from an earlier one of its name."""
    if listed.startswith(DEMO):
        return listed
    return hashlib.sha256((Library().folder / f"{listed}{SUFFIX}").read_bytes()).hexdigest()[:16]


def _load(listed: str) -> Element:
    if not listed.startswith(DEMO):
        return Library().get(listed)
    if listed.removeprefix(DEMO) not in DEMO_NAMES:
        remedy = "The demo has " + " and ".join(DEMO + name for name in DEMO_NAMES) + "."
        raise KlingError(Problem(f"element {listed!r}", "is not in the demo", remedy))
    return demo_cast()[listed.removeprefix(DEMO)]


def _require_two_looks(cast: Cast) -> None:
    looks = looks_of(cast)
    one, two = (names_of(looks[name]) for name in cast.names)
    if one == two:
        raise KlingError(Problem("--cast", f"{_both(cast)} look alike", "Choose two people of different looks."))


def _require_two_faces(cast: Cast, reader: FaceReader) -> None:
    problems, faces = ProblemList(), [reader.known(cast[name]) for name in cast.names]
    for name, face in zip(cast.names, faces):
        if face is None:
            remedy = "Build it with a photograph that shows the face from the front, large and sharp."
            problems.add(f"@{name}", "has no face in its front view", remedy)
    problems.raise_if_any()
    one, two = faces
    if one @ two >= SAME_PERSON:
        raise KlingError(Problem("--cast", f"{_both(cast)} have one face", "Choose two people of different looks."))


def _both(cast: Cast) -> str:
    return " and ".join(f"@{name}" for name in cast.names)
