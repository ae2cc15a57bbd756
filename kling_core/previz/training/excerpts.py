"""Training excerpts: two latents of a scene nobody has seen, staged, drawn and packed like the real thing.

A scene is fully described by its plan, so any few latents of a film are a valid sample. Excerpts draw their latents at
random distances, within a shot and across a cut, so that the model works at any length without ever training on one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from kling_core.plan.blocking import Blocking, block_shot
from kling_core.plan.plan import Performance, PlannedMove, PlannedShot
from kling_core.previz import text
from kling_core.previz.collage import collage, pasted_tokens
from kling_core.previz.geometry import shot_geometry
from kling_core.previz.packing import Packed, ShotPart, pack
from kling_core.previz.plate import Plate, plate_of
from kling_core.previz.stage.casting import random_look
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.portraits import portraits
from kling_core.previz.stage.scene import draw_shot
from kling_core.previz.training.sounds import SoundBank, Talk
from kling_core.previz.wardrobe import Wardrobe
from kling_core.previz.world import COLLAGE_SCALE, GRID, UPSCALE

LATENTS = 2
FRAMES = LATENTS * GRID.frames_per_latent
PEOPLE = 3

_PLACES = ("park", "beach", "street", "room", "night street", "studio", "shop", "classroom", "road", "stage")
_SIZES, _SIZE_ODDS = ("wide", "full", "medium", "close", "extreme close"), (0.2, 0.15, 0.3, 0.25, 0.1)
_VERBS, _VERB_ODDS = (
    (
        "stand", "walk", "wave", "talk", "turn", "point", "nod", "sit", "hold", "pour", "bounce", "dance", "ride",
        "embrace",
    ),
    (0.1, 0.12, 0.06, 0.34, 0.05, 0.05, 0.03, 0.06, 0.06, 0.03, 0.03, 0.03, 0.02, 0.02),
)
_HELD = ("cup", "book", "phone", "umbrella", "bag")
_FIXED_PROPS = {"pour": "jug", "bounce": "ball", "ride": "bicycle"}
_EXPRESSIONS = ("neutral", "joy", "sadness", "surprise", "anger", "fear")
_MOVES = (
    (None, None, 0, 0),
    ("dolly", ("in", "out"), 0.3, 1.2),
    ("truck", ("left", "right"), 0.3, 1.0),
    ("pedestal", ("up", "down"), 0.2, 0.6),
    ("pan", ("left", "right"), 8, 25),
    ("tilt", ("up", "down"), 5, 15),
    ("roll", ("clockwise", "counterclockwise"), 5, 20),
    ("zoom", ("in", "out"), 1.2, 1.9),
    ("orbit", ("left", "right"), 30, 300),
    ("follow", (None,), 1, 1),
    ("handheld", (None,), 1, 1),
)
_MOVE_ODDS = np.array((4, 2, 1.5, 0.7, 1.5, 0.7, 0.4, 1, 2.5, 1, 0.7)) / 16


@dataclass(frozen=True)
class Person:
    """Somebody to cast: looks, and the pictures the model gets to see of them."""

    look: Look
    wardrobe: Wardrobe


def casting_call(rng: np.random.Generator, count: int, *, held_out: bool = False) -> list[Person]:
    """`count` random people with their portraits."""
    looks = [random_look(rng, held_out=held_out) for _ in range(count)]
    return [Person(look, Wardrobe.from_views(_some(rng, portraits(look, 256)))) for look in looks]


def _some(rng: np.random.Generator, views: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Mostly all views of a person; now and then only the front, or the front and the face."""
    known = (tuple(views), ("front",), ("front", "detail"))[rng.choice(3, p=(0.75, 0.15, 0.1))]
    return {name: views[name] for name in known}


def _some_of(rng: np.random.Generator, plate: Plate) -> Plate:
    """Mostly all of a place; now and then what one picture shows of it, or nothing."""
    half_angle = (np.pi, rng.uniform(0.5, 1.2), 0.0)[rng.choice(3, p=(0.84, 0.08, 0.08))]
    return plate if half_angle == np.pi else plate.ahead(half_angle)


@dataclass(frozen=True)
class Excerpt:
    """One sample. people: numbers in the cast, at most PEOPLE. frames: uint8 [8, 3, s H, s W], in the parts' order, s
    COLLAGE_SCALE, or UPSCALE where `collage` [8, 14, s H, s W] is kept for the refiner. speech, ambience: log-mel rows
    [8, 320]. rows, columns: tokens of one latent."""

    packed: Packed
    people: tuple[int, ...]
    frames: torch.Tensor
    collage: torch.Tensor | None
    speech: torch.Tensor
    ambience: torch.Tensor
    rows: int
    columns: int


