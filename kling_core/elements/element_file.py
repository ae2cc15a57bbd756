"""The format of `NAME.element.safetensors`, and the checks that let us open one from a stranger.

A safetensors file: `view.front`, `view.side`, `view.back`, `view.detail` are uint8 [H, W, 3], `voice` is float32 [N]
at 24 kHz, `clip` is uint8 [T, H, W, 3] and `clip.sound` float32 [C, N]; everything else is one JSON text under the
metadata key `kling_element`. A file without a clip is of format 1, which older versions read, one with a clip of 2.
"""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from kling_core import tensor_file
from kling_core.elements.element import MAX_DESCRIPTION, VIEWS, Clip, Element, Voice
from kling_core.elements.names import is_plain_line, name_problem
from kling_core.tensor_file import FileChecks, Record

SUFFIX = ".element.safetensors"
VOICE_RATE = 24_000
MAX_SIDE = 4096
MAX_VOICE_SECONDS, MAX_VOICE_RATE = 30, 48_000
MAX_CLIP_SECONDS, MAX_CLIP_FPS, MAX_CLIP_SIDE, MAX_CLIP_RATE = 8, 24, 640, 48_000
MAX_FINDINGS, MAX_FINDING = 64, 500

_MAX_CLIP_FRAMES = MAX_CLIP_SECONDS * MAX_CLIP_FPS
_MAX_CLIP_BYTES = _MAX_CLIP_FRAMES * MAX_CLIP_SIDE**2 * 3 + 4 * 2 * MAX_CLIP_SECONDS * MAX_CLIP_RATE
_MAX_VOICE_SAMPLES = MAX_VOICE_SECONDS * MAX_VOICE_RATE
_VIEW_TENSORS = {f"view.{view}": view for view in VIEWS}
_ITEM_BYTES = {"U8": 1, "F32": 4}
_REBUILD = "Get the file again from where it came, or build the element anew with `kling element build`."


class _VoiceRecord(Record):
    sample_rate: int = Field(ge=8000, le=MAX_VOICE_RATE)
    pitch: float | None = Field(ge=20, le=2000)


class _ClipRecord(Record):
    fps: float = Field(ge=8, le=MAX_CLIP_FPS)
    sample_rate: int | None = Field(ge=8000, le=MAX_CLIP_RATE)


class _AnyElementRecord(Record):
    name: str
    kind: Literal["character", "item", "scene"]
    description: str = Field(max_length=MAX_DESCRIPTION)
    origin: Literal["photo", "stage"]
    look: dict[str, Any] | None
    findings: list[str] = Field(max_length=MAX_FINDINGS)
    voice: _VoiceRecord | None


class _ElementRecord(_AnyElementRecord):
    """The JSON of format 1."""

    format: Literal[1] = 1
    clip: ClassVar[None] = None


class _ClipElementRecord(_AnyElementRecord):
    """The JSON of format 2: that of an element with a clip."""

    format: Literal[2] = 2
    clip: _ClipRecord


def save_element(element: Element, path: str | os.PathLike) -> None:
    """Write `element` to `path` in one piece: the file is there whole or not at all. A voice at another rate than
    24 kHz is resampled. Raises KlingError for contents that `load_element` would refuse, and for a full disk."""
    if element.voice is not None and element.voice.sample_rate != VOICE_RATE:
        from kling_core.elements.voice_checks import at_rate

        element = replace(element, voice=at_rate(element.voice, VOICE_RATE))
    tensors = {f"view.{view}": picture for view, picture in element.views.items()}
    if element.voice is not None:
        tensors["voice"] = element.voice.samples
    if element.clip is not None:
        tensors["clip"] = element.clip.frames
        if element.clip.sound is not None:
            tensors["clip.sound"] = element.clip.sound
    path = Path(path)
    record = _record_of(element)
    checks = _ElementChecks(f"element file {path.name}", "Build the element with `kling element build`.")
    checks.check_contents(record, tensors)
    tensor_file.write(path, tensors, record, checks)


def load_element(path: str | os.PathLike) -> Element:
    """Read an element file that may come from anybody. Raises KlingError, naming the file, for whatever is not a sound
    element: no more than 256 KiB is read before sizes, types and names have been checked against the caps above."""
    path = Path(path)
    checks = _ElementChecks(f"element file {path.name}", _REBUILD)
    tensors, record = tensor_file.read(path, checks)
    checks.check_contents(record, tensors)
    checks.raise_if_any()
    voice = None
    if record.voice is not None:
        voice = Voice(tensors["voice"].copy(), record.voice.sample_rate, record.voice.pitch)
    clip = None
    if record.clip is not None:
        sound = tensors["clip.sound"].copy() if "clip.sound" in tensors else None
        clip = Clip(tensors["clip"].copy(), record.clip.fps, sound, record.clip.sample_rate)
    views = {view: tensors[name].copy() for name, view in _VIEW_TENSORS.items() if name in tensors}
    return Element(record.name, record.kind, record.description, views, voice, record.look, record.origin,
                   tuple(record.findings), clip)


