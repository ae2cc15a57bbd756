"""Where a text names a member of the cast: `@mira`, `Mira`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# Letters of an @name that no known name explains. CJK text has no spaces, so there a mention ends at a verb of speech.
_AT_NAME = re.compile(r"@([\w-]+)")
_CJK_VERB = re.compile("(?:说|說|问|問|喊|走|看|站|坐|笑|挥|点|指|转|跑|在|和|对|向|的|が|は|の|と|を|に|も|へ|、)")
_KOREAN_PARTICLE = re.compile("(?<=.)(?:이|가|은|는|을|를|와|과|에게|의|도)$")
_LATIN = r"A-Za-z0-9_\u00c0-\u024f"
_LATIN_NAME = re.compile(f"[{_LATIN}-]+")


@dataclass(frozen=True)
class Mention:
    """`name` as the cast spells it, at text[start:stop]."""

    name: str
    start: int
    stop: int


class Names:
    """The names of a scene and how a text may write them.

    `@name` always counts. A bare name counts as a whole word in any case, but once the text writes it with a capital
    somewhere, only that spelling does, so that Rose may rise while "she rose".
    """

    def __init__(self, text: str, names: Iterable[str] = ()):
        known = {name.lstrip("@"): None for name in names}
        self.known = tuple(known)
        self._by_lower = {name.lower(): name for name in self.known}
        longest_first = sorted(self.known, key=len, reverse=True)
        self._at = [re.compile("@" + re.escape(name) + _end(name), re.IGNORECASE) for name in longest_first]
        self._at_names = longest_first
        for found in self._at_mentions(text):
            self._by_lower.setdefault(found.name.lower(), found.name)
        self._bare = [(name, self._bare_pattern(name, text)) for name in self.all]

    @property
    def all(self) -> tuple[str, ...]:
        """Known names first, then those that the text mentions with an @, in its order."""
        return tuple(self._by_lower.values())

    def find(self, text: str) -> list[Mention]:
        """Every mention in the text, in order, none overlapping."""
        taken = self._at_mentions(text)
        for name, pattern in self._bare:
            for match in pattern.finditer(text):
                if all(match.end() <= other.start or match.start() >= other.stop for other in taken):
                    taken.append(Mention(name, match.start(), match.end()))
        return sorted(taken, key=lambda mention: mention.start)

    def _at_mentions(self, text: str) -> list[Mention]:
        found: list[Mention] = []
        for match in _AT_NAME.finditer(text):
            known = next((at.match(text, match.start()) for at in self._at if at.match(text, match.start())), None)
            written = known.group()[1:] if known else _unknown_name(match.group(1))
            name = self._by_lower.get(written.lower(), written)
            found.append(Mention(name, match.start(), match.start() + 1 + len(written)))
        return found

    def _bare_pattern(self, name: str, text: str) -> re.Pattern[str]:
        any_case = re.compile(_start(name) + re.escape(name) + _end(name), re.IGNORECASE)
        if any(match.group()[0].isupper() for match in any_case.finditer(text)):
            capital = name[0].upper() + name[1:]
            return re.compile(_start(name) + f"(?:{re.escape(capital)}|{re.escape(name.upper())})" + _end(name))
        return any_case


def at_names(text: str, names: Iterable[str] = ()) -> list[str]:
    """The @names of a text, each once; `names` help where a name runs into the next word (CJK)."""
    finder = Names("", names)
    return list(dict.fromkeys(mention.name for mention in finder._at_mentions(text)))


def _unknown_name(letters: str) -> str:
    latin = _LATIN_NAME.match(letters)
    if latin:
        return latin.group().rstrip("-_") or latin.group()
    verb = _CJK_VERB.search(letters, 1)
    return letters[: verb.start()] if verb else _KOREAN_PARTICLE.sub("", letters)


def _start(name: str) -> str:
    return f"(?<![{_LATIN}@])" if name[:1].isascii() else "(?<!@)"


def _end(name: str) -> str:
    return f"(?![{_LATIN}-])" if name[-1:].isascii() else ""
