"""A Plan for people (text) and for programs (JSON)."""

from __future__ import annotations

from typing import Any

from kling_core.plan.plan import Performance, Plan, PlannedLine, PlannedMove, PlannedShot

_UNITS = {
    "dolly": " m", "truck": " m", "pedestal": " m", "pan": "°", "tilt": "°", "roll": "°", "orbit": "°", "zoom": "×",
}


def plan_text(plan: Plan) -> str:
    """The plan as a page of text: shots, lines, what had to move, what it costs."""
    fps, (width, height) = plan.grid.fps, plan.size
    title = f"{plan.title}: " if plan.title else ""
    parts = [
        f"{title}{plan.seconds:.2f} s, {len(plan.shots)} shot{'s' * (len(plan.shots) != 1)}, {plan.aspect}"
        f" ({width} x {height} on the grid), {plan.frames} frames at {fps} fps",
        *(_shot_text(shot, plan) for shot in plan.shots),
    ]
    if plan.moved:
        step = f"{plan.grid.cut_seconds:.3f} s"
        parts.append("\n".join([f"Moved to the grid of {step}:", *(f"  {adjustment}" for adjustment in plan.moved)]))
    if plan.notes:
        parts.append("\n".join(["Notes:", *(f"  {note}" for note in plan.notes)]))
    if plan.tokens:
        counts = ", ".join(f"{count} {kind}" for kind, count in plan.tokens.items())
        parts.append(f"References: {_references_text(plan)}\nTokens: {sum(plan.tokens.values())} ({counts})")
    return "\n\n".join(parts)


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain data. Times in seconds, cuts in frames too; boxes are left to the blocking."""
    return {
        "title": plan.title,
        "aspect": plan.aspect,
        "grid": {
            "fps": plan.grid.fps, "frames_per_latent": plan.grid.frames_per_latent, "size": list(plan.size),
            "audio_rate": plan.grid.audio_rate,
        },
        "seconds": plan.seconds,
        "frames": plan.frames,
        "cast": list(plan.cast),
        "references": [list(pair) for pair in plan.references],
        "shots": [_shot_json(shot, plan.grid.fps) for shot in plan.shots],
        "lines": [_line_json(line) for line in plan.lines],
        "moved": [{"where": a.where, "wanted": a.wanted, "got": a.got} for a in plan.moved],
        "notes": list(plan.notes),
        "negative": plan.negative,
        "tokens": dict(plan.tokens),
    }


def camera_text(camera: tuple[PlannedMove, ...]) -> str:
    """Camera moves in words: "dolly in 0.35 m, then pan left 20°"."""
    return ", then ".join(_move_text(move) for move in camera) or "static"


def _move_text(move: PlannedMove) -> str:
    unit = _UNITS.get(move.kind)
    words = [move.kind, move.direction or "", f"{move.amount:g}{unit}" if unit else ""]
    return " ".join(word for word in words if word)


def _shot_text(shot: PlannedShot, plan: Plan) -> str:
    fps = plan.grid.fps
    head = (
        f"Shot {shot.index + 1}  {shot.start / fps:.2f}–{shot.stop / fps:.2f} s ({shot.frames / fps:.2f} s)"
        f"  frames {shot.start}–{shot.stop - 1}"
    )
    angle = "" if shot.angle == "eye" else f", {shot.angle}"
    rows = [head, f"  {shot.size}{angle} | {shot.place}, {shot.time_of_day} | camera: {camera_text(shot.camera)}"]
    rows.append(f"  on screen: {'; '.join(_performance_text(p) for p in shot.performances) or 'nobody'}")
    rows += [_line_text(line) for line in plan.lines if line.shot == shot.index]
    return "\n".join(rows)


def _performance_text(performance: Performance) -> str:
    words = [f"@{performance.subject} {performance.verb}"]
    if performance.carried:
        words.append(f"with {_a(performance.carried)}")
    if performance.toward:
        words.append(f"toward {performance.toward}")
    if performance.behind:
        words.append(f"behind a {performance.behind}")
    if performance.position:
        words.append(f"at {performance.position}")
    if performance.expression != "neutral":
        words.append(f"({performance.expression})")
    return " ".join(words)


def _a(thing: str) -> str:
    return f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"


def _line_text(line: PlannedLine) -> str:
    manner = ", ".join(word for word in (line.language, line.delivery) if word)
    return f"  {line.start:.2f}–{line.stop:.2f} s  @{line.speaker} ({manner}): “{line.text}”"


def _references_text(plan: Plan) -> str:
    views = {name: [view for owner, view in plan.references if owner == name] for name in plan.cast}
    return "; ".join(f"@{name} {', '.join(found)}" for name, found in views.items() if found) or "none"


def _shot_json(shot: PlannedShot, fps: int) -> dict[str, Any]:
    return {
        "index": shot.index, "start": shot.start / fps, "stop": shot.stop / fps,
        "start_frame": shot.start, "stop_frame": shot.stop,
        "size": shot.size, "angle": shot.angle, "place": shot.place, "time_of_day": shot.time_of_day,
        "transition": shot.transition, "description": shot.description,
        "camera": [{"kind": m.kind, "direction": m.direction, "amount": m.amount} for m in shot.camera],
        "performances": [
            {"subject": p.subject, "verb": p.verb, "expression": p.expression, "position": p.position,
             "toward": p.toward, "behind": p.behind, "prop": p.carried}
            for p in shot.performances
        ],
    }


def _line_json(line: PlannedLine) -> dict[str, Any]:
    return {
        "index": line.index, "shot": line.shot, "speaker": line.speaker, "text": line.text, "language": line.language,
        "delivery": line.delivery, "start": line.start, "stop": line.stop,
    }
