"""Words on pictures: Unicode where OpenCV 5 is installed, ASCII with OpenCV 4."""

from __future__ import annotations

import unicodedata

import cv2
import numpy as np

PAPER, INK, GREY, RED = (250, 249, 246), (28, 28, 30), (110, 110, 115), (200, 30, 35)


def wrapped(text: str, size: int, width: int, bold: bool) -> list[str]:
    """At most three rows no wider than `width` pixels, broken between words, or inside a word that is too wide."""
    rows, row = [], ""
    for word in text.split(" "):
        longer = f"{row} {word}" if row else word
        if _width(longer, size, bold) <= width:
            row = longer
            continue
        rows += [row] if row else []
        row = word
        while _width(row, size, bold) > width:
            fits = next(end for end in range(len(row), 0, -1) if _width(row[:end], size, bold) <= width or end == 1)
            rows.append(row[:fits])
            row = row[fits:]
    rows.append(row)
    return rows if len(rows) <= 3 else [*rows[:2], rows[2][:-1] + "…"]


# OpenCV 5 draws Unicode with fonts of its own; OpenCV 4 knows ASCII only.
if hasattr(cv2, "FontFace"):
    _FONT = cv2.FontFace("sans")

    def write(
        sheet: np.ndarray, at: tuple[int, int], text: str, size: int, colour: tuple[int, int, int] = INK, *,
        bold: bool = False,
    ) -> None:
        """Write `text` in `size` pixels on `sheet` (uint8 [H, W, 3]), its baseline beginning `at` (x, y)."""
        cv2.putText(sheet, text, at, colour, _FONT, size, 600 if bold else 400)

    def _width(text: str, size: int, bold: bool) -> int:
        return cv2.getTextSize((1, 1), text, (0, 0), _FONT, size, 600 if bold else 400)[2]
else:

    def write(
        sheet: np.ndarray, at: tuple[int, int], text: str, size: int, colour: tuple[int, int, int] = INK, *,
        bold: bool = False,
    ) -> None:
        cv2.putText(
            sheet, _ascii(text), at, cv2.FONT_HERSHEY_SIMPLEX, size / 32, colour, 2 if bold else 1, cv2.LINE_AA
        )

    def _width(text: str, size: int, bold: bool) -> int:
        (width, _), _ = cv2.getTextSize(_ascii(text), cv2.FONT_HERSHEY_SIMPLEX, size / 32, 2 if bold else 1)
        return width


def _ascii(text: str) -> str:
    for mark, plain in {"“": '"', "”": '"', "’": "'", "–": "-", "…": "...", "·": "-", "°": " deg", "×": "x"}.items():
        text = text.replace(mark, plain)
    plain = "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))
    return plain.encode("ascii", "replace").decode()
