"""What the commands of `cli` do. Heavy imports happen inside, so that mistakes are told at once."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kling_core.console import ProgressBar, printable
from kling_core.errors import KlingError, Problem, ProblemList

if TYPE_CHECKING:
    import numpy as np

    from kling_core.elements.element import Cast, Element
    from kling_core.plan.plan import Plan
    from kling_core.sound.speech import SpokenLine
    from kling_core.storyboard.storyboard import Storyboard


def print_plan(options: argparse.Namespace) -> None:
    from kling_core.plan.report import plan_json, plan_text

    _, _, plan = _planned(options)
    print(json.dumps(plan_json(plan), indent=1) if options.json else printable(plan_text(plan)))


def render_scene(options: argparse.Namespace) -> None:
    from kling_core.media import read_picture

    film = options.output or Path(options.scene.with_suffix(".mp4").name)
    _check_outputs(options.scene, film, options.sheet, options.report)
    storyboard, cast, _ = _planned(options)
    given = {"first_frame": options.first_frame, "last_frame": options.last_frame}
    frames = {name: read_picture(path) for name, path in given.items() if path}
    _render(options, storyboard, cast, film, options.sheet, options.report, **frames)


def render_demo(options: argparse.Namespace) -> None:
    from kling_core.casting_call import recast
    from kling_core.demo import demo_cast, demo_scene

    cast, folder = recast(demo_cast(), options.element), options.output
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    _render(options, demo_scene(), cast, *(folder / f"demo.{suffix}" for suffix in ("mp4", "png", "json")))


def draft_scene(options: argparse.Namespace) -> None:
    from kling_core.previz.draft import draft
    from kling_core.render import write_film
    from kling_core.sound.mix import mix
    from kling_core.sound.speech import speak

    _check_outputs(options.scene, options.output)
    _, cast, plan = _planned(options)
    bar = ProgressBar()
    bar.stage("speak")
    speech = speak(plan, cast)
    sound = mix(plan, speech, _ambience(plan, options.seed))
    bar.stage("draw")
    width, height = _even_size(plan, options.width)
    write_film(options.output, draft(plan, cast, width, height, speech), plan, sound, progress=bar)
    bar.close()
    _print_notes(speech)
    print(options.output)


def build_one_element(options: argparse.Namespace) -> None:
    from kling_core.elements.element import VIEWS
    from kling_core.elements.intake import build_element
    from kling_core.elements.library import Library, save_element
    from kling_core.previz.stand_in import with_stand_in

    views = {view: path for view in VIEWS if (path := getattr(options, view))}
    element = build_element(
        options.name, views, voice=options.voice, kind=options.kind, description=options.description
    )
    element = with_stand_in(element)
    if options.output:
        save_element(element, options.output)
        path = options.output
    else:
        path = Library().add(element, overwrite=options.replace)
    for finding in element.findings:
        print(printable(f"note: {finding}"))
    print(path)


def show_element(options: argparse.Namespace) -> None:
    from kling_core.elements.library import Library, load_element

    path = Path(options.element)
    element = load_element(path) if path.is_file() else Library().get(options.element)
    print(printable(_element_text(element)))


def list_elements(options: argparse.Namespace) -> None:
    from kling_core.elements.library import Library

    library = Library()
    names = library.names()
    print("\n".join(names) if names else f"no elements in {library.folder}")


def train_previz(options: argparse.Namespace) -> None:
    from kling_core.previz.training.train import main as train

    train(options.minutes, options.device, options.out, options.resume)


def _planned(options: argparse.Namespace) -> tuple["Storyboard", "Cast", "Plan"]:
    """The scene, its cast and its plan on the embedded model's grid; every mistake in all three at once."""
    from kling_core.casting_call import cast_scene
    from kling_core.plan.resolve import plan as resolve
    from kling_core.previz.world import GRID, LIMITS

    storyboard, cast, problems = cast_scene(options.scene, options.element)
    try:
        plan = resolve(storyboard, cast, GRID, LIMITS, seed=getattr(options, "seed", 0))
    except KlingError as error:
        problems.problems += error.problems
    problems.raise_if_any()
    return storyboard, cast, plan