def random_excerpt(
    rng: np.random.Generator, cast: list[Person], sounds: SoundBank, *, fine: bool = False
) -> Excerpt:
    """Stage, draw and pack one excerpt. fine: with what the refiner is trained on, and 16:9."""
    aspect = "16:9" if fine else ("16:9", "9:16", "1:1")[rng.choice(3, p=(0.76, 0.12, 0.12))]
    scale = UPSCALE if fine else COLLAGE_SCALE
    width, height = GRID.sizes[aspect]
    rows, columns = GRID.tokens_per_latent(aspect)
    people = tuple(int(number) for number in rng.choice(len(cast), PEOPLE, replace=False))
    names = {f"person{at}": cast[number] for at, number in enumerate(people)}
    looks = {name: person.look for name, person in names.items()}
    heights = {name: look.height for name, look in looks.items()}
    wardrobes = {name: person.wardrobe for name, person in names.items()}
    place, hour = _PLACES[rng.integers(len(_PLACES))], ("day", "sunset", "night")[rng.choice(3, p=(0.5, 0.3, 0.2))]
    plate = _some_of(rng, plate_of(place, hour))
    parts, frames, canvases, speech, ambience = [], [], [], [], []
    for number, chosen in enumerate(_latents(rng)):
        shot = random_shot(rng, number, tuple(names), place, hour, longest=max(chosen) + 1)
        blocking = block_shot(shot, GRID.fps, width / height, int(rng.integers(1 << 30)), heights)
        talk = sounds.talk(rng, shot)
        latents = np.array(chosen)
        at = _frames_of(latents)
        here, mouths = blocking.slice(at), {talk.speaker: talk.mouth[at]} if talk.speaker else {}
        canvas = collage(here, wardrobes, mouths, plate, width * scale, height * scale)
        part = stage_part(shot, blocking, latents, float(rng.uniform(0, 12)), talk, pasted_tokens(canvas, scale))
        drawn = draw_shot(shot, here, looks, mouths, width * scale, height * scale, supersampling=1)
        parts.append(part)
        frames.append(drawn.permute(0, 3, 1, 2))
        canvases.append(canvas)
        speech.append(talk.rows[at])
        ambience.append(sounds.bed(rng, place, hour, part.start + at / GRID.fps))
    packed = pack(parts, tuple(names), text.scene_words(parts[0].shot))
    kept = torch.cat(canvases) if fine else None
    return Excerpt(packed, people, torch.cat(frames), kept, torch.cat(speech), torch.cat(ambience), rows, columns)


def stage_part(
    shot: PlannedShot, blocking: Blocking, latents: np.ndarray, start: float, talk: Talk, pasted: torch.Tensor
) -> ShotPart:
    """The chosen latents of a staged shot. pasted: their collage, by `pasted_tokens`."""
    rows, columns = pasted.shape[1:3]
    mouths = {talk.speaker: talk.mouth} if talk.speaker else {}
    speaking = talk.loud[_frames_of(latents)]
    return ShotPart(
        shot,
        latents,
        start,
        shot_geometry(shot.place, blocking, mouths, latents, rows, columns),
        pasted,
        tuple(talk.speaker if loud else None for loud in speaking),
    )


def random_shot(
    rng: np.random.Generator, index: int, names: tuple[str, ...], place: str, hour: str, longest: int
) -> PlannedShot:
    """A shot with up to three of `names`, of at least `longest` latents."""
    latents = int(rng.integers(max(longest, 3), max(longest, 3) + 10))
    size = _SIZES[rng.choice(5, p=_SIZE_ODDS)]
    crowd = int(rng.choice((0, 1, 2, 3), p=(0.03, 0.47, 0.36, 0.14)))
    chosen = list(rng.permutation(names)[:crowd])
    angle = ("eye", "low", "high", "over shoulder")[
        rng.choice(4, p=(0.7, 0.1, 0.1, 0.1) if crowd < 2 else (0.55, 0.1, 0.1, 0.25))
    ]
    performances = tuple(_performance(rng, str(name), chosen) for name in chosen)
    return PlannedShot(index, 0, latents * GRID.frames_per_latent, size, angle, place, hour, performances, _moves(rng))


def _performance(rng: np.random.Generator, name: str, everybody: list[str]) -> Performance:
    verb = _VERBS[rng.choice(len(_VERBS), p=_VERB_ODDS)]
    toward = str(rng.choice(("left", "right"))) if rng.random() < (1.0 if verb == "walk" else 0.2) else None
    position = None if len(everybody) > 1 or rng.random() < 0.6 else str(rng.choice(("left", "center", "right")))
    behind = str(rng.choice(("tree", "pillar"))) if rng.random() < 0.13 else None
    prop = _FIXED_PROPS.get(verb)
    if verb == "hold" or (verb in ("stand", "talk", "walk") and rng.random() < 0.1):
        prop = str(rng.choice(_HELD))
    if verb == "embrace":
        others = [other for other in everybody if other != name]
        verb, toward = ("embrace", others[0]) if others else ("stand", None)
    return Performance(name, verb, str(rng.choice(_EXPRESSIONS)), position, toward, behind, prop)


def _moves(rng: np.random.Generator) -> tuple[PlannedMove, ...]:
    kind, directions, low, high = _MOVES[rng.choice(len(_MOVES), p=_MOVE_ODDS)]
    if kind is None:
        return ()
    return (PlannedMove(kind, directions[rng.integers(len(directions))], float(rng.uniform(low, high))),)


def _latents(rng: np.random.Generator) -> list[list[int]]:
    """Which latents of which shots: two neighbours, two of one shot at any distance, or one each of two shots."""
    first = int(rng.choice((0, rng.integers(12))))
    kind = rng.choice(3, p=(0.4, 0.2, 0.4))
    if kind == 2:
        return [[first], [0 if rng.random() < 0.7 else int(rng.integers(12))]]
    return [[first, first + (1 if kind == 0 else int(rng.integers(2, 10)))]]


def _frames_of(latents: np.ndarray) -> np.ndarray:
    return (latents[:, None] * GRID.frames_per_latent + np.arange(GRID.frames_per_latent)).ravel()
