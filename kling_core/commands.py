"""What the commands of `cli` do. Heavy imports happen inside, so that mistakes are told at once."""

from __future__ import annotations

import argparse
import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kling_core.console import ProgressBar, printable
from kling_core.errors import KlingError, Problem, ProblemList

if TYPE_CHECKING:

    from kling_core.elements.element import Cast, Element
    from kling_core.filming import Job
    from kling_core.plan.plan import Plan
    from kling_core.retakes import Retake
    from kling_core.storyboard.storyboard import Storyboard

AUTO = "auto"  # for --retake: whatever shots fail


def print_plan(options: argparse.Namespace) -> None:
    from kling_core.plan.report import plan_json, plan_text

    _, _, plan = _planned(options)
    print(json.dumps(plan_json(plan), indent=1) if options.json else printable(plan_text(plan)))


def render_scene(options: argparse.Namespace) -> None:
    from kling_core.filming import carry_out

    carry_out(_job(options))


def _job(options: argparse.Namespace) -> "Job":
    """All that `kling render` was given, read and planned; every mistake in it at once."""
    from kling_core.casting_call import cast_scene
    from kling_core.filming import Job
    from kling_core.media import read_picture
    from kling_core.plan.resolve import plan as resolve
    from kling_core.previz.world import GRID, LIMITS

    film = options.output or Path(f"{options.scene.stem}.mp4")
    take = options.take or _take_beside(film)
    earlier = options.earlier and (_take_beside(options.earlier) if _is_film(options.earlier) else options.earlier)
    problems = ProblemList()
    read = [*_inputs(options), *([earlier] if earlier else [])]
    problems.gather(_check_outputs, read, film, options.sheet, options.report, take)
    given = {"first_frame": options.first_frame, "last_frame": options.last_frame}
    frames = {name: problems.gather(read_picture, path) for name, path in given.items() if path}
    called = problems.gather(cast_scene, options.scene, options.element)
    if called is None:
        problems.raise_if_any()
    storyboard, cast, found = called
    problems.problems += found.problems
    cast = cast if options.bind else cast.unbound()
    retake = problems.gather(_retake, options.retake, earlier, len(storyboard.shots))
    seed = options.seed if options.seed is not None else retake.take.next_seed if retake else 0
    plan = problems.gather(resolve, storyboard, cast, GRID, LIMITS, seed=retake.seeds(seed) if retake else seed)
    if plan and retake:
        problems.gather(retake.require_fit, plan, cast, tuple(frames.get(name) for name in given))
    problems.raise_if_any()
    return Job(
        storyboard, cast, plan, seed, film, options.sheet, options.report, take, options.steps, options.structure,
        options.takes, retake, frames,
    )


def _retake(wanted: str | None, earlier: Path | None, shots: int) -> "Retake | None":
    if wanted is None and earlier is None:
        return None
    if earlier is None:
        what, remedy = "of no take", "Add --from FILM.take.safetensors, which `kling render` wrote beside the film."
        raise KlingError(Problem(f"--retake {wanted}", what, remedy))
    if wanted is None:
        raise KlingError(Problem(f"--from {earlier}", "without --retake", "Say which shots, as in --retake 3,5."))
    from kling_core.retakes import retake_of
    from kling_core.take import load_take

    return retake_of(load_take(earlier), None if wanted == AUTO else wanted, shots)


def render_demo(options: argparse.Namespace) -> None:
    from kling_core.filming import Job, carry_out

    folder, seed = options.output, options.seed or 0
    storyboard, cast, plan = _planned_demo(options, seed, options.bind)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    written = [folder / f"demo.{suffix}" for suffix in ("mp4", "png", "json")]
    _check_outputs(_inputs(options), *written)
    carry_out(Job(storyboard, cast, plan, seed, *written, steps=options.steps))


