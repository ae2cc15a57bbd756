"""What binding is worth, at a glance: references, the stage's draft, the film bound and not bound, from one seed.

    python benchmarks/side_by_side.py [SCENE | --held-out N] [--element NAME=FILE]… [--seed N]
                                      [--out out/side_by_side.png]

A row a shot, from the middle of it. Without SCENE the demo scene, whose people --element recasts; --held-out takes
scene N of the quality benchmark, with people whom training never draws.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from previz_quality.scenes import benchmark_scene

from kling_core.casting_call import cast_scene, recast
from kling_core.demo import demo_cast, demo_scene
from kling_core.elements.element import Cast
from kling_core.lettering import GREY, PAPER, write
from kling_core.media import write_picture
from kling_core.plan.plan import Plan
from kling_core.previz.backbone import Previz
from kling_core.previz.draft import draft
from kling_core.render import render

MARGIN, GAP, TITLE, REFERENCES = 16, 8, 28, 120


def middles(plan: Plan, pictures: Iterator[np.ndarray]) -> list[np.ndarray]:
    """The middle frame of every shot; pictures as they are streamed."""
    wanted, chosen, start = {(shot.start + shot.stop) // 2 for shot in plan.shots}, [], 0
    for frames in pictures:
        chosen += [frame for number, frame in enumerate(frames, start) if number in wanted]
        start += len(frames)
    return chosen


def sheet(cast: Cast, columns: dict[str, list[np.ndarray]]) -> np.ndarray:
    """References on top, below them a column a film: its title and its frames, all of one size."""
    shots, (height, width, _) = next((len(frames), frames[0].shape) for frames in columns.values())
    down = 2 * MARGIN + REFERENCES + TITLE + shots * (height + GAP)
    paper = np.full((down, 2 * MARGIN + len(columns) * (width + GAP) - GAP, 3), PAPER, np.uint8)
    x = MARGIN
    for binding in cast.bindings:
        for picture in binding.element.views.values():
            across = round(picture.shape[1] * REFERENCES / picture.shape[0])
            if x + across <= paper.shape[1] - MARGIN:
                paper[MARGIN : MARGIN + REFERENCES, x : x + across] = cv2.resize(
                    picture, (across, REFERENCES), interpolation=cv2.INTER_AREA
                )
                x += across + 4
        x += MARGIN
    for number, (title, frames) in enumerate(columns.items()):
        x, y = MARGIN + number * (width + GAP), MARGIN + REFERENCES + TITLE
        write(paper, (x, y - 8), title, 15, GREY)
        for row, frame in enumerate(frames):
            top = y + row * (height + GAP)
            paper[top : top + height, x : x + width] = frame
    return paper


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", type=Path, nargs="?")
    parser.add_argument("--held-out", type=int, metavar="N")
    parser.add_argument("--element", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/side_by_side.png"))
    arguments = parser.parse_args()
    if arguments.held_out is not None:
        held_out = benchmark_scene(arguments.held_out)
        storyboard, cast = held_out.storyboard, recast(held_out.cast, arguments.element)
    elif arguments.scene:
        storyboard, cast, problems = cast_scene(arguments.scene, arguments.element)
        problems.raise_if_any()
    else:
        storyboard, cast = demo_scene(), recast(demo_cast(), arguments.element)
    backbone = Previz.load()
    films = [
        render(storyboard, cast, backbone, seed=arguments.seed, bind=bind)
        for bind in (True, False)
    ]
    plan = films[0].plan
    drawn = draft(plan, cast, *backbone.output_size(plan), films[0].speech)
    columns = {
        "draft (the stage)": middles(plan, drawn),
        "generated, bound": middles(plan, films[0].pictures()),
        "same seed, not bound": middles(plan, films[1].pictures()),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_picture(arguments.out, sheet(cast, columns))
    print(arguments.out)


if __name__ == "__main__":
    main()
