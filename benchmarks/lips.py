"""Whether mouths open with what is heard, read in the pictures alone.

    python benchmarks/lips.py [--seed N] [--steps N] [--out-dir out/lips] [--out FILE.json]
    python benchmarks/lips.py FILM.mp4 REPORT.json [--draft DRAFT.mp4] [--out FILE.json]

The first renders the demo scene with the shipped weights, and drafts it with the same lines at the same size. The
second measures a film that is there, with the report that `kling render --report` wrote. The draft is the ceiling: its
mouths are exactly what the lines ask for, so what is missing to 1 there, the reader misses.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from statistics import mean

import numpy as np
from results import describe_machine, publish

from kling_core.media import read_video

LAGS = range(-4, 5)  # frames
TURNED_AWAY = np.pi / 3
FEWEST = 8  # frames, for a correlation
# The box that is read, in head radii around the planned mouth. People are up to a tenth taller or shorter than planned
# and may nod: the mouth moves in the box, and skin, nose and beard around it do not change the reading.
BOX_ACROSS, BOX_UP, BOX_DOWN = 0.3, 0.35, 0.45


def read_mouth(frames: np.ndarray, track: dict) -> np.ndarray:
    """How red the box around a mouth is, in each frame of a track: lips and throat are red, skin and beards less so.

    frames: uint8 [F, H, W, 3] of the film. Red is the share R / (R + G + B), which light and shade leave alone; the
    more of the box is mouth, the higher its mean. NaN where the box is off screen. [F of the track]
    """
    height, width = frames.shape[1:3]
    readings = np.full(len(track["x"]), np.nan)
    for number, (x, y, head) in enumerate(zip(track["x"], track["y"], track["head"])):
        radius = head / 2 * height
        columns = _pixels(x * width - BOX_ACROSS * radius, x * width + BOX_ACROSS * radius, width)
        rows = _pixels(y * height - BOX_UP * radius, y * height + BOX_DOWN * radius, height)
        box = frames[track["start_frame"] + number][rows, columns].astype(float)
        if box.size:
            # The 12 keeps the noise of nearly black pixels out.
            readings[number] = ((box[..., 0] + 4) / (box.sum(-1) + 12)).mean()
    return readings


def _pixels(start: float, stop: float, size: int) -> slice:
    """At least one pixel, if it is on screen."""
    first = int(np.clip(round(start), 0, size))
    return slice(first, int(np.clip(max(round(stop), first + 1), 0, size)))


def compare(readings: np.ndarray, track: dict) -> dict:
    """Correlation of a track's readings with the opening that its sound asks for, at every lag.

    A lag is positive where the picture is late. still_to_speaking: how much the reading varies while the mouth should
    be closed, over how much it varies while it should move.
    """
    opening = np.array(track["opening"])
    usable = np.isfinite(readings) & (np.abs(track["facing"]) < TURNED_AWAY)
    if usable.sum() < FEWEST or opening[usable].std() == 0:
        return {"left_out": "turned away or off screen"}
    readings = np.where(usable, readings, np.nan)
    by_lag = {lag: _correlation(readings, opening, lag) for lag in LAGS}
    best = max(by_lag, key=by_lag.get)
    speaking, still = opening > 0, opening == 0
    spread = np.nanstd(readings[speaking])
    return {
        "correlation": round(by_lag[0], 3),
        "best_correlation": round(by_lag[best], 3),
        "best_lag_frames": best,
        "still_to_speaking": round(float(np.nanstd(readings[still]) / spread), 3) if still.sum() > 2 else None,
    }


def _correlation(readings: np.ndarray, opening: np.ndarray, lag: int) -> float:
    """Pearson's, of readings that are `lag` frames late; -1 where nothing varies."""
    late, early = readings[max(lag, 0):][: len(readings) - abs(lag)], opening[max(-lag, 0):][: len(opening) - abs(lag)]
    both = np.isfinite(late)
    if both.sum() < FEWEST or late[both].std() == 0 or early[both].std() == 0:
        return -1.0
    return float(np.corrcoef(late[both], early[both])[0, 1])


def measure(film: Path, tracks: list[dict]) -> dict:
    """Every speaker in every shot of a film, and the means of those that could be read."""
    frames = read_video(film).frames
    results = []
    for track in tracks:
        result = compare(read_mouth(frames, track), track)
        results.append({"shot": track["shot"] + 1, "subject": track["subject"], "frames": len(track["x"]), **result})
    read = [result for result in results if "correlation" in result]
    still = [result["still_to_speaking"] for result in read if result["still_to_speaking"] is not None]
    return {
        "mean_correlation": round(mean(result["correlation"] for result in read), 3) if read else None,
        "mean_still_to_speaking": round(mean(still), 3) if still else None,
        "left_out": len(results) - len(read),
        "tracks": results,
    }


def render_demo(arguments: argparse.Namespace) -> tuple[Path, Path, Path]:
    """The demo scene's film, report and draft, made here."""
    from kling_core.demo import demo_cast, demo_scene
    from kling_core.previz.backbone import DEFAULT_SETTINGS, Previz
    from kling_core.previz.draft import draft
    from kling_core.render import render, write_film

    backbone, cast = Previz.load(device=arguments.device), demo_cast()
    settings = replace(DEFAULT_SETTINGS, steps=arguments.steps or DEFAULT_SETTINGS.steps)
    scene = render(demo_scene(), cast, backbone, seed=arguments.seed, settings=settings)
    arguments.out_dir.mkdir(parents=True, exist_ok=True)
    film, report, drafted = (arguments.out_dir / name for name in ("demo.mp4", "demo.json", "draft.mp4"))
    scene.write(film, report=report)
    width, height = backbone.output_size(scene.plan)
    write_film(drafted, draft(scene.plan, cast, width, height, scene.speech), scene.plan, scene.sound)
    return film, report, drafted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path, nargs="?")
    parser.add_argument("report", type=Path, nargs="?")
    parser.add_argument("--draft", type=Path, help="of the same scene, as `kling draft` leaves it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="default: the backbone's own")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out-dir", type=Path, default=Path("out/lips"))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.film and not arguments.report:
        parser.error("a film needs its report")
    film, report, drafted = arguments.film, arguments.report, arguments.draft
    if not film:
        film, report, drafted = render_demo(arguments)
    made = json.loads(report.read_text(encoding="utf-8"))
    result = {
        "machine": describe_machine(),
        "seed": made["seed"],
        "settings": made["settings"],
        "voices": sorted({line["voice"] for line in made["speech"]}),
        "film": measure(film, made["mouths"]),
    }
    if drafted:
        result["draft"] = measure(drafted, made["mouths"])
    publish(result, arguments.out)


if __name__ == "__main__":
    main()
