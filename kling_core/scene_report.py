"""The report of a rendered scene as JSON: what was planned, how it was made, and what measuring it needs."""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from kling_core import __version__
from kling_core.plan.report import plan_json

if TYPE_CHECKING:
    from kling_core.elements.element import Binding
    from kling_core.render import Scene

_PACKAGES = (
    "torch", "torchaudio", "numpy", "av", "opencv-python-headless", "safetensors", "pydantic", "hibari-tts",
    "pyworld-prebuilt", "scipy",
)
_DIGITS = 4


def report_text(scene: "Scene") -> str:
    return json.dumps(scene_report(scene), indent=1, ensure_ascii=False) + "\n"


def scene_report(scene: "Scene") -> dict[str, Any]:
    """Plain data: the plan, how it was made, what it took, cuts, lines as spoken, mouths, versions, licence."""
    plan, fps = scene.plan, scene.plan.grid.fps
    return {
        "kling_core": __version__,
        "backbone": type(scene.backbone).__name__,
        "licence": scene.backbone.licence,
        "seed": scene.seed,
        "seeds": list(scene.seeds),
        "structure": scene.structure,
        "settings": asdict(scene.settings),
        "cast": [_binding_json(binding) for binding in scene.cast.bindings],
        "plan": plan_json(plan),
        "notes": list(scene.notes),
        "cuts": [shot.start / fps for shot in plan.shots[1:]],
        "speech": [
            {"line": line.index, "speaker": line.speaker, "start": round(line.start, _DIGITS),
             "stop": round(line.stop, _DIGITS), "voice": line.voice, "note": line.note}
            for line in scene.speech
        ],
        "mouths": mouth_tracks(scene),
        "seconds": scene.timings,
        "peak_memory_mb": round(peak_memory() / 2**20),
        "versions": {"python": platform.python_version(), "system": platform.platform(), **_versions()},
    }


def mouth_tracks(scene: "Scene") -> list[dict[str, Any]]:
    """For every speaker seen in a shot, what the mouth should do in each frame and where it is.

    opening: 0..1 out of the sound; x, y: screen point in [0, 1]; head: height of the head on screen; facing: radians,
    0 = towards the camera.
    """
    from kling_core.previz.conditioning import mouth_curves

    openings = mouth_curves(scene.plan, scene.speech)
    tracks = []
    for shot, blocking in zip(scene.plan.shots, scene.plan.blocking):
        speakers = dict.fromkeys(line.speaker for line in scene.plan.lines if line.shot == shot.index)
        for name in speakers:
            seen = blocking.track(name)
            if seen is None or name not in openings:
                continue
            tracks.append({
                "shot": shot.index,
                "subject": name,
                "start_frame": shot.start,
                "opening": _listed(openings[name][shot.start: shot.stop, 0]),
                "x": _listed(seen.mouth[:, 0]),
                "y": _listed(seen.mouth[:, 1]),
                "head": _listed(seen.head[:, 3] - seen.head[:, 1]),
                "facing": _listed(seen.facing),
            })
    return tracks


def peak_memory() -> int:
    """Most memory that this process has held so far, in bytes; 0 where the system does not tell."""
    if sys.platform == "win32":
        return _peak_memory_of_windows()
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _binding_json(binding: "Binding") -> dict[str, Any]:
    element, voice = binding.element, binding.element.voice
    return {
        "name": element.name,
        "kind": element.kind,
        "origin": element.origin,
        "strength": binding.strength,
        "views": list(element.views),
        "voice": {"seconds": round(voice.seconds, 2), "pitch": voice.pitch} if voice else None,
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _listed(values: np.ndarray) -> list[float]:
    return [round(float(value), _DIGITS) for value in values]


def _peak_memory_of_windows() -> int:
    """PeakWorkingSetSize of PROCESS_MEMORY_COUNTERS, the third field, in bytes."""
    import ctypes
    from ctypes import wintypes

    class Counters(ctypes.Structure):
        _fields_ = [
            ("size", wintypes.DWORD), ("faults", wintypes.DWORD),
            *((name, ctypes.c_size_t) for name in ("peak", "now", "a", "b", "c", "d", "e", "f")),
        ]

    counters = Counters(size=ctypes.sizeof(Counters))
    process = ctypes.windll.kernel32.GetCurrentProcess
    process.restype = wintypes.HANDLE
    query = ctypes.windll.psapi.GetProcessMemoryInfo
    query.argtypes = (wintypes.HANDLE, ctypes.POINTER(Counters), wintypes.DWORD)
    return counters.peak if query(process(), ctypes.byref(counters), counters.size) else 0
