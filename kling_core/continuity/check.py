"""A film measured against its plan: identity, cuts, lips, voices and camera, as one report."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from kling_core.continuity import camera, cuts, identity, judge, lips, voices
from kling_core.continuity.report import Instrument, Report
from kling_core.elements.element import Cast
from kling_core.errors import KlingError, ProblemList
from kling_core.plan.plan import Plan
from kling_core.sound.speech import SpokenLine

MOST_SECONDS, MOST_PIXELS = 180, 4096 * 2160
_WIDEST = 512  # pixels: larger films are measured at this size, which shows all that the instruments use
_ASPECT_TOLERANCE = 0.03
MEASUREMENTS = 5

# On true renders: cuts on the 200 of benchmarks/previz_quality, 312 of them in scenes that the threshold was chosen on;
# lips and camera on the 22 of benchmarks/instruments.py (seeds 0 to 21), 256 x 144, six shots each.
CUTS = Instrument("cuts", cuts.INSTRUMENT, "380 of 380 cuts exact, none too many")
LIPS = Instrument("lips", lips.INSTRUMENT, "reads .97 where 1 is true, .87 in the worst twentieth; no lag over 1 frame")
CAMERA = Instrument("camera", camera.INSTRUMENT, "tells 96 of 120 moves, and reads .91 or more where 1 is true")


def check(
    frames: np.ndarray,
    sound: np.ndarray | None,
    rate: int | None,
    plan: Plan,
    cast: Cast,
    speech: tuple[SpokenLine, ...],
    *,
    photographic: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Measure a film against its plan.

    frames: uint8 [T, H, W, 3], T as the plan has (`on_the_plans_clock` makes them so). sound: float32 [C, N] at `rate`,
    None for a silent film. speech: the plan's lines as `sound.speech.speak` speaks them, which is deterministic.
    photographic: real people instead of puppets, so faces and speakers are told by embeddings where the packages for
    them are installed. progress: told how many of how many measurements are done. Raises KlingError where the film or
    the cast cannot be of this plan.
    """
    _refuse_strangers(frames, plan, cast)
    frames = _at_most(frames, _WIDEST)
    listener = chosen_listener(photographic)

    def done(measurements: int) -> None:
        if progress:
            progress(measurements, MEASUREMENTS)

    done(0)
    identity, error, who = _identity(frames, plan, cast, photographic)
    done(1)
    cut_report = cuts.measure_cuts(frames, plan)
    done(2)
    lip_tracks = () if photographic else lips.measure_lips(frames, plan, speech)
    done(3)
    camera_tracks = camera.measure_camera(frames, plan)
    done(4)
    line_voices = None if sound is None else voices.measure_voices(sound, rate, plan, cast, speech, listener)
    done(MEASUREMENTS)
    judged = {
        "identity": judge.judge_identity(identity or (), error),
        "cuts": judge.judge_cuts(cut_report, plan),
        "lips": judge.judge_lips(lip_tracks),
        "voices": judge.judge_voices(line_voices or (), listener),
        "camera": judge.judge_camera(camera_tracks),
    }
    scores = {measure: score for measure, (_, score) in judged.items() if score is not None}
    failures = sorted((each for failed, _ in judged.values() for each in failed), key=lambda failure: failure.shot)
    mouths = Instrument("lips", "none", "mouths of real people are not read yet") if photographic else LIPS
    instruments = (who, CUTS, mouths, Instrument("voices", listener.name, listener.error), CAMERA)
    return Report(
        cut_report, lip_tracks, camera_tracks, line_voices, identity, instruments, tuple(failures), scores,
        judge.total(scores),
    )  # fmt: skip


def on_the_plans_clock(frames: np.ndarray, fps: float, plan: Plan) -> np.ndarray:
    """The frames that a film of another rate shows at the plan's frames, uint8 [plan.frames, H, W, 3].

    Raises KlingError for a film that is not as long as its plan, to half a latent.
    """
    problems, seconds = ProblemList(), len(frames) / fps
    if seconds > MOST_SECONDS:
        problems.add("film", f"is {seconds:.0f} s long, at most {MOST_SECONDS} s", "Cut out the scene.")
    elif abs(seconds - plan.seconds) > plan.grid.cut_seconds / 2:
        what = f"is {seconds:.2f} s long, its plan {plan.seconds:.2f} s"
        problems.add("film", what, "Check it against the scene and the elements that it was made from.")
    problems.raise_if_any()
    if len(frames) == plan.frames:
        return frames
    wanted = ((np.arange(plan.frames) + 0.5) / plan.grid.fps * fps).astype(int)
    return frames[np.clip(wanted, 0, len(frames) - 1)]


def _refuse_strangers(frames: np.ndarray, plan: Plan, cast: Cast) -> None:
    height, width = frames.shape[1:3]
    across, down = plan.size
    problems = ProblemList()
    for name in sorted({name for shot in plan.shots for name in shot.subjects} - set(cast.names)):
        problems.add("cast", f"@{name} is not in it, but in the plan", "Check the film with the cast it was made with.")
    if len(frames) != plan.frames:
        problems.add("film", f"has {len(frames)} frames, its plan {plan.frames}", "Check it against its own scene.")
    if width * height > MOST_PIXELS:
        problems.add("film", f"is {width} x {height}, larger than 4K", "Make it smaller.")
    if abs(width / height / (across / down) - 1) > _ASPECT_TOLERANCE:
        what = f"is {width} x {height}, but its plan is {plan.aspect}"
        problems.add("film", what, "Check it against its own scene; crop it if it has borders.")
    problems.raise_if_any()


def _at_most(frames: np.ndarray, widest: int) -> np.ndarray:
    height, width = frames.shape[1:3]
    if width <= widest:
        return frames
    size = widest, round(height * widest / width)
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])


def chosen_listener(photographic: bool) -> voices.Listener:
    """What `check` tells voices by: speaker embeddings for real people, where they are installed."""
    if photographic:
        from kling_core.continuity import speaker_embeddings

        if speaker_embeddings.is_installed():
            return speaker_embeddings.EmbeddingListener()
    return voices.PitchListener()


def _identity(
    frames: np.ndarray, plan: Plan, cast: Cast, photographic: bool
) -> tuple[tuple[identity.SubjectIdentity, ...] | None, float, Instrument]:
    """What was measured, None where there is no instrument; the instrument's error as a share, and its name."""
    try:
        reader = _reader(photographic)
    except KlingError as problem:
        return None, 0.0, Instrument("identity", "none", f"not measured: {problem}")
    name = identity.FACE_INSTRUMENT if photographic else identity.INSTRUMENT
    error = identity.instrument_error(reader)
    told = "unknown: no photograph is a true render" if error is None else f"misreads {error:.1%} of attributes"
    found = identity.measure_identity(frames, plan, cast, reader=reader)
    return found, error or 0.0, Instrument("identity", name, told)


def _reader(photographic: bool):
    if photographic:
        from kling_core.continuity.faces import FaceReader

        return FaceReader()
    from kling_core.previz.reader import Reader

    return Reader.load()
