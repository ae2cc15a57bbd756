"""A script with its quotes and names each replaced by one character, so that grammar can be matched around them.

The characters come from Unicode's private use area, which `mask` first removes from the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from kling_core.errors import ProblemList
from kling_core.storyboard.headers import shot_headers
from kling_core.storyboard.mentions import Names

_FIRST_NAME, _FIRST_QUOTE, _LAST = 0xE000, 0xF000, 0xF8FF
NAME = f"[{chr(_FIRST_NAME)}-{chr(_FIRST_QUOTE - 1)}]"
QUOTE = f"[{chr(_FIRST_QUOTE)}-{chr(_LAST)}]"
MAX_NAMES, MAX_QUOTES = _FIRST_QUOTE - _FIRST_NAME, _LAST - _FIRST_QUOTE + 1

_PRIVATE = re.compile(f"[{chr(_FIRST_NAME)}-{chr(_LAST)}]")
_QUOTED = re.compile("“([^”]*)”|「([^」]*)」|『([^』]*)』|«([^»]*)»|\"([^\"]*)\"")
_STRAY = re.compile("[“”「」『』\"]")


@dataclass(frozen=True)
class Masked:
    """`text` holds a character of NAME for each mention, one of QUOTE for each quotation."""

    text: str
    names: Names
    mentioned: tuple[tuple[str, str], ...]
    quoted: tuple[tuple[str, str], ...]

    def name(self, character: str) -> str:
        """The cast's name behind a character of NAME."""
        return self.mentioned[ord(character) - _FIRST_NAME][0]

    def said(self, character: str) -> str:
        """The words behind a character of QUOTE, without their marks."""
        return self.quoted[ord(character) - _FIRST_QUOTE][0]

    def restore(self, text: str) -> str:
        """A piece of the masked text as it was written."""

        def written(match: re.Match[str]) -> str:
            code = ord(match.group())
            table, first = (self.mentioned, _FIRST_NAME) if code < _FIRST_QUOTE else (self.quoted, _FIRST_QUOTE)
            return table[code - first][1]

        return _PRIVATE.sub(written, text)


def mask(text: str, names: Iterable[str], problems: ProblemList) -> Masked:
    """Masks a script. Quotation marks without a partner are reported to `problems`."""
    text = _PRIVATE.sub("", text)
    quoted: list[tuple[str, str]] = []

    def hide_quote(match: re.Match[str]) -> str:
        said = next(group for group in match.groups() if group is not None).strip()
        if shot_headers(said):
            _report_open_quote(text, match.start(), problems)
        if not said or len(quoted) >= MAX_QUOTES:
            return match.group() if said else ""
        quoted.append((said, match.group()))
        return chr(_FIRST_QUOTE + len(quoted) - 1)

    without_quotes = _QUOTED.sub(hide_quote, text)
    stray = _STRAY.search(without_quotes)
    if stray:
        _report_open_quote(without_quotes, stray.start(), problems)
    finder = Names(without_quotes, names)
    mentioned: list[tuple[str, str]] = []
    pieces, at = [], 0
    for mention in finder.find(without_quotes)[:MAX_NAMES]:
        mentioned.append((mention.name, without_quotes[mention.start: mention.stop]))
        pieces += [without_quotes[at: mention.start], chr(_FIRST_NAME + len(mentioned) - 1)]
        at = mention.stop
    pieces.append(without_quotes[at:])
    return Masked("".join(pieces), finder, tuple(mentioned), tuple(quoted))


def _report_open_quote(text: str, at: int, problems: ProblemList) -> None:
    headers = shot_headers(text[:at])
    shown = " ".join(_PRIVATE.sub("", text[at: at + 60]).split())[:30]
    where = f"shot {headers[-1].number}" if headers else "script"
    problems.add(where, f"a quotation mark has no partner: {shown} …", "Close the quotation where the line ends.")
