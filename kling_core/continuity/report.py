"""What a film was found to be against its plan, as plain data: measures, what failed at which shot, and one score.

Shots are counted as in `Plan.shots`, from 0, in all dataclasses; texts and JSON for people count them from 1, as
`kling render --retake` does.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kling_core.continuity.camera import CameraTrack
    from kling_core.continuity.cuts import CutReport
    from kling_core.continuity.identity import SubjectIdentity
    from kling_core.continuity.lips import LipTrack
    from kling_core.continuity.voices import LineVoice
    from kling_core.plan.plan import Plan

MEASURES = ("identity", "cuts", "lips", "voices", "camera")


@dataclass(frozen=True)
class Instrument:
    """What measured: `measure` of MEASURES, the instrument's `name`, and its `error` on true renders, in words."""

    measure: str
    name: str
    error: str


@dataclass(frozen=True)
class Failure:
    """What a shot failed by: index of the shot, the measure, and the reason in a few words."""

    shot: int
    measure: str
    reason: str


@dataclass(frozen=True)
class Report:
    """A film against its plan.

    scores: 0..1 by measure, for those that could tell. score: their mean by `judge.WEIGHTS`, 0..1. identity is None
    where no instrument for it is at hand, voices is None where the film has no sound.
    """

    cuts: CutReport
    lips: tuple[LipTrack, ...]
    camera: tuple[CameraTrack, ...]
    voices: tuple[LineVoice, ...] | None
    identity: tuple[SubjectIdentity, ...] | None
    instruments: tuple[Instrument, ...]
    failures: tuple[Failure, ...]
    scores: dict[str, float]
    score: float

    @property
    def failed_shots(self) -> tuple[int, ...]:
        """Indices of the shots that failed by anything, in order."""
        return tuple(sorted({failure.shot for failure in self.failures}))

    @property
    def marks(self) -> dict[int, tuple[str, ...]]:
        """Why each failed shot failed, in words, by its index."""
        return {
            shot: tuple(failure.reason for failure in self.failures if failure.shot == shot)
            for shot in self.failed_shots
        }

    @property
    def retakes(self) -> str:
        """What to sample again, as `kling render --retake` takes it ("3,5"); "" if nothing failed."""
        return ",".join(str(shot + 1) for shot in self.failed_shots)

    def to_json(self) -> dict[str, Any]:
        """Plain data; shots and lines are counted from 1, correlations and shares have three digits."""
        data = {
            "score": self.score,
            "scores": self.scores,
            "failed_shots": [shot + 1 for shot in self.failed_shots],
            "failures": [asdict(failure) for failure in self.failures],
            "identity": None if self.identity is None else [asdict(one) for one in self.identity],
            "cuts": [asdict(cut) | {"error": cut.error} for cut in self.cuts.cuts],
            "cuts_too_many": list(self.cuts.too_many),
            "lips": [asdict(track) for track in self.lips],
            "voices": None if self.voices is None else [asdict(line) for line in self.voices],
            "camera": [asdict(track) for track in self.camera],
            "instruments": [asdict(instrument) for instrument in self.instruments],
        }
        return _for_people(data)


def _for_people(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: inner + 1 if key in ("shot", "line") else _for_people(inner) for key, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_for_people(inner) for inner in value]
    return round(value, 3) if isinstance(value, float) else value


def report_text(report: Report, plan: Plan) -> str:
    """A page: what every shot was measured to be, what failed, the instruments, and last what to take again."""
    shots = [_shot_text(report, shot.index) for shot in plan.shots]
    width = max(len(instrument.name) for instrument in report.instruments)
    instruments = [f"  {each.measure:<9} {each.name:<{width}}  {each.error}" for each in report.instruments]
    scores = ", ".join(f"{measure} {score:.2f}" for measure, score in report.scores.items())
    failed = [f"  shot {one.shot + 1}: {one.reason}" for one in report.failures]
    last = f"Take again: --retake {report.retakes}" if report.retakes else "Nothing to take again."
    return "\n\n".join([
        "\n".join(shots),
        "\n".join(["Instruments, and their error on true renders:", *instruments]),
        f"Score {report.score:.2f} ({scores})",
        "\n".join(["Failed:", *failed]) if failed else "Nothing failed.",
        last,
    ])  # fmt: skip


def _shot_text(report: Report, shot: int) -> str:
    rows = [f"Shot {shot + 1}{'  FAILED' if shot in report.failed_shots else ''}"]
    rows += [f"  cut       {_cut_text(cut.error)}" for cut in report.cuts.cuts if cut.shot == shot]
    rows += [
        f"  identity  @{one.subject} {one.score:.2f}" + (f", looks like @{one.nearest}" if one.swapped else "")
        for one in report.identity or () if one.shot == shot
    ]  # fmt: skip
    rows += [f"  lips      @{track.subject} {_lip_text(track)}" for track in report.lips if track.shot == shot]
    rows += [f"  voice     {_voice_text(line)}" for line in report.voices or () if line.shot == shot]
    rows += [f"  camera    {track.move} {_camera_text(track)}" for track in report.camera if track.shot == shot]
    return "\n".join(rows)


def _cut_text(error: int | None) -> str:
    return "missing" if error is None else "exact" if not error else f"{error:+d} frames"


def _lip_text(track: LipTrack) -> str:
    if track.left_out:
        return f"cannot tell: {track.left_out}"
    if track.speaks:
        return f"{track.correlation:.2f} of the line, {track.best_correlation:.2f} at {track.best_lag:+d} frames"
    return "cannot tell" if track.still is None else f"moves {track.still:.0%} of a speaker"


def _voice_text(line: LineVoice) -> str:
    heard = f"cannot tell: {line.left_out}" if line.left_out else f"@{line.heard}" if line.heard else "nobody"
    return f"line {line.line + 1}: {heard}"


def _camera_text(track: CameraTrack) -> str:
    if track.left_out:
        return f"cannot tell: {track.left_out}"
    if track.drift is not None:
        return f"drifts {track.drift:.1%} of the height"
    return f"{track.correlation:.2f} of the path, {track.gain:.2f} times as far"
