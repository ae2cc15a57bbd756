"""What every rule, the guidance and the number of steps are worth, and cost, with the same weights."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean
from typing import Any

from benchmarks.previz_quality.crew import Job
from benchmarks.previz_quality.records import Records
from kling_core.attention.routing import RULES, Policy, Rule, ShotRule
from kling_core.backbone import Settings
from kling_core.previz.backbone import POLICY

_GUIDANCE, _STEPS = (1.0, 1.6, 2.5), (1, 2, 4, 6, 8)
USUAL = "all rules"


def variants(settings: Settings) -> dict[str, tuple[Policy, Settings]]:
    """How to film, by name of the variant; `settings` as they are with all rules first, and nothing twice."""
    found = {USUAL: (POLICY, settings)}
    found |= {f"without {rule}": (_without(rule), settings) for rule in RULES}
    found["no rules"] = (Policy.open(), settings)
    found |= {f"guidance {each}": (POLICY, replace(settings, reference_guidance=each)) for each in _GUIDANCE}
    found |= {f"steps {each}": (POLICY, replace(settings, steps=each)) for each in _STEPS}
    return {name: variant for name, variant in found.items() if name == USUAL or variant != found[USUAL]}


def ablation_jobs(settings: Settings, records: Records) -> list[Job]:
    """A film of every scene for each variant, seed 0, measured by its people only."""
    return [
        Job(name, 0, records, varied, policy, people_only=True)
        for name, (policy, varied) in variants(settings).items()
    ]


def _without(rule: str) -> Policy:
    return replace(POLICY, **{rule: ShotRule(0.0) if rule == "shots" else Rule(0.0)})


def summarise_ablation(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Identity, wrong people and seconds a scene of every variant, over the scenes that all variants have filmed."""
    names = list(dict.fromkeys(record["what"] for record in records))
    filmed = [{record["scene"] for record in records if record["what"] == name} for name in names]
    scenes = set.intersection(*filmed) if filmed else set()
    figures: dict[str, Any] = {"scenes": len(scenes)}
    for name in names if scenes else ():
        films = [record for record in records if record["what"] == name and record["scene"] in scenes]
        people = [row for film in films for row in film["identity"]]
        together = [row for row in people if row["people"] > 1]
        figures[name] = {
            "identity": round(sum(row["right"] for row in people) / sum(row["count"] for row in people), 4),
            "wrong in lone shots": sum(row["swapped"] for row in people if row["people"] == 1),
            "wrong in shared shots": sum(row["swapped"] for row in together),
            "people": len(people),
            "seconds of sampling a scene": round(mean(film["seconds"] for film in films), 2),
        }
    return figures


def ablation_table(figures: dict[str, Any]) -> str:
    """The figures as a Markdown table, a row for every variant."""
    columns = ("identity", "wrong in lone shots", "wrong in shared shots", "people", "seconds of sampling a scene")
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, found in figures.items():
        if name != "scenes":
            lines.append(f"| {name} | " + " | ".join(str(found[column]) for column in columns) + " |")
    return "\n".join(lines)
