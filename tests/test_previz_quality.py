"""The quality benchmark's own parts: scenes that can be planned, records that survive a kill, honest sums."""

import json
import sys
from pathlib import Path

import pytest

from kling_core.plan.resolve import plan as resolve
from kling_core.previz.stage.casting import is_held_out
from kling_core.previz.stage.look import Look
from kling_core.previz.world import GRID, LIMITS

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.previz_quality.ablation import ablation_table, summarise_ablation
from benchmarks.previz_quality.crew import Job, film_scenes, missing
from benchmarks.previz_quality.records import Records
from benchmarks.previz_quality.scenes import DRIFT_EVERY, benchmark_scene
from benchmarks.previz_quality.summary import summarise, table, write_table


def person(right, count, people=1, swapped=False):
    return {
        "shot": 0, "subject": "ana", "size": "medium", "people": people, "right": right, "count": count, "chance": 3.0,
        "swapped": swapped, "attributes": {"hat": ("none", "none" if right == count else "brim")},
    }  # fmt: skip


def record(what, *people, scene=0, seed=0, lips=(), cuts=()):
    return {
        "scene": scene, "what": what, "seed": seed, "identity": list(people), "cuts": list(cuts), "too many cuts": [7],
        "lips": list(lips), "camera": [{"move": "pan", "correlation": 0.8}, {"move": "static", "correlation": None}],
        "halves": [{"what": "orbit", "subject": "ana", "before": 8, "after": 6, "count": 8}],
    }  # fmt: skip


def mouth(speaks, correlation=None, lag=None, still=None):
    return {"speaks": speaks, "correlation": correlation, "best_lag": lag, "still": still}


@pytest.mark.parametrize("number", [*range(6), DRIFT_EVERY - 1])
def test_every_kind_of_scene_can_be_planned_with_people_that_training_never_draws(number):
    scene = benchmark_scene(number)
    plan = resolve(scene.storyboard, scene.cast, GRID, LIMITS, seed=number)
    assert 2 <= len(plan.shots) <= 4
    assert plan.seconds == 15 if scene.kind == "drift" else 4 <= plan.seconds <= 8
    elements = [binding.element for binding in scene.cast.bindings]
    assert len(elements) >= 2 and all(is_held_out(Look.from_json(element.look)) for element in elements)
    assert all(not 80 <= element.voice.pitch <= 320 for element in elements)


def test_a_scene_is_the_same_every_time():
    first, second = benchmark_scene(4), benchmark_scene(4)
    assert first.storyboard == second.storyboard
    assert [one.element.look for one in first.cast.bindings] == [one.element.look for one in second.cast.bindings]


def test_records_go_on_where_a_killed_run_stopped(tmp_path):
    records = Records(tmp_path, {"steps": 8})
    records.add(3, record("film", scene=3, seed=1))
    with (tmp_path / "scene-0003.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"what": "truth", "se')
    again = Records(tmp_path, {"steps": 8})
    assert again.has(3, "film", 1) and not again.has(3, "film", 0) and not again.has(3, "truth", None)
    again.add(3, record("truth", scene=3, seed=None))
    assert again.has(3, "truth", None)
    assert len(again.read(4)) == 2


def test_only_what_is_missing_is_filmed_and_true_renders_serve_all_weights(tmp_path):
    truths = Records(tmp_path / "truth", {"reader": "a"})
    first, second = (Records(tmp_path / weights, {"weights": weights, "reader": "a"}) for weights in ("old", "new"))
    truths.add(0, record("truth", seed=None))
    first.add(0, record("film"))
    for films, left in ((first, []), (second, ["film"])):
        jobs = [Job("truth", None, truths), Job("film", 0, films)]
        assert [job.what for job in missing(0, jobs)] == left
    film_scenes(1, [Job("truth", None, truths), Job("film", 0, first)], "no such device", 1, until=0)


def test_results_of_other_settings_are_never_mixed(tmp_path):
    Records(tmp_path, {"steps": 8})
    with pytest.raises(SystemExit, match="out-dir"):
        Records(tmp_path, {"steps": 4})


def test_sums_count_attributes_people_and_mouths():
    lips = [mouth(True, 0.5, -1), mouth(True, 0.1, 3), mouth(False, still=0.3)]
    cuts = [{"planned": 8, "found": 9}, {"planned": 20, "found": None}]
    films = [
        record("film", person(6, 8), person(2, 8, people=2, swapped=True), lips=lips, cuts=cuts),
        record("film", person(8, 8), seed=1),
    ]
    truth = record("truth", person(8, 8), person(8, 8, people=2), seed=None, lips=[mouth(True, 0.6, 0)])
    figures = summarise([*films, truth])
    film = figures["film"]
    assert (figures["scenes"], figures["seeds"]) == (1, 2)
    assert film["identity"]["all"] == round(16 / 24, 4) and film["identity"]["by seed"] == {"0": 0.5, "1": 1.0}
    assert film["wrong person"] == {"1": {"swapped": 0, "of": 2}, "2": {"swapped": 1, "of": 1}}
    assert film["cuts"] == {"planned": 2, "within a latent": 1, "exact": 0, "too many": 2}
    assert film["lips"]["correlation"] == 0.3 and film["lips"]["lag of a frame at most"] == 0.5
    assert film["lips"]["silent against speaking"] == 0.3
    assert film["halves"]["orbit"] == {"before": 1.0, "after": 0.75, "of": 2}
    assert film["camera"] == {"pan": {"correlation": 0.8, "of": 2}}
    assert figures["of the ceiling"]["mouths"] == 0.5


def test_the_table_goes_between_the_markers(tmp_path):
    text = table(json.loads(json.dumps(summarise([record("film", person(7, 8)), record("truth", person(8, 8))]))))
    assert "| identity, attributes read right |  | .88 | 1 |" in text
    assert "| wrong person in a lone shot | 0 | 0 of 1 | 0 of 1 |" in text
    readme = tmp_path / "README.md"
    begin, end = "<!-- quality -->", "<!-- /quality -->"
    readme.write_text(f"before\n{begin}\nold\n{end}\nafter\n", encoding="utf-8")
    write_table(readme, "quality", text)
    assert readme.read_text(encoding="utf-8") == f"before\n{begin}\n{text}\n{end}\nafter\n"
    with pytest.raises(ValueError, match="no <!-- ablation -->"):
        write_table(readme, "ablation", text)


def test_an_ablation_compares_the_scenes_that_every_variant_has_filmed():
    films = [
        {**record(what, person(right, 8), scene=scene), "seconds": 2.0}
        for what, scene, right in (("all rules", 0, 8), ("all rules", 1, 0), ("no rules", 0, 4))
    ]
    figures = summarise_ablation(films)
    assert figures["scenes"] == 1 and figures["all rules"]["identity"] == 1.0 and figures["no rules"]["identity"] == 0.5
    assert "| no rules | 0.5 | 0 | 0 | 1 | 2.0 |" in ablation_table(figures)
