"""The format of `NAME.element.safetensors`, and the checks that let us open one from a stranger.

A safetensors file: `view.front`, `view.side`, `view.back`, `view.detail` are uint8 [H, W, 3], `voice` is float32 [N]
at 24 kHz; everything else is one JSON text under the metadata key `kling_element`. The header is parsed here only as
far as it takes to refuse a file before anything large is read; safetensors reads the rest.
"""

from __future__ import annotations

import json
import math
import os
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as format_tensors

from kling_core.elements.element import MAX_DESCRIPTION, VIEWS, Element, Voice
from kling_core.elements.names import is_plain_line, name_problem
from kling_core.errors import ProblemList

SUFFIX = ".element.safetensors"
METADATA_KEY = "kling_element"
VOICE_RATE = 24_000
MAX_SIDE = 4096
MAX_VOICE_SECONDS, MAX_VOICE_RATE = 30, 48_000
MAX_HEADER_BYTES, MAX_RECORD_BYTES, MAX_RECORD_DEPTH = 256 * 1024, 64 * 1024, 6
MAX_FINDINGS, MAX_FINDING = 64, 500

_MAX_VOICE_SAMPLES = MAX_VOICE_SECONDS * MAX_VOICE_RATE
_MAX_FILE_BYTES = 8 + MAX_HEADER_BYTES + len(VIEWS) * MAX_SIDE * MAX_SIDE * 3 + 4 * _MAX_VOICE_SAMPLES
_VIEW_TENSORS = {f"view.{view}": view for view in VIEWS}
_ITEM_BYTES = {"U8": 1, "F32": 4}
_REBUILD = "Get the file again from where it came, or build the element anew with `kling element build`."


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _VoiceRecord(_Strict):
    sample_rate: int = Field(ge=8000, le=MAX_VOICE_RATE)
    pitch: float | None = Field(ge=20, le=2000)


class _Record(_Strict):
    """The JSON of format 1. A field more is a new format, so that an old reader never drops what it does not know."""

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
    tensors = {f"view.{view}": np.ascontiguousarray(picture) for view, picture in element.views.items()}
    if element.voice is not None:
        tensors["voice"] = np.ascontiguousarray(element.voice.samples)
    problems = _ContentProblems(f"element @{element.name}", "Build the element with `kling element build`.")
    for name, tensor in tensors.items():
        dtype = {"uint8": "U8", "float32": "F32"}.get(tensor.dtype.name, tensor.dtype.name)
        problems.check_tensor(name, dtype, list(tensor.shape))
    problems.raise_if_any()
    record = _record_of(element)
    problems.check_record(record)
    problems.check_voice(tensors.get("voice"), record.voice)
    text = json.dumps(record.model_dump(), ensure_ascii=False, allow_nan=False)
    problems.check_record_size(text)
    problems.raise_if_any()
    _write_atomically(Path(path), format_tensors(tensors, {METADATA_KEY: text}))


def load_element(path: str | os.PathLike) -> Element:
    """Read an element file that may come from anybody. Raises KlingError, naming the file, for whatever is not a sound
    element: no more than 256 KiB is read before sizes, types and names have been checked against the caps above."""
    path = Path(path)
    problems = _ContentProblems(f"element file {path.name}", _REBUILD)
    data, record = _read_checked(path, problems)
    try:
        tensors = parse_tensors(data)
    except SafetensorError as error:
        problems.fail(f"is not a sound safetensors file ({str(error)[:200]!a})")
    problems.check_record(record)
    problems.check_voice(tensors.get("voice"), record.voice)
    problems.raise_if_any()
    voice = None
    if record.voice is not None:
        voice = Voice(tensors["voice"].copy(), record.voice.sample_rate, record.voice.pitch)
    views = {view: tensors[name].copy() for name, view in _VIEW_TENSORS.items() if name in tensors}
    return Element(record.name, record.kind, record.description, views, voice, record.look, record.origin,
                   tuple(record.findings))


def _record_of(element: Element) -> _Record:
    voice = None
    if element.voice is not None:
        pitch = element.voice.pitch
        voice = {"sample_rate": element.voice.sample_rate, "pitch": None if pitch is None else float(pitch)}
    written = {
        "name": element.name, "kind": element.kind, "description": element.description, "origin": element.origin,
        "look": element.look, "findings": list(element.findings), "voice": voice,
    }
    return _validated(written, _ContentProblems(f"element @{element.name}", "Change it and save again."))


def _validated(written: Any, problems: "_ContentProblems") -> _Record:
    if isinstance(written, dict) and isinstance(written.get("format"), int) and written["format"] > 1:
        problems.fail("was made by a newer version of Kling Core", "Update Kling Core, or ask for an older export.")
    try:
        return _Record.model_validate(written)
    except ValidationError as error:
        for mistake in error.errors(include_input=False, include_url=False)[:8]:
            place = ".".join(str(part)[:40] for part in mistake["loc"])
            problems.report(f"{place!a}: {mistake['msg'][:200]}")
    problems.raise_if_any()


