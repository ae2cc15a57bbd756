"""What counts as a failure, in one place, and how much each measure counts in the score.

The thresholds lie between what true renders reach (benchmarks/instruments.py) and what a wrong film does: a shot of a
true render fails by one of them in about two of a hundred cases.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mean

from kling_core.continuity.camera import CameraTrack
from kling_core.continuity.cuts import CutReport
from kling_core.continuity.identity import SubjectIdentity
from kling_core.continuity.lips import LipTrack
from kling_core.continuity.report import Failure
from kling_core.continuity.voices import LineVoice, Listener
from kling_core.plan.plan import Plan

# A frame of the wrong shot is seen as a flash; one frame is what converting a film to another rate may cost.
MOST_CUT_ERROR = 1
# Attributes read as they should be, of those that the instrument reads in true renders. Chance is under .4; with a
# quarter of them wrong it is somebody else's twin.
LEAST_IDENTITY = 0.75
# Speakers of true renders reach .87 in nineteen cases of twenty; .6 is where lips and words part for a viewer.
LEAST_LIPS = 0.6
# Two frames at 12 a second are 170 ms: broadcasters reject 125 ms. A lag is named only where lips do follow it: of nine
# lags, the best of lips that know nothing reaches .65 in one line of twenty.
MOST_LAG, LAG_CORRELATION, LAG_GAIN = 1, 0.75, 0.15
# Mouths that should be closed seem to move by .21 of the speakers' in one true render of twenty, and by .31 at most.
MOST_STILL = 0.5
# Moves of true renders reach .95 in nine cases of ten and .8 in all but one of a hundred; handheld is held to less
# because its sway is a pixel or two.
LEAST_CAMERA, LEAST_HANDHELD = 0.5, 0.2
# Turns and zooms look the same at every depth, so how far they go can be told; others depend on the set.
MEASURED_FULLY, LEAST_GAIN, MOST_GAIN = ("pan", "tilt", "roll", "zoom"), 0.4, 2.0
# Heights of the picture that a standing camera's background may move; true renders do not move at all.
MOST_DRIFT = 0.04

# Who it is comes first: a wrong face cannot be cut around. A cut that is off is seen at once, but seldom happens.
WEIGHTS = {"identity": 0.35, "cuts": 0.15, "lips": 0.2, "voices": 0.1, "camera": 0.2}
_DRIFT_OF_NOTHING = 0.2  # heights of the picture at which a standing camera scores 0


def total(scores: dict[str, float]) -> float:
    """The mean of the scores (0..1 by measure) by WEIGHTS; measures that could not tell do not count."""
    weight = sum(WEIGHTS[measure] for measure in scores)
    return sum(WEIGHTS[measure] * score for measure, score in scores.items()) / weight


def judge_cuts(report: CutReport, plan: Plan) -> tuple[list[Failure], float]:
    """Failures, and the share of all cuts, planned or found, that are where they should be."""
    failures, right = [], 0
    for cut in report.cuts:
        if cut.error is None:
            failures.append(Failure(cut.shot, "cuts", f"no cut at its start (frame {cut.planned})"))
        elif abs(cut.error) > MOST_CUT_ERROR:
            way = "late" if cut.error > 0 else "early"
            failures.append(Failure(cut.shot, "cuts", f"begins {abs(cut.error)} frames {way}"))
        else:
            right += 1
    for frame in report.too_many:
        shot = next(shot for shot in plan.shots if frame < shot.stop)
        failures.append(Failure(shot.index, "cuts", f"an unplanned cut at frame {frame}"))
    every = len(report.cuts) + len(report.too_many)
    return failures, right / every if every else 1.0


def judge_identity(identities: tuple[SubjectIdentity, ...], error: float = 0.0) -> tuple[list[Failure], float | None]:
    """Failures, and the mean score with 0 for who looks more like somebody else.

    error: share of attributes that the instrument misreads in true renders; scores are taken of what is left.
    """
    failures, scores = [], []
    for one in identities:
        score = min(one.score / (1 - error), 1.0)
        wrong = [f"{name} {read}, not {wanted}" for name, (wanted, read) in one.attributes.items() if read != wanted]
        if one.swapped:
            failures.append(Failure(one.shot, "identity", f"@{one.subject} looks like @{one.nearest}"))
        elif score < LEAST_IDENTITY and wrong:
            failures.append(Failure(one.shot, "identity", f"@{one.subject} is off: {', '.join(wrong[:3])}"))
        scores.append(0.0 if one.swapped else score)
    return failures, mean(scores) if scores else None


def judge_lips(tracks: tuple[LipTrack, ...]) -> tuple[list[Failure], float | None]:
    """Failures, and the mean of what speakers follow their lines and others keep still."""
    failures = [Failure(track.shot, "lips", reason) for track in tracks for reason in _lip_reasons(track)]
    speaking = [max(track.correlation, 0.0) for track in tracks if track.correlation is not None]
    still = [max(1 - track.still, 0.0) for track in tracks if track.still is not None and not track.speaks]
    groups = [mean(group) for group in (speaking, still) if group]
    return failures, mean(groups) if groups else None


def _lip_reasons(track: LipTrack) -> Iterator[str]:
    who = f"@{track.subject}'s lips"
    if track.correlation is not None:
        late = abs(track.best_lag) > MOST_LAG and track.best_correlation >= LAG_CORRELATION
        if late and track.best_correlation > track.correlation + LAG_GAIN:
            yield f"{who} are {abs(track.best_lag)} frames {'late' if track.best_lag > 0 else 'early'}"
        elif track.correlation < LEAST_LIPS:
            yield f"{who} do not follow the line ({track.correlation:.2f})"
    elif track.still is not None and track.still > MOST_STILL:
        yield f"{who} move without a line"


def judge_voices(lines: tuple[LineVoice, ...], listener: Listener) -> tuple[list[Failure], float | None]:
    """Failures, and the share of lines in the right voice."""
    failures = []
    for line in lines:
        number = f"line {line.line + 1}"
        if line.left_out:
            continue
        if line.heard is None:
            failures.append(Failure(line.shot, "voices", f"{number}: no voice is heard"))
        elif line.margin is not None and line.margin < -listener.alike:
            whose = f"@{line.heard}'s voice, not @{line.speaker}'s"
            failures.append(Failure(line.shot, "voices", f"{number} is in {whose}"))
        elif line.distance > listener.stranger:
            failures.append(Failure(line.shot, "voices", f"{number} is in a stranger's voice"))
    told = sum(not line.left_out for line in lines)
    return failures, 1 - len(failures) / told if told else None


def judge_camera(tracks: tuple[CameraTrack, ...]) -> tuple[list[Failure], float | None]:
    """Failures, and the mean of the correlations, for standing cameras of what stands."""
    failures, scores = [], []
    for track in tracks:
        if track.left_out:
            continue
        reason = _camera_reason(track)
        if reason:
            failures.append(Failure(track.shot, "camera", reason))
        if track.drift is not None:
            scores.append(max(1 - track.drift / _DRIFT_OF_NOTHING, 0.0))
        else:
            scores.append(max(track.correlation, 0.0))
    return failures, mean(scores) if scores else None


def _camera_reason(track: CameraTrack) -> str:
    if track.drift is not None:
        return f"the camera drifts ({track.drift:.0%} of the height)" if track.drift > MOST_DRIFT else ""
    least = LEAST_HANDHELD if track.move == "handheld" else LEAST_CAMERA
    if track.correlation < -least:
        return f"the {track.move} goes the other way"
    if track.correlation < least:
        return f"the {track.move} is not there ({track.correlation:.2f})"
    if track.move in MEASURED_FULLY and not LEAST_GAIN <= track.gain <= MOST_GAIN:
        return f"the {track.move} goes {track.gain:.1f} times as far"
    return ""
