"""From the measured films of all scenes to figures, and from those to the README's table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import mean, median
from typing import Any

Record = dict[str, Any]
_CUT_TOLERANCE = 4  # frames: a latent


def summarise(records: list[Record]) -> dict[str, Any]:
    """Figures of the films, of their true renders (ceiling) and of the films without references (floor), of which only
    the people count."""
    by = {what: [record for record in records if record["what"] == what] for what in ("film", "truth", "floor")}
    figures: dict[str, Any] = {what: _figures(found) for what, found in by.items() if found}
    if by["film"] and by["truth"]:
        figures["of the ceiling"] = _of_the_ceiling(by["film"], by["truth"])
    scenes = {record["scene"] for record in by["film"]}
    return {"scenes": len(scenes), "seeds": len({record["seed"] for record in by["film"]}), **figures}


def _figures(records: list[Record]) -> dict[str, Any]:
    people = [row for record in records for row in record["identity"]]
    return {
        "identity": _rounded({
            "all": _share(people),
            "by size": _grouped(people, lambda row: row["size"], _share),
            "by attribute": _by_attribute(people),
            "by seed": _grouped(_with_seed(records), lambda row: str(row["seed"]), _share),
            "chance": sum(row["chance"] for row in people) / max(sum(row["count"] for row in people), 1),
        }),
        "wrong person": _grouped(people, lambda row: str(row["people"]), _swapped),
        "halves": _grouped(
            [row for record in records for row in record["halves"]], lambda row: row["what"], _before_and_after
        ),
        "cuts": _cuts(records),
        "lips": _lips([row for record in records for row in record.get("lips", ())]),
        "camera": _camera([row for record in records for row in record.get("camera", ())]),
    }


def _of_the_ceiling(films: list[Record], truths: list[Record]) -> dict[str, Any]:
    """Identity and mouths as a share of what the true render of the same scenes reaches."""
    scenes = {record["scene"] for record in films}
    film, truth = _figures(films), _figures([record for record in truths if record["scene"] in scenes])
    sizes = film["identity"]["by size"].keys() & truth["identity"]["by size"].keys()
    return _rounded({
        "identity": _ratio(film["identity"]["all"], truth["identity"]["all"]),
        "identity by size": {
            size: _ratio(film["identity"]["by size"][size], truth["identity"]["by size"][size])
            for size in sorted(sizes)
        },
        "mouths": _ratio(film["lips"]["correlation"], truth["lips"]["correlation"]),
    })


def _share(people: list[Record]) -> float | None:
    count = sum(row["count"] for row in people)
    return sum(row["right"] for row in people) / count if count else None


def _by_attribute(people: list[Record]) -> dict[str, float]:
    pairs = [(name, wanted == read) for row in people for name, (wanted, read) in row["attributes"].items()]
    return _grouped(pairs, lambda pair: pair[0], lambda group: mean(right for _, right in group))


def _with_seed(records: list[Record]) -> list[Record]:
    return [{**row, "seed": record["seed"]} for record in records for row in record["identity"]]


def _swapped(people: list[Record]) -> dict[str, int]:
    """How many look more like somebody else of the cast, of how many, by the number of people in the shot."""
    return {"swapped": sum(row["swapped"] for row in people), "of": len(people)}


def _before_and_after(rows: list[Record]) -> dict[str, Any]:
    count = sum(row["count"] for row in rows)
    before, after = (sum(row[half] for row in rows) / max(count, 1) for half in ("before", "after"))
    return _rounded({"before": before, "after": after, "of": len(rows)})


def _cuts(records: list[Record]) -> dict[str, Any]:
    planned = [cut for record in records for cut in record.get("cuts", ())]
    errors = [abs(cut["found"] - cut["planned"]) for cut in planned if cut["found"] is not None]
    return {
        "planned": len(planned),
        "within a latent": sum(error <= _CUT_TOLERANCE for error in errors),
        "exact": errors.count(0),
        "too many": sum(len(record.get("too many cuts", ())) for record in records),
    }


def _lips(tracks: list[Record]) -> dict[str, Any]:
    speaking = [row for row in tracks if row["speaks"] and row["correlation"] is not None]
    still = [row["still"] for row in tracks if not row["speaks"] and row["still"] is not None]
    lags = [abs(row["best_lag"]) for row in speaking]
    return _rounded({
        "correlation": mean(row["correlation"] for row in speaking) if speaking else None,
        "median lag (frames)": median(lags) if lags else None,
        "lag of a frame at most": sum(lag <= 1 for lag in lags) / len(lags) if lags else None,
        "silent against speaking": mean(still) if still else None,
        "speaking": len(speaking),
        "silent": len(still),
    })


def _camera(tracks: list[Record]) -> dict[str, Any]:
    told = [row for row in tracks if row["correlation"] is not None]
    return _grouped(
        told, lambda row: row["move"],
        lambda rows: _rounded({"correlation": mean(row["correlation"] for row in rows), "of": len(rows)}),
    )  # fmt: skip


def _grouped(rows: Iterable[Any], key: Callable[[Any], str], figure: Callable[[list], Any]) -> dict[str, Any]:
    groups: dict[str, list] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return {name: figure(groups[name]) for name in sorted(groups)}


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, 4) if isinstance(value, float) else _rounded(value) if isinstance(value, dict) else value
        for name, value in figures.items()
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as a Markdown table; a dash where nothing was measured."""
    film, truth, floor = (figures.get(what, {}) for what in ("film", "truth", "floor"))
    share = figures.get("of the ceiling", {})
    rows = [
        ("identity, of what the true render reaches", "≥ .95", share.get("identity"), truth and 1.0),
        ("identity, attributes read right", "", _at(film, "identity", "all"), _at(truth, "identity", "all")),
        ("the same without references (chance with the same readings)", "chance ± .03",
         _pair(_at(floor, "identity", "all"), _at(floor, "identity", "chance")), None),
        ("wrong person in a lone shot", "0", _swaps(film, ("1",)), _swaps(truth, ("1",))),
        ("two or three in a shot, nearer to another", "≤ 1 %", _swaps(film, ("2", "3")), _swaps(truth, ("2", "3"))),
        *((f"identity {name}: before, after", "− .03 at most", _halves(film, what), _halves(truth, what))
          for what, name in (("occlusion", "around an occlusion"), ("orbit", "in an orbit ≥ 180°"),
                             ("drift", "in seconds 1 and 15"))),
        ("cuts within one latent, exact, too many", "all", _cut_counts(film), _cut_counts(truth)),
        ("mouth opening against the speech, correlation", "≥ .7 × ceiling",
         _at(film, "lips", "correlation"), _at(truth, "lips", "correlation")),
        ("lag of the mouths, median frames", "≤ 1",
         _at(film, "lips", "median lag (frames)"), _at(truth, "lips", "median lag (frames)")),
        ("mouths of the silent, of the speakers'", "≤ .20",
         _at(film, "lips", "silent against speaking"), _at(truth, "lips", "silent against speaking")),
        *((f"camera path, {move}", "≥ .9", found["correlation"], _at(truth, "camera", move, "correlation"))
          for move, found in film.get("camera", {}).items()),
    ]  # fmt: skip
    lines = ["| figure | shall | film | true render |", "|---|---|---|---|"]
    lines += ["| " + " | ".join((name, shall, _text(got), _text(most))) + " |" for name, shall, got, most in rows]
    return "\n".join(lines)