def draft_scene(options: argparse.Namespace) -> None:
    from kling_core.previz.draft import draft
    from kling_core.render import write_film
    from kling_core.sound.ambience import film_ambience
    from kling_core.sound.mix import mix
    from kling_core.sound.speech import speak

    problems = ProblemList()
    problems.gather(_check_outputs, _inputs(options), options.output)
    planned = problems.gather(_planned, options)
    problems.raise_if_any()
    _, cast, plan = planned
    bar = ProgressBar()
    bar.stage("speak")
    speech = speak(plan, cast)
    sound = mix(plan, speech, film_ambience(plan, options.seed))
    bar.stage("draw")
    width, height = _even_size(plan, options.width)
    write_film(options.output, draft(plan, cast, width, height, speech), plan, sound, progress=bar)
    bar.close()
    for line in speech:
        if line.note:
            print(printable(f"note: {line.note}"))
    print(options.output)


def check_film(options: argparse.Namespace) -> None:
    from kling_core.contact_sheet import film_sheet
    from kling_core.continuity.check import check, on_the_plans_clock
    from kling_core.continuity.report import report_text
    from kling_core.media import read_video, write_picture
    from kling_core.sound.speech import speak

    _check_outputs(_inputs(options), None, options.sheet)
    options.seed = _seeds_of(options)
    _, cast, plan = _planned_demo(options, options.seed) if options.demo else _planned(options)
    film = read_video(options.film)
    frames = on_the_plans_clock(film.frames, film.fps, plan)
    bar = ProgressBar()
    bar.stage("check")
    report = check(
        frames, film.sound, film.rate, plan, cast, speak(plan, cast),
        photographic=options.photographic, progress=bar,
    )  # fmt: skip
    bar.close()
    print(json.dumps(report.to_json(), indent=1) if options.json else printable(report_text(report, plan)))
    if options.sheet:
        write_picture(options.sheet, film_sheet(frames, plan, cast, report.marks))


def build_one_element(options: argparse.Namespace) -> None:
    from kling_core.elements.element import VIEWS
    from kling_core.elements.intake import build_element
    from kling_core.elements.library import Library, save_element
    from kling_core.previz.stand_in import with_stand_in

    views = {view: path for view in VIEWS if (path := getattr(options, view))}
    problems = ProblemList()
    read = [path for path in (*views.values(), options.clip, options.voice) if path]
    problems.gather(_check_outputs, read, None, None, options.output)
    element = problems.gather(
        build_element, options.name, views, voice=options.voice, clip=options.clip, kind=options.kind,
        description=options.description,
    )
    problems.raise_if_any()
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


def train_words(options: argparse.Namespace) -> None:
    from kling_core.previz.training.words import main as train

    train(options.out, options.seed)


def train_reader(options: argparse.Namespace) -> None:
    from kling_core.previz.training.reader import main as train

    train(options.minutes, options.out, options.resume)


def _planned(options: argparse.Namespace) -> tuple["Storyboard", "Cast", "Plan"]:
    """The scene, its cast and its plan on the embedded model's grid; every mistake in all three at once."""
    from kling_core.casting_call import cast_scene

    storyboard, cast, problems = cast_scene(options.scene, options.element)
    plan = problems.gather(_resolved, storyboard, cast, getattr(options, "seed", 0))
    problems.raise_if_any()
    return storyboard, cast, plan


def _planned_demo(
    options: argparse.Namespace, seed: int | tuple[int, ...], bind: bool = True
) -> tuple["Storyboard", "Cast", "Plan"]:
    from kling_core.casting_call import recast
    from kling_core.demo import demo_cast, demo_scene

    storyboard, cast = demo_scene(), recast(demo_cast(), options.element)
    cast = cast if bind else cast.unbound()
    return storyboard, cast, _resolved(storyboard, cast, seed)


