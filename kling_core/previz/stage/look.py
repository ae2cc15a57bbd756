"""What a puppet looks like: colours, hair, clothes, hat, glasses, build."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

HAIR_STYLES = ("bald", "short", "long", "bun", "afro", "mohawk")
PATTERNS = ("plain", "stripes", "dots")
HATS = ("none", "beanie", "brim")
Colour = tuple[float, float, float]

_CHOICES = {"hair_style": HAIR_STYLES, "pattern": PATTERNS, "hat": HATS}
_RANGES = {"height": (0.95, 1.05), "build": (0.85, 1.15)}


@dataclass(frozen=True)
class Look:
    """Looks of one puppet. Colours are RGB in [0, 1]; height and build are factors of the nominal body."""

    skin: Colour = (0.92, 0.72, 0.56)
    hair: Colour = (0.35, 0.2, 0.1)
    hair_style: str = "short"
    top: Colour = (0.2, 0.35, 0.85)
    pattern: str = "plain"
    pattern_colour: Colour = (0.92, 0.92, 0.92)
    trousers: Colour = (0.15, 0.2, 0.4)
    hat: str = "none"
    hat_colour: Colour = (0.8, 0.1, 0.15)
    eyes: Colour = (0.2, 0.12, 0.06)
    glasses: bool = False
    beard: bool = False
    height: float = 1.0
    build: float = 1.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, written: dict[str, Any]) -> "Look":
        """Read a look from an element file, which may come from a stranger: raises ValueError on anything unfit."""
        known = {field.name: field for field in fields(cls)}
        unknown = sorted(set(written) - set(known))
        if unknown:
            raise ValueError(f"unknown looks: {', '.join(map(str, unknown))[:200]}")
        return cls(**{name: _checked(name, value, getattr(cls, name)) for name, value in written.items()})


def _checked(name: str, value: Any, default: Any) -> Any:
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise ValueError(f"{name} must be one of {', '.join(_CHOICES[name])}")
        return value
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false")
        return value
    if isinstance(default, float):
        low, high = _RANGES[name]
        if not isinstance(value, (int, float)) or not low <= value <= high:
            raise ValueError(f"{name} must be a number from {low} to {high}")
        return float(value)
    if (
        not isinstance(value, (list, tuple))
        or len(value) != 3
        or not all(isinstance(part, (int, float)) and 0 <= part <= 1 for part in value)
    ):
        raise ValueError(f"{name} must be three numbers from 0 to 1")
    return tuple(float(part) for part in value)