def _read_checked(path: Path, problems: "_ContentProblems") -> tuple[bytes, _Record]:
    """The whole file and its record, after every check that needs the header only."""
    if not path.is_file():
        problems.fail("does not exist or is not a file", "Check the path.")
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > _MAX_FILE_BYTES:
                problems.fail(f"has {size:,} bytes; no element has more than {_MAX_FILE_BYTES:,}")
            length_field = file.read(8)
            header_bytes = int.from_bytes(length_field, "little")
            if len(length_field) < 8 or header_bytes > size - 8:
                problems.fail("is cut short or not a safetensors file")
            if header_bytes > MAX_HEADER_BYTES:
                problems.fail(f"claims a header of {header_bytes:,} bytes; at most {MAX_HEADER_BYTES:,} are read")
            header = file.read(header_bytes)
            body_bytes, record = _check_header(header, problems)
            if 8 + header_bytes + body_bytes != size:
                problems.fail(f"should have {8 + header_bytes + body_bytes:,} bytes by its header and has {size:,}")
            body = file.read(body_bytes)
    except OSError as error:
        problems.fail(f"cannot be read ({error.strerror})", "Check the file and its permissions.")
    return b"".join((length_field, header, body)), record


def _check_header(header: bytes, problems: "_ContentProblems") -> tuple[int, _Record]:
    """Bytes of all tensors together, and the record."""
    described = _strict_json(header, "its header", problems)
    metadata = described.pop("__metadata__", None)
    if not isinstance(metadata, dict) or not isinstance(metadata.get(METADATA_KEY), str):
        problems.fail(f"is a safetensors file but not an element: it has no {METADATA_KEY!r} metadata",
                      "Give a file that `kling element build` made.")
    body_bytes = 0
    for name, entry in described.items():
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            problems.fail(f"describes tensor {name[:40]!a} in a way that safetensors does not know")
        body_bytes += problems.check_tensor(name, entry["dtype"], entry["shape"])
    problems.raise_if_any()
    text = metadata[METADATA_KEY]
    problems.check_record_size(text)
    problems.raise_if_any()
    return body_bytes, _validated(_strict_json(text.encode(), "its metadata", problems), problems)


def _strict_json(text: bytes, what: str, problems: "_ContentProblems") -> dict:
    """JSON with one meaning: no duplicate keys (two parsers could pick different ones), no NaN, not deep."""

    def unique(pairs: list[tuple[str, Any]]) -> dict:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    try:
        parsed = json.loads(text.decode("utf-8"), object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        problems.fail(f"{what} is not sound JSON ({str(error)[:100]!a})")
    if not isinstance(parsed, dict) or _deeper_than(parsed, MAX_RECORD_DEPTH):
        problems.fail(f"{what} is not a JSON object of at most {MAX_RECORD_DEPTH} levels")
    return parsed


def _deeper_than(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    if inner is None:
        return False
    return levels == 0 or any(_deeper_than(part, levels - 1) for part in inner)


class _ContentProblems(ProblemList):
    """What reading and writing check alike; every mistake is about `where` and gets `remedy` unless it has its own."""

    def __init__(self, where: str, remedy: str):
        super().__init__()
        self.where, self.remedy = where, remedy

    def report(self, what: str, remedy: str | None = None) -> None:
        self.add(self.where, what, remedy or self.remedy)

    def fail(self, what: str, remedy: str | None = None) -> None:
        """Report and raise at once: nothing further can be checked."""
        self.report(what, remedy)
        self.raise_if_any()

    def check_tensor(self, name: str, dtype: Any, shape: Any) -> int:
        """The tensor's bytes; 0 for an unfit one, which is reported."""
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

    def check_record_size(self, text: str) -> None:
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > MAX_RECORD_BYTES:
            self.report(f"has {size:,} bytes of metadata; at most {MAX_RECORD_BYTES:,} are read")

    def check_record(self, record: _Record) -> None:
        problem = name_problem(record.name)
        if problem:
            self.report(f"{problem.where} {problem.what}", problem.remedy)
        if not is_plain_line(record.description):
            self.report("the description contains control characters")
        if not all(len(finding) <= MAX_FINDING and is_plain_line(finding) for finding in record.findings):
            self.report(f"a finding is longer than {MAX_FINDING} characters or contains control characters")

    def check_voice(self, samples: np.ndarray | None, record: _VoiceRecord | None) -> None:
        if (samples is None) != (record is None):
            self.report("has a voice without its description, or the other way round")
        elif samples is not None:
            if not np.isfinite(samples).all() or np.abs(samples).max() > 1:
                self.report("the voice has samples that are not numbers from -1 to 1")
            if len(samples) > MAX_VOICE_SECONDS * record.sample_rate:
                self.report(f"the voice is longer than {MAX_VOICE_SECONDS} s")


def _write_atomically(path: Path, data: bytes) -> None:
    draft = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        try:
            with draft.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        problems = _ContentProblems(f"element file {path.name}", "")
        problems.fail(f"cannot be written to {path.parent} ({error.strerror})",
                      "Make room there or choose a folder that you may write to.")
