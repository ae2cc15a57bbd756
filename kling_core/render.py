"""The whole way as one call: storyboard and cast in, a Scene out, whose pictures are decoded as they are written.

At no time are all frames of a film in memory: latents are small, and frames go from the decoder to the file and to the
contact sheet shot by shot.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kling_core.contact_sheet import ContactSheet
from kling_core.media import FilmWriter, write_picture
from kling_core.plan.resolve import plan as resolve
from kling_core.storyboard.files import write_text_atomically

if TYPE_CHECKING:
    from kling_core.backbone import Backbone, Keep, Latents, Progress, Settings
    from kling_core.elements.element import Cast
    from kling_core.plan.plan import Plan
    from kling_core.retakes import Retake
    from kling_core.sound.speech import SpokenLine
    from kling_core.storyboard.storyboard import Storyboard

Stage = Callable[[str], None]
"""stage(name): called when a stage of the way begins."""


@dataclass(frozen=True)
class Scene:
    """One take: what was planned, what was sampled, and its sound. `write` decodes and saves it.

    sound: float32 [2, N] at the grid's audio rate, settled, see `take`; so are the latents of backbones whose takes are
    saved. seed: of this sampling; seeds: of each shot, where it is a retake those of the shots that stay are older.
    structure: the guide's strength.
    first_frame, last_frame: whether the film begins, ends with a given picture. notes: a sentence for each thing that
    the backbone was told otherwise than the director wrote it, or could not be told. timings: seconds by stage, growing
    as stages are done.
    """

    plan: "Plan"
    cast: "Cast"
    backbone: "Backbone"
    seed: int
    settings: "Settings"
    speech: "tuple[SpokenLine, ...]"
    latents: "Latents"
    sound: np.ndarray
    seeds: tuple[int, ...]
    structure: float = 0.0
    retake: "Retake | None" = None
    first_frame: bool = False
    last_frame: bool = False
    notes: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)

    def pictures(self) -> Iterator[np.ndarray]:
        """The film's frames, uint8 [T, H, W, 3] a portion, decoded while they are asked for."""
        yield from self.backbone.decode_video(self.latents, self.plan, self.cast, self.speech)

    def write(
        self,
        film: str | Path,
        *,
        sheet: str | Path | None = None,
        report: str | Path | None = None,
        take: str | Path | None = None,
        pictures: Iterator[np.ndarray] | None = None,
        progress: "Progress | None" = None,
        stage: Stage = lambda name: None,
    ) -> None:
        """Decodes into the mp4 `film`, and writes what is asked for: contact sheet (PNG), report (JSON), take.

        pictures: the film's, where they are decoded already. Every file appears complete or not at all. Raises
        KlingError where nothing can be written.
        """
        from kling_core.scene_report import report_text
        from kling_core.take import Take, save_take

        thumbnails = ContactSheet(self.plan, self.cast)
        with _timed(self.timings, "decode" if pictures is None else "write", stage):
            write_film(film, pictures or self.pictures(), self.plan, self.sound, thumbnails, progress)
        if take:  # at once, and never an older one beside this film
            with suppress(OSError):
                Path(take).unlink()
            save_take(Take.of(self), take)
        if sheet:
            write_picture(sheet, thumbnails.draw())
        if report:
            write_text_atomically(report, report_text(self))


def render(
    storyboard: "Storyboard",
    cast: "Cast",
    backbone: "Backbone",
    *,
    seed: int = 0,
    bind: bool = True,
    retake: "Retake | None" = None,
    stage: Stage = lambda name: None,
    **how: Any,
) -> Scene:
    """Plans and shoots a scene.

    bind: False renders the same scene from the same seed with strangers. Everything else is as for `shoot`. Raises
    KlingError with every mistake of the scene before anything is sampled.
    """
    timings: dict[str, float] = {}
    cast = cast if bind else cast.unbound()
    with _timed(timings, "plan", stage):
        seeds = retake.seeds(seed) if retake else seed
        plan = resolve(storyboard, cast, backbone.grid, backbone.limits, seed=seeds)
    scene = shoot(plan, cast, backbone, seed=seed, retake=retake, stage=stage, **how)
    return replace(scene, timings=timings | scene.timings)


