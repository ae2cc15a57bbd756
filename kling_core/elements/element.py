"""An Element: a reusable character, item or scene, and the Cast that binds elements to a scene.

On disk an element is one `NAME.element.safetensors`: pictures and sound as tensors, everything else as JSON metadata.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

KINDS = ("character", "item", "scene")
VIEWS = ("front", "side", "back", "detail")
MAX_NAME, MAX_DESCRIPTION = 20, 100


@dataclass(frozen=True)
class Voice:
    """A voice recording. samples: [N] float32 in [-1, 1], mono. pitch: median fundamental in Hz, None if unvoiced."""

    samples: np.ndarray
    sample_rate: int
    pitch: float | None

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True)
class Clip:
    """A few seconds of film that show an element. frames: uint8 [T, H, W, 3] RGB at a constant `fps`. sound: float32
    [C, N] in [-1, 1], C = 1 or 2, at `sample_rate` Hz, from the first frame to the last; both None without sound."""

    frames: np.ndarray
    fps: float
    sound: np.ndarray | None = None
    sample_rate: int | None = None

    @property
    def seconds(self) -> float:
        return len(self.frames) / self.fps


@dataclass(frozen=True)
class Element:
    """views: picture by view name, each [H, W, 3] uint8 RGB. clip: the element in motion, for models that take films.

    look: the stand-in's looks (`previz.stage.look.Look.to_json()`), which let the embedded model draw somebody it
    knows from photographs only. findings: what intake had to say when the element was built. origin: "photo" for
    users' pictures, "stage" for pictures that our own stage drew.
    """

    name: str
    kind: str = "character"
    description: str = ""
    views: dict[str, np.ndarray] = field(default_factory=dict)
    voice: Voice | None = None
    look: dict[str, Any] | None = None
    origin: str = "photo"
    findings: tuple[str, ...] = ()
    clip: Clip | None = None


@dataclass(frozen=True)
class Binding:
    """An element bound to a scene. strength: 0 = not bound, 1 = as trained, above 1 = exaggerated."""

    element: Element
    strength: float = 1.0


@dataclass(frozen=True)
class Cast:
    """The elements bound to a scene, in order. `@name` in any text refers to one of them."""

    bindings: tuple[Binding, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(binding.element.name for binding in self.bindings)

    def __getitem__(self, name: str) -> Element:
        return self.binding(name).element

    def binding(self, name: str) -> Binding:
        for binding in self.bindings:
            if binding.element.name == name:
                return binding
        raise KeyError(name)

    def unbound(self) -> "Cast":
        """The same people with binding switched off, for comparisons from the same seed."""
        return Cast(tuple(Binding(binding.element, 0.0) for binding in self.bindings))
