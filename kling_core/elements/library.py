"""The element library: a folder with one `NAME.element.safetensors` for each character, item and scene."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import replace
from pathlib import Path

from kling_core.elements.element import Element
from kling_core.elements.element_file import SUFFIX, load_element, save_element
from kling_core.elements.names import name_problem, require_name, same_name_key
from kling_core.errors import KlingError, Problem

__all__ = ["Library", "default_folder", "load_element", "save_element"]


def default_folder() -> Path:
    """$KLING_LIBRARY, or ~/.kling/elements."""
    chosen = os.environ.get("KLING_LIBRARY")
    return Path(chosen).expanduser() if chosen else Path.home() / ".kling" / "elements"


class Library:
    """Elements by name. An element's name here is its file's name; upper and lower case are one name, so that a library
    can move between systems. Nothing but `NAME.element.safetensors` directly in the folder is read or written."""

    def __init__(self, folder: str | os.PathLike | None = None):
        self.folder = Path(folder) if folder is not None else default_folder()

    def names(self) -> tuple[str, ...]:
        """All names, sorted. Files with names that no element can have are left out."""
        return tuple(sorted(self._files(), key=same_name_key))

    def get(self, name: str) -> Element:
        found = self._existing(name)
        return replace(load_element(self._files()[found]), name=found)

    def add(self, element: Element, *, overwrite: bool = False) -> Path:
        """Store `element` under its name. An element of the same name is kept unless `overwrite`."""
        require_name(element.name)
        present = self._find(element.name)
        if present and not overwrite:
            raise KlingError(Problem(f"element @{present}", f"is already in the library {self.folder}",
                                     "Choose another name, or delete or rename the old one first."))
        path = self._path(element.name)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise KlingError(Problem(f"library {self.folder}", f"cannot be made ({error.strerror})",
                                     "Set KLING_LIBRARY to a folder that you may write to.")) from error
        if present:
            self._move(present, element.name)
        save_element(element, path)
        return path

    def rename(self, name: str, new_name: str) -> None:
        require_name(new_name)
        found, taken = self._existing(name), self._find(new_name)
        if taken and taken != found:
            raise KlingError(Problem(f"element @{taken}", "is already in the library", "Choose another name."))
        element = replace(self.get(found), name=new_name)
        self._move(found, new_name)
        save_element(element, self._path(new_name))

    def delete(self, name: str) -> None:
        found = self._existing(name)
        self._try(f"element @{found}", "cannot be deleted", self._files()[found].unlink)

    def export(self, name: str, destination: str | os.PathLike) -> Path:
        """Write a copy to `destination`, a folder or a file that does not exist yet, and return its path."""
        element, path = self.get(name), Path(destination)
        if path.is_dir():
            path = path / f"{element.name}{SUFFIX}"
        if path.exists():
            raise KlingError(Problem(f"file {path}", "is already there", "Choose another name, or delete it first."))
        save_element(element, path)
        return path

    def import_file(self, path: str | os.PathLike, *, name: str | None = None, overwrite: bool = False) -> Element:
        """Take in a file that may come from anybody, under the name it carries or under `name`.

        Only its checked contents are written, never its bytes, and only directly into the folder.
        """
        element = load_element(path)
        element = replace(element, name=element.name if name is None else name)
        self.add(element, overwrite=overwrite)
        return element

    def _files(self) -> dict[str, Path]:
        if not self.folder.is_dir():
            return {}
        files = {}
        for path in self.folder.iterdir():
            name = unicodedata.normalize("NFC", path.name.removesuffix(SUFFIX))  # macOS may list decomposed names
            if path.name.endswith(SUFFIX) and name_problem(name) is None and path.is_file():
                files[name] = path
        return files

    def _find(self, name: str) -> str | None:
        known, key = self._files(), same_name_key(str(name))
        return name if name in known else next((other for other in known if same_name_key(other) == key), None)

    def _existing(self, name: str) -> str:
        found = self._find(name)
        if found is None:
            names = ", ".join(self.names()[:20])
            raise KlingError(Problem(
                f"element {str(name)[:40]!r}", f"is not in the library {self.folder}",
                f"It has {names}." if names else "It is empty: make one with `kling element build`.",
            ))
        return found

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"

    def _move(self, name: str, new_name: str) -> None:
        """Where upper and lower case are one file, writing the new name and deleting the old would delete both."""
        if name != new_name:
            source, target = self._files()[name], self._path(new_name)
            self._try(f"element @{name}", "cannot be renamed", lambda: os.replace(source, target))

    @staticmethod
    def _try(where: str, what: str, action) -> None:
        try:
            action()
        except OSError as error:
            raise KlingError(Problem(where, f"{what} ({error.strerror})", "Close programs that use the file, and "
                                     "check that you may write to the folder.")) from error
