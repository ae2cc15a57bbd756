"""The format of `NAME.element.safetensors`, and the checks that let us open one from a stranger.

A safetensors file: `view.front`, `view.side`, `view.back`, `view.detail` are uint8 [H, W, 3], `voice` is float32 [N]
at 24 kHz; everything else is one JSON text under the metadata key `kling_element`.
"""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from kling_core import tensor_file
from kling_core.elements.element import MAX_DESCRIPTION, VIEWS, Element, Voice
from kling_core.elements.names import is_plain_line, name_problem
from kling_core.tensor_file import FileChecks, Record

SUFFIX = ".element.safetensors"
VOICE_RATE = 24_000
MAX_SIDE = 4096
MAX_VOICE_SECONDS, MAX_VOICE_RATE = 30, 48_000
MAX_FINDINGS, MAX_FINDING = 64, 500

_MAX_VOICE_SAMPLES = MAX_VOICE_SECONDS * MAX_VOICE_RATE
_VIEW_TENSORS = {f"view.{view}": view for view in VIEWS}
_ITEM_BYTES = {"U8": 1, "F32": 4}
_REBUILD = "Get the file again from where it came, or build the element anew with `kling element build`."


class _VoiceRecord(Record):
    sample_rate: int = Field(ge=8000, le=MAX_VOICE_RATE)
    pitch: float | None = Field(ge=20, le=2000)


class _ElementRecord(Record):
    """The JSON of format 1."""

    format: Literal[1] = 1
    name: str
    kind: Literal["character", "item", "scene"]
    description: str = Field(max_length=MAX_DESCRIPTION)
    origin: Literal["photo", "stage"]
    look: dict[str, Any] | None
    findings: list[str] = Field(max_length=MAX_FINDINGS)
    voice: _VoiceRecord | None


def save_element(element: Element, path: str | os.PathLike) -> None:
    """Write `element` to `path` in one piece: the file is there whole or not at all. A voice at another rate than
    24 kHz is resampled. Raises KlingError for contents that `load_element` would refuse, and for a full disk."""
    if element.voice is not None and element.voice.sample_rate != VOICE_RATE:
        from kling_core.elements.voice_checks import at_rate

        element = replace(element, voice=at_rate(element.voice, VOICE_RATE))
    tensors = {f"view.{view}": picture for view, picture in element.views.items()}
    if element.voice is not None:
        tensors["voice"] = element.voice.samples
    path = Path(path)
    record = _record_of(element)
    checks = _ElementChecks(f"element file {path.name}", "Build the element with `kling element build`.")
    checks.check_record(record)
    checks.check_views(record.kind, tensors)
    checks.check_voice(tensors.get("voice"), record.voice)
    tensor_file.write(path, tensors, record, checks)


def load_element(path: str | os.PathLike) -> Element:
    """Read an element file that may come from anybody. Raises KlingError, naming the file, for whatever is not a sound
    element: no more than 256 KiB is read before sizes, types and names have been checked against the caps above."""
    path = Path(path)
    checks = _ElementChecks(f"element file {path.name}", _REBUILD)
    tensors, record = tensor_file.read(path, checks)
    checks.check_record(record)
    checks.check_views(record.kind, tensors)
    checks.check_voice(tensors.get("voice"), record.voice)
    checks.raise_if_any()
    voice = None
    if record.voice is not None:
        voice = Voice(tensors["voice"].copy(), record.voice.sample_rate, record.voice.pitch)
    views = {view: tensors[name].copy() for name, view in _VIEW_TENSORS.items() if name in tensors}
    return Element(record.name, record.kind, record.description, views, voice, record.look, record.origin,
                   tuple(record.findings))


def _record_of(element: Element) -> _ElementRecord:
    voice = None
    if element.voice is not None:
        pitch = element.voice.pitch
        voice = {"sample_rate": element.voice.sample_rate, "pitch": None if pitch is None else float(pitch)}
    written = {
        "name": element.name, "kind": element.kind, "description": element.description, "origin": element.origin,
        "look": element.look, "findings": list(element.findings), "voice": voice,
    }
    return _ElementChecks(f"element @{element.name}", "Change it and save again.").validated(written)


class _ElementChecks(FileChecks):
    kind, key, record = "an element", "kling_element", _ElementRecord
    max_body = len(VIEWS) * MAX_SIDE * MAX_SIDE * 3 + 4 * _MAX_VOICE_SAMPLES
    maker = "Give a file that `kling element build` made."

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
        else:
            self.report(f"has a tensor {name[:40]!a} that elements do not have")
        return 0

    def check_record(self, record: _ElementRecord) -> None:
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
