"""Whether mouths open with what is heard, and keep still otherwise, read in the pictures alone.

    python benchmarks/lips.py [--seed N] [--steps N] [--out-dir out/lips] [--out FILE.json]
    python benchmarks/lips.py FILM.mp4 SCENE [--element NAME=FILE ...] [--seed N] [--out FILE.json]

The first renders the demo scene with the shipped weights; the second measures a film that is there. Beside the film
its draft is measured, with the same lines at the same size. That is the ceiling: its mouths are exactly what the lines
ask for, so what is missing to 1 there, the reader misses.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from statistics import mean

import numpy as np
from results import describe_machine, publish

from kling_core.casting_call import cast_scene
from kling_core.continuity.check import on_the_plans_clock
from kling_core.continuity.lips import measure_lips
from kling_core.demo import demo_cast, demo_scene
from kling_core.elements.element import Cast
from kling_core.media import read_video
from kling_core.plan.plan import Plan
from kling_core.plan.resolve import plan as resolve
from kling_core.previz.draft import draft
from kling_core.previz.world import GRID, LIMITS
from kling_core.sound.speech import SpokenLine, speak


def measure(frames: np.ndarray, plan: Plan, speech: tuple[SpokenLine, ...]) -> dict:
    """Every subject in every shot, and the means of those that could be read."""
    tracks = measure_lips(frames, plan, speech)
    speaking = [track.correlation for track in tracks if track.correlation is not None]
    still = [track.still for track in tracks if track.still is not None and not track.speaks]
    return {
        "mean_correlation": round(mean(speaking), 3) if speaking else None,
        "mean_still": round(mean(still), 3) if still else None,
        "left_out": sum(bool(track.left_out) for track in tracks),
        "tracks": [asdict(track) | {"shot": track.shot + 1} for track in tracks],
    }


def render_demo(arguments: argparse.Namespace) -> tuple[Path, Plan, Cast]:
    """The demo scene's film, made here."""
    from kling_core.previz.backbone import DEFAULT_SETTINGS, Previz
    from kling_core.render import render

    settings = replace(DEFAULT_SETTINGS, steps=arguments.steps or DEFAULT_SETTINGS.steps)
    backbone = Previz.load(device=arguments.device)
    scene = render(demo_scene(), demo_cast(), backbone, seed=arguments.seed, settings=settings)
    arguments.out_dir.mkdir(parents=True, exist_ok=True)
    film = arguments.out_dir / "demo.mp4"
    scene.write(film, report=arguments.out_dir / "demo.json")
    return film, scene.plan, scene.cast


def planned(arguments: argparse.Namespace) -> tuple[Plan, Cast]:
    storyboard, cast, problems = cast_scene(arguments.scene, arguments.element)
    problems.raise_if_any()
    return resolve(storyboard, cast, GRID, LIMITS, seed=arguments.seed), cast


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path, nargs="?")
    parser.add_argument("scene", type=Path, nargs="?")
    parser.add_argument("--element", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="default: the backbone's own")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out-dir", type=Path, default=Path("out/lips"))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.film and not arguments.scene:
        parser.error("a film needs its scene")
    film, plan, cast = (arguments.film, *planned(arguments)) if arguments.film else render_demo(arguments)
    video, speech = read_video(film), speak(plan, cast)
    frames = on_the_plans_clock(video.frames, video.fps, plan)
    height, width = frames.shape[1:3]
    publish({
        "machine": describe_machine(),
        "seed": arguments.seed,
        "voices": sorted({line.voice for line in speech}),
        "film": measure(frames, plan, speech),
        "draft": measure(np.concatenate(list(draft(plan, cast, width, height, speech))), plan, speech),
    }, arguments.out)  # fmt: skip


if __name__ == "__main__":
    main()
