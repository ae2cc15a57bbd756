"""How far the instruments of `kling check` err: what they read on true renders of random scenes.

    python benchmarks/instruments.py [--scenes 22] [--first 0] [--scale 2] [--aspect 16:9] [--verb talk]
        [--out FILE.json]

Every scene has six shots of two seconds with strangers (true_renders.py), in any aspect, with speakers at rest or
going somewhere; eleven of them show each camera move six times. What these films show and sound like is exact, so
whatever an instrument finds wrong is its own error. With the extra weights of Resemblyzer installed, the embeddings
are examined as well.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
from results import describe_machine, publish
from true_renders import TrueRender, true_render

from kling_core.continuity.camera import measure_camera
from kling_core.continuity.cuts import measure_cuts
from kling_core.continuity.identity import measure_identity
from kling_core.continuity.lips import measure_lips
from kling_core.continuity.speaker_embeddings import EmbeddingListener, is_installed
from kling_core.continuity.voices import PitchListener, measure_voices
from kling_core.elements.element import Binding, Cast
from kling_core.previz.reader import Reader
from kling_core.previz.world import GRID
from kling_core.storyboard.storyboard import VERBS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=22)
    parser.add_argument("--first", type=int, default=0, help="seed of the first scene")
    parser.add_argument("--scale", type=int, default=2, help="of the grid's size")
    parser.add_argument("--aspect", default="16:9", choices=GRID.sizes)
    parser.add_argument("--verb", default="talk", choices=VERBS, help="what whoever speaks does")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    exam = Exam()
    for seed in range(arguments.first, arguments.first + arguments.scenes):
        exam.sit(true_render(seed, arguments.scale, arguments.aspect, arguments.verb))
    seeds = [arguments.first, arguments.first + arguments.scenes - 1]
    publish({"machine": describe_machine(), "seeds": seeds, **exam.result()}, arguments.out)


class Exam:
    """Collects what instruments read on true renders."""

    def __init__(self) -> None:
        self.reader = Reader.load()
        self.misread: list[bool] = []
        self.told_apart: dict[str, list[bool]] = defaultdict(list)
        self.cuts: list[int | None] = []
        self.too_many = 0
        self.lips: list[float | None] = []
        self.bearded: list[float] = []
        self.lags: list[int] = []
        self.still: list[float] = []
        self.camera: dict[str, list[float | None]] = defaultdict(list)
        self.gains: dict[str, list[float]] = defaultdict(list)
        self.listeners = [PitchListener(), *([EmbeddingListener()] if is_installed() else [])]
        self.heard: dict[str, list[bool]] = defaultdict(list)

    def sit(self, true: TrueRender) -> None:
        self.recognise(true)
        cuts = measure_cuts(true.frames, true.plan)
        self.cuts += [cut.error for cut in cuts.cuts]
        self.too_many += len(cuts.too_many)
        for track in measure_lips(true.frames, true.plan, true.speech):
            if track.speaks:
                self.lips.append(track.correlation)
                if track.correlation is not None:
                    self.lags.append(abs(track.best_lag))
                    self.bearded += [track.correlation] if true.cast[track.subject].look["beard"] else []
            elif track.still is not None:
                self.still.append(track.still)
        for track in measure_camera(true.frames, true.plan):
            self.camera[track.move].append(track.drift if track.move == "static" else track.correlation)
            self.gains[track.move] += [track.gain] if track.gain is not None else []
        rate = true.plan.grid.audio_rate
        for listener in self.listeners:
            lines = measure_voices(true.sound, rate, true.plan, true.cast, true.speech, listener)
            self.heard[listener.name] += [line.heard == line.speaker for line in lines if not line.left_out]

    def recognise(self, true: TrueRender) -> None:
        """The film as it is, and as it would be judged if everybody in it were played by somebody else of the cast."""
        for what, cast in (("right", true.cast), ("swapped", _in_turn(true.cast))):
            for each in measure_identity(true.frames, true.plan, cast, reader=self.reader):
                self.told_apart[what].append(each.swapped == (what == "swapped"))
                if what == "right":
                    self.misread += [wanted != read for wanted, read in each.attributes.values()]

    def result(self) -> dict:
        return {
            "identity": {
                "misread": round(float(np.mean(self.misread)), 4), "of": len(self.misread),
                "told_apart": {what: {"right": sum(told), "of": len(told)} for what, told in self.told_apart.items()},
            },
            "cuts": {"planned": len(self.cuts), "exact": self.cuts.count(0), "too_many": self.too_many},
            "lips": {
                "correlation": summary(self.lips), "bearded": summary(self.bearded),
                "lags_over_1_frame": sum(lag > 1 for lag in self.lags), "still": summary(self.still),
            },
            "camera": {
                move: {"correlation" if move != "static" else "drift": summary(read), "gain": summary(self.gains[move])}
                for move, read in self.camera.items()
            },
            "voices": {name: {"lines": len(right), "right": sum(right)} for name, right in self.heard.items()},
        }


def _in_turn(cast: Cast) -> Cast:
    """The same names, each with the looks of the next."""
    elements = [binding.element for binding in cast.bindings]
    return Cast(tuple(
        Binding(replace(element, views=other.views, look=other.look))
        for element, other in zip(elements, elements[1:] + elements[:1])
    ))  # fmt: skip


def summary(values: list[float | None]) -> dict | None:
    """How many there are, how many cannot be told (None), and how the others lie."""
    told = [value for value in values if value is not None]
    if not told:
        return None
    low, middle, high = np.percentile(told, [5, 50, 95])
    figures = {"mean": np.mean(told), "least": min(told), "5%": low, "50%": middle, "95%": high, "most": max(told)}
    return {"told": len(told), "of": len(values), **{name: round(float(value), 3) for name, value in figures.items()}}


if __name__ == "__main__":
    main()
