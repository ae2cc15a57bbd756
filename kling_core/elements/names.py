"""What an element may be called: a name is also a file name and the word after the @ in a script."""

from __future__ import annotations

import unicodedata

from kling_core.elements.element import MAX_NAME
from kling_core.errors import KlingError, Problem

_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
"""Windows treats these as devices whatever extension follows."""

_REMEDY = f"Use 1 to {MAX_NAME} letters, digits, _ or -, starting with a letter, a digit or _"


def name_problem(name: str) -> Problem | None:
    """What is wrong with `name`, or None. Letters are those of any script, composed (NFC), so that one name has one
    spelling on every file system."""
    where = f"element name {str(name)[:40]!r}"
    if not isinstance(name, str) or not name:
        return Problem(where, "is empty", _REMEDY + ".")
    if len(name) > MAX_NAME:
        return Problem(where, f"is {len(name)} characters long", _REMEDY + ".")
    if name != unicodedata.normalize("NFC", name):
        return Problem(where, "has accents written as separate characters", "Type the accented letters as one each.")
    strange = sorted({character for character in name if not _is_allowed(character)})
    if strange:
        listed = " ".join(ascii(character) for character in strange)
        return Problem(where, f"contains {listed}", _REMEDY + ".")
    if name.startswith("-"):
        return Problem(where, "starts with a hyphen, like an option on a command line", _REMEDY + ".")
    if name.casefold() in _RESERVED:
        return Problem(where, "is the name of a device on Windows", "Choose another name, for example with a digit.")
    return None


def require_name(name: str) -> None:
    """Raise a KlingError unless `name` is fit for an element."""
    problem = name_problem(name)
    if problem:
        raise KlingError(problem)


def same_name_key(name: str) -> str:
    """Two names with one key would be one file on some systems, and one person to most readers."""
    return unicodedata.normalize("NFKC", name).casefold()


def is_plain_line(text: str) -> bool:
    """One line without control characters, which could steer the terminal that prints it."""
    return not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text)


def _is_allowed(character: str) -> bool:
    category = unicodedata.category(character)
    return character in "_-" or category.startswith("L") or category == "Nd"
