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
from kling_core.previz.collage import collage
from kling_core.previz.geometry import shot_geometry
from kling_core.previz.packing import Packed, ShotPart, pack
from kling_core.previz.stage.casting import random_look
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.portraits import portraits
from kling_core.previz.stage.scene import draw_shot
from kling_core.previz.training.sounds import SoundBank
from kling_core.previz.wardrobe import Wardrobe
from kling_core.previz.world import GRID, UPSCALE

LATENTS = 2
FRAMES = LATENTS * GRID.frames_per_latent
PEOPLE = 2

_PLACES = ("park", "beach", "street", "room", "night street", "studio")
_SIZES, _SIZE_ODDS = ("wide", "full", "medium", "close", "extreme close"), (0.2, 0.15, 0.3, 0.25, 0.1)
_VERBS, _VERB_ODDS = (
    ("stand", "walk", "wave", "talk", "turn", "point", "nod", "sit"),
    (0.12, 0.17, 0.08, 0.4, 0.07, 0.06, 0.05, 0.05),
)
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
    return [Person(look, Wardrobe.from_views(portraits(look, 128))) for look in looks]


@dataclass(frozen=True)
class Excerpt:
    """One sample. people: numbers in the cast, at most PEOPLE. frames: uint8 [8, 3, 2 H, 2 W], in the parts' order.
    speech, ambience: log-mel rows [8, 320]. rows, columns: tokens of one latent."""

    packed: Packed
    people: tuple[int, ...]
    frames: torch.Tensor
    speech: torch.Tensor
    ambience: torch.Tensor
    rows: int
    columns: int


def random_excerpt(
    rng: np.random.Generator, cast: list[Person], sounds: SoundBank, device: torch.device | str = "cpu"
) -> Excerpt:
    """Stage, draw and pack one excerpt."""
    aspect = ("16:9", "9:16", "1:1")[rng.choice(3, p=(0.76, 0.12, 0.12))]
    width, height = GRID.sizes[aspect]
    rows, columns = GRID.tokens_per_latent(aspect)
    people = tuple(int(number) for number in rng.choice(len(cast), PEOPLE, replace=False))
    names = {f"person{at}": cast[number] for at, number in enumerate(people)}
    place, hour = _PLACES[rng.integers(6)], ("day", "sunset", "night")[rng.choice(3, p=(0.5, 0.3, 0.2))]
    parts, frames, speech, ambience = [], [], [], []
    for number, chosen in enumerate(_latents(rng)):
        shot = random_shot(rng, number, tuple(names), place, hour, longest=max(chosen) + 1)
        blocking = block_shot(shot, GRID.fps, width / height, seed=int(rng.integers(1 << 30)))
        talk = sounds.talk(rng, shot)
        part = stage_part(shot, blocking, np.array(chosen), float(rng.uniform(0, 12)), talk, names, rows, columns)
        at = _frames_of(part.latents)
        looks = {name: person.look for name, person in names.items()}
        drawn = draw_shot(
            shot,
            _slice(blocking, at),
            looks,
            {talk.speaker: talk.mouth[at]} if talk.speaker else {},
            width * UPSCALE,
            height * UPSCALE,
            supersampling=1,
            device=device,
        )
        parts.append(part)
        frames.append(drawn.permute(0, 3, 1, 2).cpu())
        speech.append(talk.rows[at])
        ambience.append(sounds.bed(rng, place, hour, part.start + at / GRID.fps))
    packed = pack(parts, tuple(names), text.scene_words(parts[0].shot))
    return Excerpt(packed, people, torch.cat(frames), torch.cat(speech), torch.cat(ambience), rows, columns)


def stage_part(shot, blocking, latents, start, talk, people, rows, columns) -> ShotPart:
    """The chosen latents of a staged shot. people: whoever has a `wardrobe`, by name; talk: see `SoundBank.talk`."""
    middle = latents * GRID.frames_per_latent + GRID.frames_per_latent // 2
    wardrobes = {name: person.wardrobe for name, person in people.items()}
    mouths = {talk.speaker: talk.mouth} if talk.speaker else {}
    speaking = talk.loud[_frames_of(latents)]
    return ShotPart(
        shot,
        latents,
        start,
        shot_geometry(shot.place, blocking, mouths, latents, rows, columns),
        collage(blocking, middle, wardrobes, rows, columns),
        tuple(talk.speaker if loud else None for loud in speaking),
    )


def random_shot(
    rng: np.random.Generator, index: int, names: tuple[str, ...], place: str, hour: str, longest: int
) -> PlannedShot:
    """A shot with one or two of `names`, of at least `longest` latents."""
    latents = int(rng.integers(max(longest, 3), max(longest, 3) + 10))
    size = _SIZES[rng.choice(5, p=_SIZE_ODDS)]
    crowd = int(rng.choice((0, 1, 2), p=(0.04, 0.52, 0.44)))
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
    return Performance(name, verb, str(rng.choice(_EXPRESSIONS)), position, toward, behind)


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


def _slice(blocking: Blocking, frames: np.ndarray) -> Blocking:
    """The blocking of some frames only."""
    subjects = tuple(
        type(track)(
            track.performance,
            *(
                getattr(track, name)[frames]
                for name in ("position", "yaw", "phase", "body", "head", "depth", "facing", "mouth")
            ),
        )
        for track in blocking.subjects
    )
    occluders = tuple(
        type(track)(track.kind, track.position, track.trunk[frames], track.depth[frames])
        for track in blocking.occluders
    )
    return Blocking(blocking.camera.slice(frames), subjects, occluders)