def shoot(
    plan: "Plan",
    cast: "Cast",
    backbone: "Backbone",
    *,
    seed: int = 0,
    settings: "Settings | None" = None,
    first_frame: np.ndarray | None = None,
    last_frame: np.ndarray | None = None,
    structure: float = 0.0,
    retake: "Retake | None" = None,
    keep: "Keep | None" = None,
    progress: "Progress | None" = None,
    stage: Stage = lambda name: None,
) -> Scene:
    """Speaks, samples and mixes what is planned.

    first_frame, last_frame: uint8 [H, W, 3] that the film begins and ends with. structure: 0..1, how closely the
    stage's own draft of the plan is followed, see `sampling.retake.guided_by`; the draft shows everybody as they are,
    bound or not. retake: the shots to make anew (the plan's seeds are `retake.seeds(seed)`); all others stay to the
    bit, picture and sound. keep: what else stays. Raises KlingError for a `structure` out of its range and where
    `retake` does not fit, before anything is made.
    """
    from kling_core.sampling.retake import require_strength
    from kling_core.sound.speech import speak

    settings, timings = settings or backbone.defaults, {}
    require_strength(structure)
    if retake:
        retake.require_fit(plan, cast, (first_frame, last_frame))
        retake.require_backbone(backbone, plan)
    with _timed(timings, "speak", stage):
        speech = speak(plan, cast)
    keeps = []
    if structure:
        with _timed(timings, "draw", stage):
            keeps.append(_guide(plan, cast, backbone, speech, structure))
    with _timed(timings, "condition", stage):
        keeps += [keep] if keep else []
        keeps += [retake.keep(plan)] if retake else []
        conditioning = backbone.condition(plan, cast, speech, first_frame=first_frame, last_frame=last_frame)
    with _timed(timings, "sample", stage):
        kept = _all_of(keeps)
        latents = backbone.sample(conditioning, seed=seed, settings=settings, keep=kept, progress=progress)
    with _timed(timings, "mix", stage):
        sound = soundtrack(backbone, plan, speech, latents, retake)
    return Scene(
        plan, cast, backbone, seed, settings, speech, latents, sound,
        seeds=retake.seeds(seed) if retake else (seed,) * len(plan.shots),
        structure=structure, retake=retake,
        first_frame=first_frame is not None or bool(retake and retake.take.first_frame),
        last_frame=last_frame is not None or bool(retake and retake.take.last_frame),
        notes=conditioning.notes,
        timings=timings,
    )


def soundtrack(
    backbone: "Backbone",
    plan: "Plan",
    speech: "tuple[SpokenLine, ...]",
    latents: "Latents",
    retake: "Retake | None" = None,
) -> np.ndarray:
    """The film's sound, float32 [2, N], settled; in the shots that a retake leaves, that of its take to the bit."""
    from kling_core.sound.mix import mix, spliced
    from kling_core.take import settled_sound

    lines = () if backbone.speaks else speech
    sound = settled_sound(mix(plan, lines, backbone.decode_audio(latents, plan)))
    return settled_sound(spliced(plan, sound, retake.take.sound, retake.shots)) if retake else sound


def write_film(
    path: str | Path,
    pictures: Iterator[np.ndarray],
    plan: "Plan",
    sound: np.ndarray,
    thumbnails: ContactSheet | None = None,
    progress: "Progress | None" = None,
) -> None:
    """Streams pictures (uint8 [T, H, W, 3] a portion) and sound (float32 [2, N]) into an mp4 at `path`."""
    portions = iter(pictures)
    first = next(portions)
    height, width = first.shape[1:3]
    done = 0
    with FilmWriter(path, plan.grid.fps, width, height, plan.grid.audio_rate) as film:
        film.add_sound(sound)
        for frames in _chain(first, portions):
            film.add_frames(frames)
            if thumbnails:
                thumbnails.add_frames(frames)
            done += len(frames)
            if progress:
                progress(done, plan.frames, None)


def _chain(first: np.ndarray, rest: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    yield first
    yield from rest


def _guide(
    plan: "Plan", cast: "Cast", backbone: "Backbone", speech: "tuple[SpokenLine, ...]", strength: float
) -> "Keep":
    """The stage's draft of the plan, at the backbone's own size, to be followed with `strength`."""
    from kling_core.previz.draft import draft
    from kling_core.sampling.retake import guided_by

    video = backbone.encode_video(draft(plan, cast, *plan.size, speech), plan)
    return guided_by(backbone.empty(plan), video, strength)


def _all_of(keeps: "list[Keep]") -> "Keep | None":
    from kling_core.sampling.retake import merged

    return merged(*keeps) if keeps else None


@contextmanager
def _timed(timings: dict[str, float], name: str, stage: Stage) -> Iterator[None]:
    stage(name)
    started = time.perf_counter()
    yield
    timings[name] = round(time.perf_counter() - started, 3)
