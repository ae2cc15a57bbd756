"""A labelled contact sheet: the cast on top, a row of frames a shot, and what each shot was to be.

Frames are picked while the film streams by, so that no more than the thumbnails is ever kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from kling_core.lettering import GREY, INK, PAPER, RED, wrapped, write
from kling_core.plan.report import camera_text

if TYPE_CHECKING:
    from kling_core.elements.element import Cast
    from kling_core.plan.plan import Plan, PlannedShot

FRAMES_A_SHOT = 4
_MARGIN, _GAP = 24, 10
_LABEL_WIDTH, _THUMB_AREA = 320, 256 * 144
_CAST_HEIGHT = 150
_TEXT, _SMALL, _TITLE = 17, 15, 24
_LEADING = 5
_Row = tuple[str, int, tuple[int, int, int], bool]  # text, size, colour, bold
_FRAME = 5  # pixels of the red line around a shot that failed


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

    def draw(self, failed: Mapping[int, Sequence[str]] | None = None) -> np.ndarray:
        """The sheet, uint8 [H, W, 3]. failed: by index of the shot, what is wrong with it; it gets a red frame."""
        failed = failed or {}
        thumb_width, thumb_height = self.thumb_size
        most = max(len(thumbs) for thumbs in self._thumbs.values())
        width = 2 * _MARGIN + _LABEL_WIDTH + most * (thumb_width + _GAP) - _GAP
        top = _MARGIN + 40 + (_CAST_HEIGHT + 40 if self.cast.bindings else 0)
        labels = [_label_rows(shot, self.plan, failed.get(shot.index, ())) for shot in self.plan.shots]
        heights = [max(thumb_height, 150, _label_height(rows)) + 2 * _GAP for rows in labels]
        sheet = np.full((top + sum(heights) + _MARGIN, width, 3), PAPER, np.uint8)
        self._draw_head(sheet)
        y = top
        for shot, rows, height in zip(self.plan.shots, labels, heights):
            _draw_label(sheet, (_MARGIN, y), rows)
            for column, thumb in enumerate(self._thumbs[shot.index]):
                x = _MARGIN + _LABEL_WIDTH + column * (thumb_width + _GAP)
                sheet[y: y + thumb_height, x: x + thumb_width] = thumb
            if shot.index in failed:
                corner = _MARGIN + _LABEL_WIDTH - _FRAME, y - _FRAME
                cv2.rectangle(sheet, corner, (width - _MARGIN + _FRAME, y + thumb_height + _FRAME), RED, _FRAME)
            y += height
        return sheet

    def _draw_head(self, sheet: np.ndarray) -> None:
        plan = self.plan
        title = f"{plan.title or 'Scene'}  ·  {plan.seconds:g} s  ·  {plan.aspect}"
        title = wrapped(title, _TITLE, sheet.shape[1] - 2 * _MARGIN, True)[0]
        write(sheet, (_MARGIN, _MARGIN + 20), title, _TITLE, bold=True)
        x, y = _MARGIN, _MARGIN + 40
        for binding in self.cast.bindings:
            bound = "" if binding.strength else " (not bound)"
            write(sheet, (x, y + _CAST_HEIGHT + 20), f"@{binding.element.name}{bound}", _SMALL, GREY)
            for picture in binding.element.views.values():
                picture = _scaled_to_height(picture, _CAST_HEIGHT)
                if x + picture.shape[1] > sheet.shape[1] - _MARGIN:
                    return
                sheet[y: y + _CAST_HEIGHT, x: x + picture.shape[1]] = picture
                x += picture.shape[1] + 4
            x += 2 * _MARGIN


def film_sheet(
    frames: np.ndarray, plan: "Plan", cast: "Cast", failed: Mapping[int, Sequence[str]] | None = None
) -> np.ndarray:
    """The sheet of a film that is whole in memory, uint8 [T, H, W, 3], with its failed shots marked."""
    sheet = ContactSheet(plan, cast)
    sheet.add_frames(frames)
    return sheet.draw(failed)


def _chosen_frames(shot: "PlannedShot") -> list[int]:
    """Frames in the middles of equal parts of the shot."""
    count = min(FRAMES_A_SHOT, shot.frames)
    return [shot.start + int((part + 0.5) * shot.frames / count) for part in range(count)]


def _label_rows(shot: "PlannedShot", plan: "Plan", wrong: Sequence[str]) -> list[_Row]:
    """What stands beside a shot: what it was to be and, in red, what is wrong with it."""
    fps = plan.grid.fps
    angle = "" if shot.angle == "eye" else f", {shot.angle}"
    rows = [
        (f"Shot {shot.index + 1}  {shot.size}{angle}", _TEXT, INK, True),
        (f"{shot.start / fps:.2f}–{shot.stop / fps:.2f} s  ·  {shot.place}, {shot.time_of_day}", _SMALL, GREY, False),
        (f"camera: {camera_text(shot.camera)}", _SMALL, GREY, False),
    ]
    doing = ", ".join(f"@{one.subject} {one.verb}" for one in shot.performances)
    rows += [(doing, _SMALL, GREY, False)] if doing else []
    rows += [(f"{line.speaker}: “{line.text}”", _SMALL, INK, False) for line in plan.lines if line.shot == shot.index]
    rows += [(reason, _SMALL, RED, True) for reason in wrong]
    width = _LABEL_WIDTH - _MARGIN
    return [
        (part, size, colour, bold)
        for text, size, colour, bold in rows
        for part in wrapped(text, size, width, bold)
    ]


def _label_height(rows: list[_Row]) -> int:
    return sum(size + _LEADING for _, size, _, _ in rows)


def _draw_label(sheet: np.ndarray, corner: tuple[int, int], rows: list[_Row]) -> None:
    x, y = corner
    for text, size, colour, bold in rows:
        write(sheet, (x, y + size), text, size, colour, bold=bold)
        y += size + _LEADING


def _scaled_to_height(picture: np.ndarray, height: int) -> np.ndarray:
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
