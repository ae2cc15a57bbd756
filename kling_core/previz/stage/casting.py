"""Random people for training and tests: looks drawn from palettes with jitter, some combinations held out."""

from __future__ import annotations

import colorsys

import numpy as np

from kling_core.previz.stage.look import HAIR_STYLES, HATS, PATTERNS, Colour, Look

SKIN_COLOURS = ((0.98, 0.84, 0.73), (0.92, 0.72, 0.56), (0.76, 0.54, 0.38), (0.55, 0.37, 0.25), (0.34, 0.22, 0.15))
HAIR_COLOURS = (
    (0.08, 0.06, 0.05), (0.35, 0.2, 0.1), (0.85, 0.68, 0.3), (0.75, 0.25, 0.08), (0.6, 0.6, 0.62), (0.9, 0.35, 0.65),
    (0.2, 0.45, 0.85), (0.3, 0.7, 0.35),
)
EYE_COLOURS = ((0.2, 0.12, 0.06), (0.15, 0.4, 0.75), (0.2, 0.55, 0.25), (0.45, 0.45, 0.5))


def random_look(rng: np.random.Generator, *, held_out: bool = False) -> Look:
    """Somebody new. held_out people have factor combinations that training never draws (about a tenth of all)."""
    while True:
        look = _draw(rng)
        if is_held_out(look) == held_out:
            return look


def is_held_out(look: Look) -> bool:
    """Every tenth combination of hair style, pattern, hat, glasses and beard belongs to the test set."""
    combination = (
        HAIR_STYLES.index(look.hair_style) * 5 + PATTERNS.index(look.pattern) * 3 + HATS.index(look.hat) * 7
        + look.glasses * 2 + look.beard
    )
    return combination % 10 == 4


def _draw(rng: np.random.Generator) -> Look:
    lighter = rng.integers(len(SKIN_COLOURS) - 1)
    skin = _mix(SKIN_COLOURS[lighter], SKIN_COLOURS[lighter + 1], rng.random())
    return Look(
        skin=skin,
        hair=_jitter(rng, HAIR_COLOURS[rng.integers(len(HAIR_COLOURS))], 0.06),
        hair_style=HAIR_STYLES[rng.integers(len(HAIR_STYLES))],
        top=_cloth(rng),
        pattern=PATTERNS[rng.choice(3, p=[0.5, 0.25, 0.25])],
        pattern_colour=_cloth(rng),
        trousers=_mix(_cloth(rng), (0.2, 0.2, 0.25), 0.4),
        hat=HATS[rng.choice(3, p=[0.5, 0.25, 0.25])],
        hat_colour=_cloth(rng),
        eyes=EYE_COLOURS[rng.integers(len(EYE_COLOURS))],
        glasses=bool(rng.random() < 0.4),
        beard=bool(rng.random() < 0.3),
        height=float(rng.uniform(0.95, 1.05)),
        build=float(rng.uniform(0.85, 1.15)),
    )


def _cloth(rng: np.random.Generator) -> Colour:
    if rng.random() < 0.2:
        grey = rng.choice([0.14, 0.3, 0.55, 0.93])
        return (grey, grey, min(grey + 0.02, 1.0))
    return colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.55, 0.95), rng.uniform(0.45, 0.95))


def _jitter(rng: np.random.Generator, colour: Colour, amount: float) -> Colour:
    return tuple(float(np.clip(part + rng.uniform(-amount, amount), 0, 1)) for part in colour)


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    return tuple(float(a * (1 - share) + b * share) for a, b in zip(first, second))
