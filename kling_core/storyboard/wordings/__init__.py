"""How five languages word what a script may say: one table a language, read by `gloss` and learnt from by the encoder.

Keys under "verb", "expression", "prop", "place", "time", "size", "angle", "move" and "speed" are the storyboard's own
words ("other": actions that no stage plays; "none": words that are no action). "doing" and "gloss": English words
that `staging` knows in sentences, the former verbs. Marks before a wording: "≈" only the nearest thing, good to learn
from but not exact; "~" a verb under a field that is not of verbs; "=" not to be inflected.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "es", "zh", "ja", "ko")
FOLDER = Path(__file__).parent


@cache
def wordings(language: str) -> dict[str, Any]:
    """The table of one of LANGUAGES."""
    return json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
