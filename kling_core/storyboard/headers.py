"""Where the shots of a script begin, and its lines of settings, in the words of five languages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from kling_core.storyboard.wordings import LANGUAGES, wordings

SETTINGS = ("title", "aspect", "place", "time", "seconds", "negative")
_NUMERALS = "一二三四五六七八九"


@dataclass(frozen=True)
class Header:
    """A shot's header at text[start:stop]. seconds: those of Kling Turbo's form, as written."""

    start: int
    stop: int
    number: int
    attributes: str
    seconds: str | None


@dataclass(frozen=True)
class Setting:
    """A line `key: value` at text[start:stop]; key is one of SETTINGS."""

    start: int
    stop: int
    key: str
    value: str


def shot_headers(text: str) -> list[Header]:
    """The headers of a script, in its order: "Shot 1 (3s):", "Plano 1:", "镜头一（3秒）：", "第1镜：", "샷 1"."""
    found = []
    for match in _header_pattern().finditer(text):
        number = match["number"] or match["ordinal"]
        found.append(Header(
            match.start(), match.end(), _NUMERALS.find(number) + 1 or int(number), match["attributes"] or "",
            match["seconds"],
        ))
    return found


def setting_lines(text: str) -> list[Setting]:
    """The lines of a text that set something for the whole scene."""
    keys = _setting_keys()
    return [
        Setting(match.start(), match.end(), keys[match["key"].lower()], match["value"])
        for match in _setting_pattern().finditer(text)
    ]


@lru_cache(maxsize=1)
def _header_pattern() -> re.Pattern[str]:
    words = (word for language in LANGUAGES for word in wordings(language)["shot"])
    word = "|".join(sorted(words, key=len, reverse=True))
    return re.compile(
        rf"(?:(?<![^\W_])(?:{word})\s*#?\s*(?P<number>\d{{1,3}}|[{_NUMERALS}])"
        rf"|第\s*(?P<ordinal>\d{{1,3}}|[{_NUMERALS}])\s*(?:个|個)?\s*(?:{word}))\s*"
        r"(?:[(\[（［【](?P<attributes>[^()\[\]（）［］【】]*)[)\]）］】]\s*[:：.–—-]?|[:：]|[–—-]\s|(?=\n)"
        r"|,(?P<seconds>[^,;:\n]{1,20}),)",
        re.IGNORECASE,
    )


@lru_cache(maxsize=1)
def _setting_keys() -> dict[str, str]:
    return {
        word.lower(): key for language in LANGUAGES for key, words in wordings(language)["settings"].items()
        for word in words
    }


@lru_cache(maxsize=1)
def _setting_pattern() -> re.Pattern[str]:
    keys = "|".join(sorted(map(re.escape, _setting_keys()), key=len, reverse=True))
    return re.compile(
        rf"^[ \t]*(?P<key>{keys})[ \t]*[:：][ \t]*(?P<value>.*)$", re.IGNORECASE | re.MULTILINE
    )