def _resolved(storyboard: "Storyboard", cast: "Cast", seed: int | tuple[int, ...]) -> "Plan":
    from kling_core.plan.resolve import plan as resolve
    from kling_core.previz.world import GRID, LIMITS

    if not isinstance(seed, int) and len(seed) != len(storyboard.shots):
        what = f"has {len(seed)} shots, the scene {len(storyboard.shots)}"
        raise KlingError(Problem("the take beside the film", what, "Give the film's own scene, or its --seed."))
    return resolve(storyboard, cast, GRID, LIMITS, seed=seed)


def _seeds_of(options: argparse.Namespace) -> int | tuple[int, ...]:
    """What a film was planned with: as told, else as the take beside it says, a seed a shot."""
    from kling_core.take import load_take

    beside = _take_beside(options.film)
    if options.seed is not None or not beside.is_file():
        return options.seed or 0
    return load_take(beside).seeds


def _even_size(plan: "Plan", width: int) -> tuple[int, int]:
    """Width and height in even pixels, in the shape of the scene's picture."""
    across, down = plan.size
    return width // 2 * 2, round(width * down / across / 2) * 2


def _element_text(element: "Element") -> str:
    voice, clip = element.voice, element.clip
    rows = [
        f"@{element.name}  {element.kind}  from {element.origin}",
        f"  {element.description}" if element.description else "",
        *(f"  {view}: {picture.shape[1]} x {picture.shape[0]}" for view, picture in element.views.items()),
        f"  clip: {clip.seconds:.1f} s, {clip.frames.shape[2]} x {clip.frames.shape[1]}, "
        f"{'with' if clip.sound is not None else 'without'} sound" if clip else "",
        f"  voice: {voice.seconds:.1f} s, {f'{voice.pitch:.0f} Hz' if voice.pitch else 'unvoiced'}" if voice else "",
        *(f"  {name}: {value}" for name, value in (element.look or {}).items()),
        *(f"  note: {finding}" for finding in element.findings),
    ]
    return "\n".join(row for row in rows if row)


def _take_beside(film: Path) -> Path:
    return film.parent / f"{film.stem}.take.safetensors"


def _is_film(path: Path) -> bool:
    return path.name.lower().endswith(".mp4")


def _inputs(options: argparse.Namespace) -> list[Path]:
    """Every file that a command was told to read."""
    given = (getattr(options, name, None) for name in ("scene", "film", "earlier", "first_frame", "last_frame"))
    return [path for path in given if path] + [Path(pair.partition("=")[2]) for pair in options.element]


def _check_outputs(
    read: Sequence[Path], film: Path | None, sheet: Path | None = None, *others: Path | None
) -> None:
    """Nothing is more annoying than a film that cannot be saved: tell before it is made.

    Raises KlingError for files that have the wrong name, cannot be written, or would replace one that is read or
    written.
    """
    from kling_core.media import require_picture_name

    problems = ProblemList()
    if film and not _is_film(film):
        problems.add(str(film), "is not called .mp4", "Films are mp4 files; name it so.")
    if sheet:
        problems.gather(require_picture_name, sheet)
    written = [path for path in (film, sheet, *others) if path]
    used = [path.resolve() for path in (*read, *written)]
    for path in written:
        try:
            if not path.parent.is_dir():
                problems.add(str(path), f"there is no folder {path.parent}", "Make it, or choose another.")
            elif path.is_dir():
                problems.add(str(path), "is a folder", "Give a file name.")
            elif used.count(path.resolve()) > 1:
                problems.add(str(path), "would be written over", "Give every file a name of its own.")
            else:
                _try_to_write_in(path.parent)
        except OSError as error:
            problems.add(str(path), f"cannot be written: {error.strerror}", "Choose another name or folder.")
    problems.raise_if_any()


def _try_to_write_in(folder: Path) -> None:
    trial = folder / f".{secrets.token_hex(8)}.part"
    trial.touch(exist_ok=False)
    trial.unlink()


def _unwritable(path: Path, error: OSError) -> KlingError:
    return KlingError(Problem(str(path), f"cannot be made: {error.strerror}", "Choose another folder."))
