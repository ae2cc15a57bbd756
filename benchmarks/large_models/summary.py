"""From measured films to figures, a column for everything that is compared, and from those to the table."""

from __future__ import annotations

from statistics import mean, median
from typing import Any

Record = dict[str, Any]
LEAST_HEIGHT = 704
"""Pixels: in smaller films faces are too small for embeddings to tell (open measurements on MiniMax H3)."""


def summarise(records: list[Record]) -> dict[str, dict[str, Any]]:
    """Figures by arm, in the order in which the arms were first filmed. Of a measured film each record has what
    `measure` gives, and its run: arm, seed, seconds."""
    arms = dict.fromkeys(record["arm"] for record in records)
    return {arm: _figures([record for record in records if record["arm"] == arm]) for arm in arms}


def _figures(records: list[Record]) -> dict[str, Any]:
    people = [row for record in records for row in record["identity"]["found"]]
    lines = [row for record in records for row in record["voices"] or ()]
    cuts = [row for record in records for row in record["cuts"]]
    errors = [abs(cut["found"] - cut["planned"]) for cut in cuts if cut["found"] is not None]
    seconds = [record["seconds"] for record in records if record["seconds"] is not None]
    scores = [row["score"] for row in people]
    told = [row for row in lines if not row["left_out"] and row["heard"]]
    return {
        "films": len(records),
        "identity": {
            "mean": round(mean(scores), 3) if scores else None,
            "least": min(scores, default=None),
            "found": len(people),
            "looked for": sum(record["identity"]["looked for"] for record in records),
        },
        "wrong person": {
            where: {"wrong": sum(row["swapped"] for row in rows), "of": len(rows)}
            for where, rows in (
                ("alone", [row for row in people if row["alone"]]),
                ("together", [row for row in people if not row["alone"]]),
            )
        },
        "voices": {
            "swapped": sum(row["heard"] != row["speaker"] for row in told),
            "told": len(told),
            "lines": len(lines),
        },
        "cuts": {
            "planned": len(cuts),
            "within a latent": len(errors),
            "too many": sum(len(record["too many cuts"]) for record in records),
            "mean error": round(mean(errors), 2) if errors else None,
        },
        "seconds": round(median(seconds), 1) if seconds else None,
    }


def table(figures: dict[str, dict[str, Any]]) -> str:
    """The figures as a Markdown table, a column an arm; a dash where nothing was measured."""
    rows = [
        ("films", lambda arm: str(arm["films"])),
        ("identity, mean", lambda arm: _number(arm["identity"]["mean"])),
        ("identity, lowest of anybody in a shot", lambda arm: _number(arm["identity"]["least"])),
        ("people found where they should be", lambda arm: _of(arm["identity"], "found", "looked for")),
        ("wrong person, alone in the shot", lambda arm: _of(arm["wrong person"]["alone"], "wrong", "of")),
        ("wrong person, two in the shot", lambda arm: _of(arm["wrong person"]["together"], "wrong", "of")),
        ("lines in the other's voice", lambda arm: _of(arm["voices"], "swapped", "told")),
        ("lines whose voice could be told", lambda arm: _of(arm["voices"], "told", "lines")),
        ("cuts within one latent", lambda arm: _of(arm["cuts"], "within a latent", "planned")),
        ("cuts too many", lambda arm: str(arm["cuts"]["too many"])),
        ("error of the cuts found, mean frames", lambda arm: _number(arm["cuts"]["mean error"])),
        ("seconds a film, median", lambda arm: _number(arm["seconds"])),
    ]
    lines = ["| | " + " | ".join(figures) + " |", "|---" * (len(figures) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(cell(arm) for arm in figures.values()) + " |" for name, cell in rows]
    return "\n".join(lines)


def page(result: dict[str, Any]) -> str:
    """All that is to be sent back, as Markdown: what was measured, on what, and the table."""
    about, machine = result["about"], result["machine"]
    devices = ", ".join(f"{each['name']}, {each['gigabytes']} GB" for each in machine["devices"])
    settings = ", ".join(f"{name} {value}" for name, value in about["settings"].items())
    notes = [f"- note: {note}" for note in result["notes"]]
    return "\n".join([
        f"### Kling Core {about['version']} on {about['family']}, {about['workflow']}",
        "",
        f"- machine: {devices}; ComfyUI {machine['comfyui']}, torch {machine['pytorch']}, {machine['system']}",
        f"- weights: {', '.join(about['models']) or 'those in the pack'}",
        f"- settings: {settings or 'as the pack has them'}",
        f"- films: {result['film']}; seeds {', '.join(map(str, result['seeds']))}; cast {', '.join(about['cast'])}",
        f"- measured by: identity {about['instruments']['identity']}; voices {about['instruments']['voices']}",
        *notes,
        "",
        table(result["figures"]),
    ])


def notes(records: list[Record], family_speaks: bool) -> list[str]:
    """What whoever reads the table must know of it."""
    found = []
    if not family_speaks:
        found.append("the voices are those that AudioSync adds, not the model's")
    if any(record["film"]["height"] < LEAST_HEIGHT for record in records):
        found.append(f"films are less than {LEAST_HEIGHT} pixels high: embeddings tell little of faces as small")
    if any(record["voices"] is None for record in records):
        found.append("films without sound: their voices were not measured")
    return found


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _of(figures: dict[str, Any], part: str, whole: str) -> str:
    return f"{figures[part]} of {figures[whole]}" if figures[whole] else "–"
