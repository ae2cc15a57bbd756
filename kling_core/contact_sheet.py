"""A labelled contact sheet: the cast on top, a row of frames a shot, and what each shot was to be.

Frames are picked while the film streams by, so that no more than the thumbnails is ever kept.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import cv2
import numpy as np

from kling_core.plan.report import camera_text

if TYPE_CHECKING:
    from kling_core.elements.element import Cast
    from kling_core.plan.plan import Plan, PlannedShot

FRAMES_A_SHOT = 4
_PAPER, _INK, _GREY = (250, 249, 246), (28, 28, 30), (110, 110, 115)
_MARGIN, _GAP = 24, 10
_LABEL_WIDTH, _THUMB_AREA = 320, 256 * 144
_CAST_HEIGHT = 150
_TEXT, _SMALL, _TITLE = 17, 15, 24


class ContactSheet:
    """Collects thumbnails of a film and draws the sheet."""

    def __init__(self, plan: "Plan", cast: "Cast"):
        self.plan, self.cast = plan, cast
        width, height = plan.size
        scale = np.sqrt(_THUMB_AREA / (width * height))
        self.thumb_size = round(width * scale), round(height * scale)
        self._wanted = {frame: shot.index for shot in plan.shots for frame in _chosen_frames(shot)}
        self._thumbs: dict[int, list[np.ndarray]] = {shot.index: [] for shot in plan.shots}
        self._seen = 0

    def add_frames(self, frames: np.ndarray) -> None:
        """The film's next frames, uint8 [T, H, W, 3]."""
        for picture in frames:
            shot = self._wanted.get(self._seen)
            if shot is not None:
                self._thumbs[shot].append(cv2.resize(picture, self.thumb_size, interpolation=cv2.INTER_AREA))
            self._seen += 1

    def draw(self) -> np.ndarray:
        """The sheet, uint8 [H, W, 3]."""
        thumb_width, thumb_height = self.thumb_size
        most = max(len(thumbs) for thumbs in self._thumbs.values())
        width = 2 * _MARGIN + _LABEL_WIDTH + most * (thumb_width + _GAP) - _GAP
        top = _MARGIN + 40 + (_CAST_HEIGHT + 40 if self.cast.bindings else 0)
        row_height = max(thumb_height, 150) + 2 * _GAP
        sheet = np.full((top + row_height * len(self.plan.shots) + _MARGIN, width, 3), _PAPER, np.uint8)
        self._draw_head(sheet)
        for row, shot in enumerate(self.plan.shots):
            y = top + row * row_height
            _draw_label(sheet, (_MARGIN, y), shot, self.plan)
            for column, thumb in enumerate(self._thumbs[shot.index]):
                x = _MARGIN + _LABEL_WIDTH + column * (thumb_width + _GAP)
                sheet[y: y + thumb_height, x: x + thumb_width] = thumb
        return sheet

    def _draw_head(self, sheet: np.ndarray) -> None:
        plan = self.plan
        title = f"{plan.title or 'Scene'}  ·  {plan.seconds:g} s  ·  {plan.aspect}"
        title = _wrapped(title, _TITLE, sheet.shape[1] - 2 * _MARGIN, True)[0]
        _write(sheet, (_MARGIN, _MARGIN + 20), title, _TITLE, bold=True)
        x, y = _MARGIN, _MARGIN + 40
        for binding in self.cast.bindings:
            bound = "" if binding.strength else " (not bound)"
            _write(sheet, (x, y + _CAST_HEIGHT + 20), f"@{binding.element.name}{bound}", _SMALL, _GREY)
            for picture in binding.element.views.values():
                picture = _scaled_to_height(picture, _CAST_HEIGHT)
                if x + picture.shape[1] > sheet.shape[1] - _MARGIN:
                    return
                sheet[y: y + _CAST_HEIGHT, x: x + picture.shape[1]] = picture
                x += picture.shape[1] + 4
            x += 2 * _MARGIN


def _chosen_frames(shot: "PlannedShot") -> list[int]:
    """Frames in the middles of equal parts of the shot."""
    count = min(FRAMES_A_SHOT, shot.frames)
    return [shot.start + int((part + 0.5) * shot.frames / count) for part in range(count)]


def _draw_label(sheet: np.ndarray, corner: tuple[int, int], shot: "PlannedShot", plan: "Plan") -> None:
    fps = plan.grid.fps
    angle = "" if shot.angle == "eye" else f", {shot.angle}"
    rows = [
        (f"Shot {shot.index + 1}  {shot.size}{angle}", _TEXT, _INK, True),
        (f"{shot.start / fps:.2f}–{shot.stop / fps:.2f} s  ·  {shot.place}, {shot.time_of_day}", _SMALL, _GREY, False),
        (f"camera: {camera_text(shot.camera)}", _SMALL, _GREY, False),
    ]
    doing = ", ".join(f"@{one.subject} {one.verb}" for one in shot.performances)
    rows += [(doing, _SMALL, _GREY, False)] if doing else []
    rows += [(f"{line.speaker}: “{line.text}”", _SMALL, _INK, False) for line in plan.lines if line.shot == shot.index]
    x, y = corner
    for text, size, colour, bold in rows:
        for part in _wrapped(text, size, _LABEL_WIDTH - _MARGIN, bold):
            _write(sheet, (x, y + size), part, size, colour, bold=bold)
            y += size + 5


def _scaled_to_height(picture: np.ndarray, height: int) -> np.ndarray:
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def _wrapped(text: str, size: int, width: int, bold: bool) -> list[str]:
    """Rows of at most three, broken between words, or between characters where a word alone is too wide."""
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

    def _write(
        sheet: np.ndarray, at: tuple[int, int], text: str, size: int, colour: tuple[int, int, int] = _INK, *,
        bold: bool = False,
    ) -> None:
        cv2.putText(sheet, text, at, colour, _FONT, size, 600 if bold else 400)

    def _width(text: str, size: int, bold: bool) -> int:
        return cv2.getTextSize((1, 1), text, (0, 0), _FONT, size, 600 if bold else 400)[2]
else:

    def _write(
        sheet: np.ndarray, at: tuple[int, int], text: str, size: int, colour: tuple[int, int, int] = _INK, *,
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