def _record_of(element: Element) -> _AnyElementRecord:
    voice = None
    if element.voice is not None:
        pitch = element.voice.pitch
        voice = {"sample_rate": element.voice.sample_rate, "pitch": None if pitch is None else float(pitch)}
    written = {
        "name": element.name, "kind": element.kind, "description": element.description, "origin": element.origin,
        "look": element.look, "findings": list(element.findings), "voice": voice,
    }
    if element.clip is not None:
        clip = {"fps": float(element.clip.fps), "sample_rate": element.clip.sample_rate}
        written |= {"format": 2, "clip": clip}
    return _ElementChecks(f"element @{element.name}", "Change it and save again.").validated(written)


class _ElementChecks(FileChecks):
    kind, key, record = "an element", "kling_element", _ElementRecord
    latest = 2
    max_body = len(VIEWS) * MAX_SIDE * MAX_SIDE * 3 + 4 * _MAX_VOICE_SAMPLES + _MAX_CLIP_BYTES
    maker = "Give a file that `kling element build` made."

    def validated(self, written: Any) -> Any:
        clipped = isinstance(written, dict) and written.get("format") == 2
        self.record = _ClipElementRecord if clipped else _ElementRecord
        return super().validated(written)

    def check_tensor(self, name: str, dtype: Any, shape: Any) -> int:
        if not isinstance(shape, list) or not all(type(side) is int and side > 0 for side in shape):
            shape = []
        if name in _VIEW_TENSORS:
            if dtype == "U8" and len(shape) == 3 and shape[2] == 3 and max(shape) <= MAX_SIDE:
                return math.prod(shape)
            self.report(f"{name} is not a picture: uint8 [height, width, 3] of at most {MAX_SIDE} pixels a side")
        elif name == "voice":
            if dtype == "F32" and len(shape) == 1 and shape[0] <= _MAX_VOICE_SAMPLES:
                return shape[0] * _ITEM_BYTES["F32"]
            self.report(f"the voice is not float32 [samples] of at most {MAX_VOICE_SECONDS} s at "
                        f"{MAX_VOICE_RATE // 1000} kHz")
        elif name == "clip":
            if dtype == "U8" and len(shape) == 4 and shape[3] == 3 and _is_clip_size(*shape[:3]):
                return math.prod(shape)
            self.report(f"the clip is not uint8 [frames, height, width, 3] of at most {_MAX_CLIP_FRAMES} frames of "
                        f"{MAX_CLIP_SIDE} pixels a side")
        elif name == "clip.sound":
            if dtype == "F32" and len(shape) == 2 and shape[0] <= 2 and shape[1] <= MAX_CLIP_SECONDS * MAX_CLIP_RATE:
                return math.prod(shape) * _ITEM_BYTES["F32"]
            self.report("the sound of the clip is not float32 [1 or 2, samples] of the clip's length")
        else:
            self.report(f"has a tensor {name[:40]!a} that elements do not have")
        return 0

    def check_contents(self, record: _AnyElementRecord, tensors: dict[str, np.ndarray]) -> None:
        """What can be wrong where every tensor and the record by itself are as they should be."""
        self.check_record(record)
        self.check_views(record.kind, tensors)
        self.check_voice(tensors.get("voice"), record.voice)
        self.check_clip(tensors.get("clip"), tensors.get("clip.sound"), record.clip)

    def check_record(self, record: _AnyElementRecord) -> None:
        problem = name_problem(record.name)
        if problem:
            self.report(f"{problem.where} {problem.what}", problem.remedy)
        if not is_plain_line(record.description):
            self.report("the description contains control characters")
        if not all(len(finding) <= MAX_FINDING and is_plain_line(finding) for finding in record.findings):
            self.report(f"a finding is longer than {MAX_FINDING} characters or contains control characters")

    def check_views(self, kind: str, tensors: dict[str, np.ndarray]) -> None:
        """As intake has it: nobody can be drawn without a front, nor a place without any picture."""
        if kind == "scene" and not tensors.keys() & _VIEW_TENSORS.keys():
            self.report("has no picture")
        elif kind != "scene" and "view.front" not in tensors:
            self.report("has no front picture")

    def check_voice(self, samples: np.ndarray | None, record: _VoiceRecord | None) -> None:
        if (samples is None) != (record is None):
            self.report("has a voice without its description, or the other way round")
        elif samples is not None:
            if not np.isfinite(samples).all() or np.abs(samples).max(initial=0) > 1:
                self.report("the voice has samples that are not numbers from -1 to 1")
            if len(samples) > MAX_VOICE_SECONDS * record.sample_rate:
                self.report(f"the voice is longer than {MAX_VOICE_SECONDS} s")

    def check_clip(self, frames: np.ndarray | None, sound: np.ndarray | None, record: _ClipRecord | None) -> None:
        if (frames is None) != (record is None) or (sound is None) != (record is None or record.sample_rate is None):
            self.report("has a clip or its sound without its description, or the other way round")
            return
        if frames is not None and len(frames) > MAX_CLIP_SECONDS * record.fps:
            self.report(f"the clip is longer than {MAX_CLIP_SECONDS} s")
        if sound is not None:
            if not np.isfinite(sound).all() or np.abs(sound).max(initial=0) > 1:
                self.report("the sound of the clip has samples that are not numbers from -1 to 1")
            if abs(sound.shape[1] / record.sample_rate - len(frames) / record.fps) > 0.5:
                self.report("the sound of the clip is not as long as its picture")


def _is_clip_size(frames: int, height: int, width: int) -> bool:
    return frames <= _MAX_CLIP_FRAMES and max(height, width) <= MAX_CLIP_SIDE