def _render(
    options: argparse.Namespace,
    storyboard: "Storyboard",
    cast: "Cast",
    film: Path,
    sheet: Path | None,
    report: Path | None,
    **frames: "np.ndarray | None",
) -> None:
    """Prints the plan, makes the film and what belongs to it, and prints where they lie."""
    from kling_core.plan.report import plan_text
    from kling_core.plan.resolve import plan as resolve
    from kling_core.previz.world import GRID, LIMITS

    cast = cast if options.bind else cast.unbound()
    print(printable(plan_text(resolve(storyboard, cast, GRID, LIMITS, seed=options.seed))), flush=True)
    bar = ProgressBar()
    bar.stage("load")
    from kling_core.previz.backbone import Previz
    from kling_core.render import render

    backbone = Previz.load()
    settings = replace(backbone.defaults, steps=options.steps or backbone.defaults.steps)
    try:
        scene = render(
            storyboard,
            cast,
            backbone,
            seed=options.seed,
            settings=settings,
            **frames,
            progress=bar,
            stage=bar.stage,
        )
        scene.write(film, sheet=sheet, report=report, progress=bar, stage=bar.stage)
    finally:
        bar.close()
    _print_notes(scene.speech)
    for path in (film, sheet, report):
        if path:
            print(path)


def _print_notes(speech: "tuple[SpokenLine, ...]") -> None:
    for line in speech:
        if line.note:
            print(printable(f"note: {line.note}"))


def _ambience(plan: "Plan", seed: int) -> "np.ndarray":
    """The procedural bed of every shot's place, float32 [2, N]."""
    import numpy as np

    from kling_core.sound.ambience import ambience

    fps, rate = plan.grid.fps, plan.grid.audio_rate
    beds = [
        ambience(shot.place, shot.time_of_day, shot.frames / fps, rate, seed, shot.start / fps) for shot in plan.shots
    ]
    return np.concatenate(beds, axis=1)


def _even_size(plan: "Plan", width: int) -> tuple[int, int]:
    """Width and height in even pixels, in the shape of the scene's picture."""
    across, down = plan.size
    return width // 2 * 2, round(width * down / across / 2) * 2


def _element_text(element: "Element") -> str:
    voice = element.voice
    rows = [
        f"@{element.name}  {element.kind}  from {element.origin}",
        f"  {element.description}" if element.description else "",
        *(f"  {view}: {picture.shape[1]} x {picture.shape[0]}" for view, picture in element.views.items()),
        f"  voice: {voice.seconds:.1f} s, {f'{voice.pitch:.0f} Hz' if voice.pitch else 'unvoiced'}" if voice else "",
        *(f"  {name}: {value}" for name, value in (element.look or {}).items()),
        *(f"  note: {finding}" for finding in element.findings),
    ]
    return "\n".join(row for row in rows if row)


def _check_outputs(scene: Path, film: Path, *others: Path | None) -> None:
    """Nothing is more annoying than a film that cannot be saved: tell before it is made."""
    problems = ProblemList()
    if film.suffix.lower() != ".mp4":
        problems.add(str(film), "is not called .mp4", "Films are mp4 files; name it so.")
    paths = [path for path in (film, *others) if path]
    for path in paths:
        if not path.parent.is_dir():
            problems.add(str(path), f"there is no folder {path.parent}", "Make it, or choose another.")
        elif path.is_dir():
            problems.add(str(path), "is a folder", "Give a file name.")
        elif path.resolve() in [other.resolve() for other in (scene, *paths) if other is not path]:
            problems.add(str(path), "would be written over", "Give every file a name of its own.")
    problems.raise_if_any()


def _unwritable(path: Path, error: OSError) -> KlingError:
    return KlingError(Problem(str(path), f"cannot be made: {error.strerror}", "Choose another folder."))
