"""The whole way as one call: storyboard and cast in, a Scene out, whose pictures are decoded as they are written.

At no time are all frames of a film in memory: latents are small, and frames go from the decoder to the file and to the
contact sheet shot by shot.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kling_core.contact_sheet import ContactSheet
from kling_core.media import FilmWriter, write_picture
from kling_core.plan.resolve import plan as resolve
from kling_core.storyboard.files import write_text_atomically

if TYPE_CHECKING:
    from kling_core.backbone import Backbone, Keep, Latents, Progress, Settings
    from kling_core.elements.element import Cast
    from kling_core.plan.plan import Plan
    from kling_core.sound.speech import SpokenLine
    from kling_core.storyboard.storyboard import Storyboard

Stage = Callable[[str], None]
"""stage(name): called when a stage of the way begins."""


@dataclass(frozen=True)
class Scene:
    """One take: what was planned, what was sampled, and its sound. `write` decodes and saves it.

    sound: float32 [2, N] at the grid's audio rate. timings: seconds by stage, growing as stages are done.
    """

    plan: "Plan"
    cast: "Cast"
    backbone: "Backbone"
    seed: int
    settings: "Settings"
    speech: "tuple[SpokenLine, ...]"
    latents: "Latents"
    sound: np.ndarray
    timings: dict[str, float] = field(default_factory=dict)

    def pictures(self) -> Iterator[np.ndarray]:
        """The film's frames, uint8 [T, H, W, 3] a portion, decoded while they are asked for."""
        yield from self.backbone.decode_video(self.latents, self.plan)

    def write(
        self,
        film: str | Path,
        *,
        sheet: str | Path | None = None,
        report: str | Path | None = None,
        progress: "Progress | None" = None,
        stage: Stage = lambda name: None,
    ) -> None:
        """Decodes into the mp4 `film`, and writes the contact sheet (PNG) and the report (JSON) that are asked for.

        Every file appears complete or not at all. Raises KlingError where nothing can be written.
        """
        from kling_core.scene_report import report_text

        thumbnails = ContactSheet(self.plan, self.cast)
        with _timed(self.timings, "decode", stage):
            write_film(film, self.pictures(), self.plan, self.sound, thumbnails, progress)
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
    settings: "Settings | None" = None,
    bind: bool = True,
    first_frame: np.ndarray | None = None,
    last_frame: np.ndarray | None = None,
    keep: "Keep | None" = None,
    progress: "Progress | None" = None,
    stage: Stage = lambda name: None,
) -> Scene:
    """Plans, speaks, samples and mixes a scene.

    bind: False renders the same scene from the same seed with strangers. first_frame, last_frame: uint8 [H, W, 3] that
    the film begins and ends with. keep: what else stays, for retakes. Raises KlingError with every mistake of the scene
    before anything is sampled.
    """
    from kling_core.sound.mix import mix
    from kling_core.sound.speech import speak

    settings, timings = settings or backbone.defaults, {}
    cast = cast if bind else cast.unbound()
    with _timed(timings, "plan", stage):
        plan = resolve(storyboard, cast, backbone.grid, backbone.limits, seed=seed)
        keep = _keep_frames(backbone, plan, first_frame, last_frame, keep)
    with _timed(timings, "speak", stage):
        speech = speak(plan, cast)
    with _timed(timings, "condition", stage):
        conditioning = backbone.condition(plan, cast, speech)
    with _timed(timings, "sample", stage):
        latents = backbone.sample(conditioning, seed=seed, settings=settings, keep=keep, progress=progress)
    with _timed(timings, "mix", stage):
        sound = mix(plan, speech, backbone.decode_audio(latents, plan))
    return Scene(plan, cast, backbone, seed, settings, speech, latents, sound, timings)


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


def _keep_frames(
    backbone: "Backbone", plan: "Plan", first: np.ndarray | None, last: np.ndarray | None, keep: "Keep | None"
) -> "Keep | None":
    """`keep`, and the given first and last frame with it."""
    if first is None and last is None:
        return keep
    from kling_core.sampling.retake import first_last_frame, merged

    encoded = [None if picture is None else backbone.encode_image(picture, plan) for picture in (first, last)]
    frames = first_last_frame(backbone.empty(plan), *encoded)
    return frames if keep is None else merged(keep, frames)


@contextmanager
def _timed(timings: dict[str, float], name: str, stage: Stage) -> Iterator[None]:
    stage(name)
    started = time.perf_counter()
    yield
    timings[name] = round(time.perf_counter() - started, 3)
