"""What the shell shows: a progress bar on stderr that also reads well in a log file, and text that is safe to print."""

from __future__ import annotations

import sys
import time
from typing import Any, TextIO

_BAR = 24
_LOG_EVERY = 10.0  # seconds between lines where nobody looks at a terminal


def printable(text: str) -> str:
    """Without control characters, which a strange file could send to the terminal."""
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in text)


class ProgressBar:
    """`stage(name)` begins a stage; calling the bar with (done, total, preview) fills it.

    On a terminal one line is drawn again and again; elsewhere stages are lines of their own, and long ones report
    every ten seconds.
    """

    def __init__(self, stream: TextIO | None = None):
        self.stream = stream if stream is not None else sys.stderr
        self.live = self.stream.isatty()
        self._name = ""
        self._started = self._told = time.monotonic()
        self._open = False

    def stage(self, name: str) -> None:
        self.close()
        self._name = name
        self._started = self._told = time.monotonic()
        self._say("…" if self.live else "")
        self._open = True

    def __call__(self, done: int, total: int, preview: Any = None) -> None:
        now = time.monotonic()
        if not self.live and done < total and now - self._told < _LOG_EVERY:
            return
        self._told = now
        filled = _BAR * done // max(total, 1)
        bar = "#" * filled + "." * (_BAR - filled)
        self._say(f"[{bar}] {done}/{total}  {now - self._started:.0f} s")

    def close(self) -> None:
        """Ends the current stage's line."""
        if self._open and self.live:
            self.stream.write("\n")
            self.stream.flush()
        self._open = False

    def _say(self, text: str) -> None:
        line = f"{self._name:<10} {text}".rstrip()
        self.stream.write(f"\r\033[K{line}" if self.live else f"{line}\n")
        self.stream.flush()
