"""What users wrote, made fit for a prompt: one line in which nothing is a tag and no @ is left."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from kling_core.storyboard.mentions import Names

_HARMLESS = str.maketrans({"<": "‹", ">": "›", "[": "(", "]": ")"})
_SPEAKER_TAG = re.compile(r"(?:\(\s*)+(?=S\s*\d)", re.IGNORECASE)
_FIELD = re.compile(
    r"subject_definitions|retention_analysis|detailed_description|integrated_multimodal_description"
    r"|overall_soundscape|non_diegetic_music", re.IGNORECASE,
)


def harmless(text: str) -> str:
    """A user's words as one line that no model can take for a tag, a field or a control token; @ is spelled out."""
    text = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in text)
    text = _SPEAKER_TAG.sub("", text.translate(_HARMLESS))
    text = _FIELD.sub(lambda found: found.group().replace("_", " "), text)
    return " ".join(text.split())


def spoken_text(text: str, names: Iterable[str], call: Callable[[str], str]) -> str:
    """A line as it is to be heard. An @name in it that is one of `names` is said as `call` has it."""
    said = harmless(text)
    known = Names("", names)
    for mention in reversed(known.find(said)):
        if said[mention.start] == "@" and mention.name in known.known:
            said = said[: mention.start] + call(mention.name) + said[mention.stop:]
    return without_at(said)


def without_at(text: str) -> str:
    """The @ of an address as "at"; any other goes."""
    return " ".join(re.sub(r"(?<=\w)@(?=\w)", " at ", text).replace("@", "").split())
