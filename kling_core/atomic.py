"""Files that appear complete or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to, which becomes `path` if all goes well and vanishes otherwise."""
    draft = path.with_name(f".{secrets.token_hex(8)}.part")  # not longer than `path`, which may be as long as may be
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