def _at(figures: dict[str, Any], *path: str) -> Any:
    for name in path:
        figures = (figures or {}).get(name)
    return figures


def _pair(value: float | None, chance: float | None) -> str | None:
    return None if value is None else f"{_text(value)} ({_text(chance)})"


def _swaps(figures: dict[str, Any], people: tuple[str, ...]) -> str | None:
    groups = [group for name in people if (group := _at(figures, "wrong person", name))]
    return f"{sum(group['swapped'] for group in groups)} of {sum(group['of'] for group in groups)}" if groups else None


def _halves(figures: dict[str, Any], what: str) -> str | None:
    found = _at(figures, "halves", what)
    return f"{_text(found['before'])}, {_text(found['after'])} ({found['of']})" if found else None


def _cut_counts(figures: dict[str, Any]) -> str | None:
    found = _at(figures, "cuts")
    return f"{found['within a latent']}, {found['exact']}, {found['too many']} of {found['planned']}" if found else None


def _text(value: Any) -> str:
    if value is None or value == {}:
        return "–"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.2f}".rstrip("0").rstrip(".")


def write_table(readme: Path, name: str, text: str) -> None:
    """Puts a table between the markers `<!-- name -->` and `<!-- /name -->` of a file.

    Raises ValueError if they are not there.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = readme.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{readme.name} has no {begin} … {end} to write between")
    readme.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
