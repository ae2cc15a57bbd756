"""A take: what was sampled of a plan, its sound, and by what its scene is known again. Retakes start from one.

`NAME.take.safetensors`: `video` float16 [T, C, H, W], `audio` float16 [tokens, C], `sound` int16 [2, N]; everything
else is one JSON text under the metadata key `kling_take`. Films are made from numbers of just this precision, so what
a file holds is the take to the bit.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from pydantic import Field

from kling_core import tensor_file
from kling_core.backbone import Latents, Settings
from kling_core.sampling.solvers import SOLVERS
from kling_core.storyboard.storyboard import MAX_ELEMENTS, MAX_SHOTS
from kling_core.tensor_file import FileChecks, Record

if TYPE_CHECKING:
    from kling_core.elements.element import Binding
    from kling_core.plan.plan import Plan, PlannedShot
    from kling_core.render import Scene

MAX_TENSOR_BYTES = 256 * 2**20
_LOUDEST = 2**15 - 1
_PRINT_BYTES = 16
_RENDER_AGAIN = "Render the scene anew; `kling render` writes a take beside every film."
_TENSORS = {"video": ("F16", 4), "audio": ("F16", 2), "sound": ("I16", 2)}
_Print = Field(pattern=f"^[0-9a-f]{{{2 * _PRINT_BYTES}}}$")


@dataclass(frozen=True)
class Take:
    """latents, sound (float32 [2, N]): settled. seeds, frames: of each shot.

    shots, cast: fingerprints of each shot's plan and of each element. backbone, weights: what sampled it. first_frame,
    last_frame: whether the film begins, ends with a given picture.
    """

    latents: Latents
    sound: np.ndarray
    seeds: tuple[int, ...]
    settings: Settings
    structure: float
    frames: tuple[int, ...]
    shots: tuple[str, ...]
    cast: dict[str, str]
    backbone: str
    weights: str
    first_frame: bool
    last_frame: bool

    @classmethod
    def of(cls, scene: "Scene") -> Take:
        plan, backbone = scene.plan, scene.backbone
        return cls(
            scene.latents, scene.sound, scene.seeds, scene.settings, scene.structure,
            frames=tuple(shot.frames for shot in plan.shots),
            shots=tuple(shot_print(plan, shot) for shot in plan.shots),
            cast={binding.element.name: element_print(binding) for binding in scene.cast.bindings},
            backbone=type(backbone).__name__, weights=backbone.weights,
            first_frame=scene.first_frame, last_frame=scene.last_frame,
        )

    @property
    def next_seed(self) -> int:
        return (max(self.seeds) + 1) % 2**63


def settled_sound(sound: np.ndarray) -> np.ndarray:
    """float32 [2, N], rounded to the 16 bits that a file holds. Rounding again changes nothing."""
    return _from_int16(_to_int16(sound))


def shot_print(plan: "Plan", shot: "PlannedShot") -> str:
    """Tells a planned shot from any other: its picture and its lines, but not when in the film it comes."""
    fps = plan.grid.fps
    picture = _written(shot, "index", "start", "stop", "assumed")
    picture |= {"frames": shot.frames, "aspect": plan.aspect, "negative": plan.negative}
    lines = [
        _written(line, "index", "shot", "start", "stop")
        | {"start": round(line.start - shot.start / fps, 6), "stop": round(line.stop - shot.start / fps, 6)}
        for line in plan.lines if line.shot == shot.index
    ]
    return _digest(json.dumps([picture, lines], sort_keys=True).encode())


def element_print(binding: "Binding") -> str:
    """Tells a bound element from any other: its kind, pictures, looks, voice, clip and strength."""
    element, voice = binding.element, binding.element.voice
    words = [element.kind, element.origin, element.look, binding.strength, voice and voice.sample_rate]
    views = [(name, element.views[name]) for name in sorted(element.views)]
    parts = [json.dumps([words, [(name, picture.shape) for name, picture in views]], sort_keys=True).encode()]
    parts += [np.ascontiguousarray(picture).tobytes() for _, picture in views]
    parts += [voice.samples.tobytes()] if voice else []
    if clip := element.clip:
        parts.append(json.dumps([clip.frames.shape, clip.fps, clip.sample_rate]).encode())
        parts += [np.ascontiguousarray(part).tobytes() for part in (clip.frames, clip.sound) if part is not None]
    return _digest(*parts)


def save_take(take: Take, path: str | os.PathLike) -> None:
    """Write `take` to `path`: the file is there whole or not at all. Raises KlingError for a full disk, and for a take
    too large for `load_take`."""
    path = Path(path)
    latents, sound = take.latents, _to_int16(take.sound)
    shots = [
        {"frames": frames, "seed": seed, "print": shot}
        for frames, seed, shot in zip(take.frames, take.seeds, take.shots, strict=True)
    ]
    checks = _TakeChecks(f"take {path.name}", "Render a shorter scene.")
    record = checks.validated({
        "backbone": take.backbone, "weights": take.weights, "settings": asdict(take.settings),
        "structure": take.structure, "shots": shots, "cast": take.cast,
        "first_frame": take.first_frame, "last_frame": take.last_frame,
    })
    tensors = {"video": latents.video.half().numpy(), "audio": latents.audio.half().numpy(), "sound": sound}
    tensor_file.write(path, tensors, record, checks)


def load_take(path: str | os.PathLike) -> Take:
    """Read a take that may come from anybody. Raises KlingError, naming the file, for whatever is not a sound take."""
    path = Path(path)
    checks = _TakeChecks(f"take {path.name}", _RENDER_AGAIN)
    tensors, record = tensor_file.read(path, checks)
    checks.check_contents(tensors)
    latents = Latents(*(torch.from_numpy(tensors[name].astype(np.float32)) for name in ("video", "audio")))
    shots = record.shots
    return Take(
        latents, _from_int16(tensors["sound"]), tuple(shot.seed for shot in shots),
        Settings(**record.settings.model_dump()), record.structure, tuple(shot.frames for shot in shots),
        tuple(shot.print for shot in shots), record.cast, record.backbone, record.weights,
        record.first_frame, record.last_frame,
    )


class _ShotRecord(Record):
    frames: int = Field(ge=1, le=100_000)
    seed: int = Field(ge=0, lt=2**64)
    print: str = _Print


class _SettingsRecord(Record):
    steps: int = Field(ge=1, le=1000)
    solver: str = Field(pattern=f"^({'|'.join(SOLVERS)})$")
    reference_guidance: float = Field(ge=0, le=100)
    text_guidance: float = Field(ge=0, le=100)
    audio_guidance: float = Field(ge=0, le=100)


class _TakeRecord(Record):
    """The JSON of format 1."""

    format: Literal[1] = 1
    backbone: str = Field(max_length=64)
    weights: str = Field(max_length=64)
    settings: _SettingsRecord
    structure: float = Field(ge=0, le=1)
    shots: list[_ShotRecord] = Field(min_length=1, max_length=MAX_SHOTS)
    cast: dict[str, str] = Field(max_length=MAX_ELEMENTS)
    first_frame: bool
    last_frame: bool


class _TakeChecks(FileChecks):
    kind, key, record = "a take", "kling_take", _TakeRecord
    max_body = MAX_TENSOR_BYTES
    maker = "Give the .take.safetensors that `kling render` wrote beside a film."

    def check_tensor(self, name: str, dtype: Any, shape: Any) -> int:
        wanted = _TENSORS.get(name)
        if wanted is None:
            self.report(f"has a tensor {name[:40]!a} that takes do not have")
        elif not isinstance(shape, list) or not all(type(side) is int and side > 0 for side in shape):
            self.report(f"{name} has no shape that a tensor can have")
        elif (dtype, len(shape)) != wanted or 2 * math.prod(shape) > MAX_TENSOR_BYTES:
            self.report(f"{name} is not {wanted[0]} in {wanted[1]} dimensions and {MAX_TENSOR_BYTES:,} bytes at most")
        else:
            return 2 * math.prod(shape)
        return 0

    def check_contents(self, tensors: dict[str, np.ndarray]) -> None:
        for name in _TENSORS.keys() - tensors.keys():
            self.report(f"has no {name}")
        for name, tensor in tensors.items():
            if not np.isfinite(tensor).all():
                self.report(f"{name} has values that are not numbers")
        self.raise_if_any()


def _written(planned: Any, *but: str) -> dict[str, Any]:
    """The fields of a planned shot or line that say something: a version with one more field knows older takes."""
    written = {field.name: _plain(getattr(planned, field.name)) for field in fields(planned) if field.name not in but}
    return {name: value for name, value in written.items() if value not in (None, "", [])}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return _written(value) if is_dataclass(value) else value


def _digest(*parts: bytes) -> str:
    digest = hashlib.blake2b(digest_size=_PRINT_BYTES)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _to_int16(sound: np.ndarray) -> np.ndarray:
    return np.round(np.clip(sound, -1, 1) * _LOUDEST).astype(np.int16)


def _from_int16(sound: np.ndarray) -> np.ndarray:
    return sound.astype(np.float32) / _LOUDEST
