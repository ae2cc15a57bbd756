"""Finds the elements that a scene calls by @name: in the files given, else in the library."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kling_core.elements.element import Binding, Cast, Element
from kling_core.errors import KlingError, Problem, ProblemList
from kling_core.storyboard.files import load_storyboard
from kling_core.storyboard.mentions import at_names

if TYPE_CHECKING:
    from kling_core.storyboard.storyboard import Storyboard


def cast_scene(path: Path, given: Sequence[str]) -> tuple["Storyboard", Cast, ProblemList]:
    """The scene at `path`, its cast, and what is wrong with the cast's files.

    given: "NAME=FILE" each. An element that cannot be read is cast without views, so that the plan's own mistakes can
    be told together with it; names that no file and no library knows are left to the plan. Raises KlingError for
    mistakes in `given` and in the scene.
    """
    files = _given_files(given)
    storyboard = load_storyboard(path, files)
    problems = ProblemList()
    names = list(dict.fromkeys([*called_names(storyboard, files), *files]))
    elements = (_find(name, files.get(name), problems) for name in names)
    return storyboard, Cast(tuple(Binding(element) for element in elements if element)), problems


def recast(cast: Cast, given: Sequence[str]) -> Cast:
    """`cast` with the elements of the files `given` ("NAME=FILE" each) in the place of its own of those names."""
    files, problems = _given_files(given), ProblemList()
    for name in files.keys() - set(cast.names):
        problems.add(f"--element {name}", "is not in this scene", f"Its people are {', '.join(cast.names)}.")
    found = {name: _find(name, file, problems) for name, file in files.items()}
    problems.raise_if_any()
    return Cast(tuple(Binding(found.get(name) or cast[name], cast.binding(name).strength) for name in cast.names))


def called_names(storyboard: "Storyboard", known: Iterable[str] = ()) -> list[str]:
    """Every name that a storyboard calls, in its order."""
    names: list[str] = []
    known = tuple(known)
    for shot in storyboard.shots:
        names += shot.subjects
        names += [action.subject for action in shot.actions]
        names += [line.speaker for line in shot.lines]
        names += at_names(shot.description, (*known, *names))
    return list(dict.fromkeys(name.removeprefix("@") for name in names))


def _given_files(given: Sequence[str]) -> dict[str, Path]:
    problems, files = ProblemList(), {}
    for pair in given:
        name, equals, file = pair.partition("=")
        name = name.strip().removeprefix("@")
        if not (equals and name and file):
            remedy = "Write it as in: --element mira=mira.element.safetensors"
            problems.add(f"--element {pair}", "is not NAME=FILE", remedy)
        elif name in files:
            problems.add(f"--element {pair}", f"@{name} has a file already", "Give each name one file.")
        else:
            files[name] = Path(file)
    problems.raise_if_any()
    return files


def _find(name: str, file: Path | None, problems: ProblemList) -> Element | None:
    from kling_core.elements.library import Library, load_element

    library = Library()
    if file is None and not _in_library(name, library):
        return None
    try:
        element = load_element(file) if file else library.get(name)
    except KlingError as error:
        where = f"element @{name}"
        problems.problems += [Problem(f"{where}, {one.where}", one.what, one.remedy) for one in error.problems]
        return Element(name)
    return replace(element, name=name)


def _in_library(name: str, library) -> bool:
    return name.casefold() in {known.casefold() for known in library.names()}
