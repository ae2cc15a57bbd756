"""`kling …`: the whole of Kling Core in the shell. `python -m kling_core` is the same program.

Exit codes: 0 done, 2 a mistake of the user (one message with all of them), 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from kling_core import __version__
from kling_core.console import printable
from kling_core.elements.element import KINDS, VIEWS
from kling_core.errors import KlingError

MISTAKE, STOPPED = 2, 130
_SCENE_HELP = "a storyboard (.json) or a text script (any other file)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # consoles of Windows cannot print every letter of a script
    options = build_parser().parse_args(arguments)
    try:
        run: Callable[[argparse.Namespace], None] = _command(options)
        run(options)
    except KlingError as error:
        print(f"kling: {printable(str(error))}", file=sys.stderr)
        return MISTAKE
    except KeyboardInterrupt:
        print("\nkling: stopped", file=sys.stderr)
        return STOPPED
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kling", description="Direct several shots in one generation, with sound.")
    parser.add_argument("--version", action="version", version=f"Kling Core {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_render(commands)
    _add_plan(commands)
    _add_draft(commands)
    _add_check(commands)
    _add_element(commands)
    _add_demo(commands)
    _add_train(commands)
    return parser


def _command(options: argparse.Namespace) -> Callable[[argparse.Namespace], None]:
    from kling_core import commands

    return getattr(commands, options.function)


def _add_render(commands: argparse._SubParsersAction) -> None:
    render = commands.add_parser("render", help="make the film of a scene")
    render.set_defaults(function="render_scene")
    _add_scene(render)
    render.add_argument("-o", "--output", type=Path, metavar="OUT.mp4", help="the film; default: SCENE with .mp4")
    _add_sampling(render)
    render.add_argument("--report", type=Path, metavar="OUT.json", help="write a report of the scene")
    render.add_argument("--sheet", type=Path, metavar="OUT.png", help="write a labelled contact sheet")
    render.add_argument("--first-frame", type=Path, metavar="IMG", help="a picture that the film begins with")
    render.add_argument("--last-frame", type=Path, metavar="IMG", help="a picture that the film ends with")
    render.add_argument(
        "--structure", type=_fraction, metavar="S",
        help="0 to 1: how closely the picture follows the stage's draft; default: 0, or that of the take retaken",
    )
    render.add_argument("--takes", type=_whole(1, 100), default=1, metavar="N", help="make N takes, keep the best")
    render.add_argument("--take", type=Path, metavar="FILE", help="for retakes; default: OUT.take.safetensors")
    render.add_argument("--retake", metavar="3,5", help="make these shots anew, or those that fail: auto; needs --from")
    render.add_argument(
        "--from", dest="earlier", type=Path, metavar="TAKE", help="the take, or the film beside it, that is retaken"
    )


def _add_plan(commands: argparse._SubParsersAction) -> None:
    plan = commands.add_parser("plan", help="print shots, lines, cast and tokens of a scene, without making it")
    plan.set_defaults(function="print_plan")
    _add_scene(plan)
    plan.add_argument("--json", action="store_true", help="print JSON")


def _add_draft(commands: argparse._SubParsersAction) -> None:
    draft = commands.add_parser("draft", help="make the animatic: the stage's own crisp render of the same plan")
    draft.set_defaults(function="draft_scene")
    _add_scene(draft)
    draft.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.mp4")
    draft.add_argument("--width", type=_whole(64, 1920), default=640, metavar="W", help="pixels; default: 640")
    draft.add_argument("--seed", type=_whole(0, 2**63 - 1), default=0, metavar="N")


def _add_check(commands: argparse._SubParsersAction) -> None:
    check = commands.add_parser("check", help="measure a film against its scene, and say which shots to take again")
    check.set_defaults(function="check_film")
    check.add_argument("film", type=Path, metavar="FILM")
    scene = check.add_mutually_exclusive_group(required=True)
    scene.add_argument("--scene", type=Path, metavar="SCENE", help=_SCENE_HELP)
    scene.add_argument("--demo", action="store_true", help="the film is that of `kling demo`")
    _add_elements(check, "the element of an @name; else the library's. May be given several times")
    check.add_argument(
        "--seed", type=_whole(0, 2**63 - 1), metavar="N", help="of the film; default: that of the take beside it, or 0"
    )
    check.add_argument("--photographic", action="store_true", help="the film shows real people, not puppets")
    check.add_argument("--json", action="store_true", help="print JSON")
    check.add_argument("--sheet", type=Path, metavar="OUT.png", help="write a contact sheet that marks what failed")


def _add_element(commands: argparse._SubParsersAction) -> None:
    element = commands.add_parser("element", help="build, show and list characters, items and scenes")
    actions = element.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser("build", help="make an element out of pictures or a clip, and a voice")
    build.set_defaults(function="build_one_element")
    build.add_argument("name", metavar="NAME", help="what scripts call it, without the @")
    for view in VIEWS:
        build.add_argument(f"--{view}", type=Path, metavar="IMG")
    build.add_argument("--clip", type=Path, metavar="MP4", help="3 to 8 s of film; its best frame can be the front")
    build.add_argument("--voice", type=Path, metavar="WAV", help="5 to 30 s of one speaker")
    build.add_argument("--kind", choices=KINDS, default=KINDS[0])
    build.add_argument("--description", default="", metavar="TEXT", help="what pictures do not tell, in 100 characters")
    build.add_argument("-o", "--output", type=Path, metavar="FILE", help="write this file instead of into the library")
    build.add_argument("--replace", action="store_true", help="replace an element of the same name in the library")
    show = actions.add_parser("show", help="print what an element holds")
    show.set_defaults(function="show_element")
    show.add_argument("element", metavar="FILE|NAME")
    listing = actions.add_parser("list", help="print the names in the library")
    listing.set_defaults(function="list_elements")


def _add_demo(commands: argparse._SubParsersAction) -> None:
    demo = commands.add_parser("demo", help="make the demo scene: 15 s, six shots, two people")
    demo.set_defaults(function="render_demo")
    demo.add_argument("-o", "--output", type=Path, default=Path("out"), metavar="DIR", help="default: out")
    _add_elements(demo, "play mira or leo with an element of yours")
    _add_sampling(demo)


def _add_train(commands: argparse._SubParsersAction) -> None:
    train = commands.add_parser("train", help="train an embedded model anew")
    models = train.add_subparsers(dest="model", required=True, metavar="MODEL")
    previz = models.add_parser("previz", help="the model that comes with Kling Core")
    previz.set_defaults(function="train_previz")
    previz.add_argument("--minutes", type=_positive, required=True, metavar="M")
    previz.add_argument("--device", default="auto", help="auto, cpu or cuda")
    previz.add_argument("--out", type=Path, required=True, metavar="DIR", help="checkpoints and weights go here")
    previz.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint in DIR, or from the weights that ship"
    )
    words = models.add_parser("words", help="the text encoder with which scripts are read")
    words.set_defaults(function="train_words")
    words.add_argument("--out", type=Path, required=True, metavar="DIR", help="the weights go here")
    words.add_argument("--seed", type=_whole(0, 2**63 - 1), default=0, metavar="N", help="default: 0")
    reader = models.add_parser("reader", help="what reads puppets in films, to measure identity")
    reader.set_defaults(function="train_reader")
    reader.add_argument("--minutes", type=_positive, required=True, metavar="M")
    reader.add_argument("--out", type=Path, required=True, metavar="DIR", help="the weights go here")
    reader.add_argument("--resume", action="store_true", help="go on from the weights in DIR, or from those that ship")


def _add_scene(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scene", type=Path, metavar="SCENE", help=_SCENE_HELP)
    _add_elements(parser, "the element of an @name; else the library's. May be given several times")


def _add_elements(parser: argparse.ArgumentParser, help: str) -> None:
    parser.add_argument("--element", action="append", default=[], metavar="NAME=FILE", help=help)


def _add_sampling(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=_whole(0, 2**63 - 1), metavar="N", help="default: 0; of a retake the next")
    steps = "default: what the model is made for, or those of the take retaken"
    parser.add_argument("--steps", type=_whole(1, 100), metavar="N", help=steps)
    parser.add_argument(
        "--bind", action=argparse.BooleanOptionalAction, default=True, help="hold people to their references"
    )


def _whole(low: int, high: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not between {low} and {high}")
        return value

    return number


def _fraction(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


if __name__ == "__main__":
    sys.exit(main())
