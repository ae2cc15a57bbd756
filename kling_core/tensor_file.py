"""Safetensors files that may come from anybody, with one JSON record in their metadata.

The header is parsed here only as far as it takes to refuse a file before anything large is read; safetensors reads the
rest. What kind of file it is, its tensors, its record and its caps, says a subclass of `FileChecks`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as format_tensors

from kling_core.atomic import replacing
from kling_core.errors import ProblemList

MAX_HEADER_BYTES, MAX_RECORD_BYTES, MAX_RECORD_DEPTH = 256 * 1024, 64 * 1024, 6
_DTYPES = {"uint8": "U8", "int16": "I16", "float16": "F16", "float32": "F32"}


class Record(BaseModel):
    """A file's JSON. It has a field `format`; a field more is a new format, so that an old reader never drops what it
    does not know."""

    model_config = ConfigDict(extra="forbid", strict=True)


class FileChecks(ProblemList):
    """What reading and writing one kind of file check alike. Every mistake is about `where` and gets `remedy` unless
    it has its own.

    kind: what the file is, with its article. key: the record's, in the metadata. max_body: bytes of all tensors.
    latest: the newest format that is known. maker: where such files come from, as a remedy.
    """

    kind: ClassVar[str]
    key: ClassVar[str]
    max_body: ClassVar[int]
    latest: ClassVar[int] = 1
    maker: ClassVar[str]
    record: ClassVar[type[Record]]

    def __init__(self, where: str, remedy: str):
        super().__init__()
        self.where, self.remedy = where, remedy

    def report(self, what: str, remedy: str | None = None) -> None:
        self.add(self.where, what, remedy or self.remedy)

    def fail(self, what: str, remedy: str | None = None) -> NoReturn:
        """Report and raise at once: nothing further can be checked."""
        self.report(what, remedy)
        self.raise_if_any()

    def check_tensor(self, name: str, dtype: Any, shape: Any) -> int:
        """The tensor's bytes; 0 for an unfit one, which is reported. dtype, shape: whatever a header has."""
        raise NotImplementedError

    def validated(self, written: Any) -> Any:
        """The record, of the type `record`; raises for anything else."""
        if isinstance(written, dict) and isinstance(written.get("format"), int) and written["format"] > self.latest:
            self.fail("was made by a newer version of Kling Core", "Update Kling Core, or ask for an older export.")
        try:
            return self.record.model_validate(written)
        except ValidationError as error:
            for mistake in error.errors(include_input=False, include_url=False)[:8]:
                place = ".".join(str(part)[:40] for part in mistake["loc"])
                self.report(f"{place!a}: {mistake['msg'][:200]}")
        self.raise_if_any()

    def check_record_size(self, text: str) -> None:
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > MAX_RECORD_BYTES:
            self.report(f"has {size:,} bytes of metadata; at most {MAX_RECORD_BYTES:,} are read")


def read(path: Path, checks: FileChecks) -> tuple[dict[str, np.ndarray], Any]:
    """Tensors and record of a file that may come from anybody: no more than 256 KiB is read before sizes, types and
    names have been checked. Raises KlingError, naming the file."""
    data, record = _read_checked(path, checks)
    try:
        return parse_tensors(data), record
    except SafetensorError as error:
        checks.fail(f"is not a sound safetensors file ({str(error)[:200]!a})")


def write(path: Path, tensors: dict[str, np.ndarray], record: Record, checks: FileChecks) -> None:
    """Write in one piece: the file is there whole or not at all. Raises KlingError for contents that `read` would
    refuse, and for a full disk."""
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    for name, tensor in tensors.items():
        checks.check_tensor(name, _DTYPES.get(tensor.dtype.name, tensor.dtype.name), list(tensor.shape))
    text = json.dumps(record.model_dump(), ensure_ascii=False, allow_nan=False)
    checks.check_record_size(text)
    checks.raise_if_any()
    _write_atomically(path, format_tensors(tensors, {checks.key: text}), checks)


def _read_checked(path: Path, checks: FileChecks) -> tuple[bytes, Any]:
    """The whole file and its record, after every check that needs the header only."""
    largest = 8 + MAX_HEADER_BYTES + checks.max_body
    try:
        if not path.is_file():
            checks.fail("does not exist or is not a file", "Check the path.")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > largest:
                checks.fail(f"has {size:,} bytes; {checks.kind} has at most {largest:,}")
            length_field = file.read(8)
            header_bytes = int.from_bytes(length_field, "little")
            if len(length_field) < 8 or header_bytes > size - 8:
                checks.fail("is cut short or not a safetensors file")
            if header_bytes > MAX_HEADER_BYTES:
                checks.fail(f"claims a header of {header_bytes:,} bytes; at most {MAX_HEADER_BYTES:,} are read")
            header = file.read(header_bytes)
            body_bytes, record = _check_header(header, checks)
            if 8 + header_bytes + body_bytes != size:
                checks.fail(f"should have {8 + header_bytes + body_bytes:,} bytes by its header and has {size:,}")
            body = file.read(body_bytes)
    except OSError as error:
        checks.fail(f"cannot be read ({error.strerror})", "Check the file and its permissions.")
    return b"".join((length_field, header, body)), record


def _check_header(header: bytes, checks: FileChecks) -> tuple[int, Any]:
    """Bytes of all tensors together, and the record."""
    described = _strict_json(header, "its header", checks)
    metadata = described.pop("__metadata__", None)
    if not isinstance(metadata, dict) or not isinstance(metadata.get(checks.key), str):
        checks.fail(f"is a safetensors file but not {checks.kind}: it has no {checks.key!r} metadata", checks.maker)
    body_bytes = 0
    for name, entry in described.items():
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            checks.fail(f"describes tensor {name[:40]!a} in a way that safetensors does not know")
        body_bytes += checks.check_tensor(name, entry["dtype"], entry["shape"])
    checks.raise_if_any()
    text = metadata[checks.key]
    checks.check_record_size(text)
    checks.raise_if_any()
    return body_bytes, checks.validated(_strict_json(text.encode("utf-8", "surrogatepass"), "its metadata", checks))


def _strict_json(text: bytes, what: str, checks: FileChecks) -> dict:
    """JSON with one meaning: no duplicate keys (two parsers could pick different ones), no NaN, not deep."""

    def unique(pairs: list[tuple[str, Any]]) -> dict:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON")

    try:
        parsed = json.loads(text.decode("utf-8"), object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        checks.fail(f"{what} is not sound JSON ({str(error)[:100]!a})")
    if not isinstance(parsed, dict) or _deeper_than(parsed, MAX_RECORD_DEPTH):
        checks.fail(f"{what} is not a JSON object of at most {MAX_RECORD_DEPTH} levels")
    return parsed


def _deeper_than(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    if inner is None:
        return False
    return levels == 0 or any(_deeper_than(part, levels - 1) for part in inner)


def _write_atomically(path: Path, data: bytes, checks: FileChecks) -> None:
    try:
        with replacing(path) as draft, draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        checks.fail(
            f"cannot be written to {path.parent} ({error.strerror})",
            "Make room there or choose a folder that you may write to.",
        )
