"""The routing benchmark's own parts: the scene that it measures, its policies, and that a tiny run makes sense."""

import importlib.util
import json
import sys
import time
from pathlib import Path

import pytest
import torch

from kling_core.attention.routing import route

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
import routing as benchmark  # noqa: E402


@pytest.fixture(scope="module")
def whole_scene():
    plan = benchmark.scene_plan(benchmark.ROWS, benchmark.COLUMNS)
    return plan, benchmark.scene_layout(plan, benchmark.ROWS, benchmark.COLUMNS)


def test_the_scene_is_one_of_h3s_longest(whole_scene):
    plan, layout = whole_scene
    assert (plan.frames, len(plan.shots), plan.cast) == (362, 6, benchmark.PEOPLE)
    assert layout.count(["video"]) == 107 * 24 * 42 == 107_856
    assert layout.count(["audio"]) == 603 * 2
    assert {segment.owner for segment in layout.select("video")} == {None, *benchmark.PEOPLE}
    assert {segment.owner for segment in layout.select("audio")} == {None, *benchmark.PEOPLE}


def test_a_smaller_scene_keeps_the_proportions(whole_scene):
    plan = benchmark.scene_plan(12, 21)
    layout, whole = benchmark.scene_layout(plan, 12, 21), whole_scene[1]
    for kind in ("text", "reference", "audio", "video"):
        assert layout.count([kind]) == pytest.approx(whole.count([kind]) / 4, rel=0.02)


def test_tables_of_a_whole_scene_take_no_time_worth_speaking_of(whole_scene):
    """Some 8000 segments in 38 groups: a tenth of a second, and ten times that where every group walks them all."""
    started = time.process_time()
    for policy in benchmark.POLICIES.values():
        route(whole_scene[1], policy)
    assert time.process_time() - started < 2


def test_the_policies_are_those_of_the_backbone_node():
    spec = importlib.util.spec_from_file_location("policies", ROOT / "nodes" / "backbones" / "policies.py")
    policies = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(policies)
    offered = {
        "open": ("off", "full"), "assist": ("assist", "full"), "bound": ("bound", "full"),
        "transition": ("assist", "transition"), "sparse": ("assist", "sparse"),
    }  # fmt: skip
    assert benchmark.POLICIES == {name: policies.policy(*choice) for name, choice in offered.items()}


def test_a_tiny_run_tells_times_limits_and_memory(tmp_path, monkeypatch, capsys):
    out = tmp_path / "routing.json"
    options = "--rows 4 --columns 7 --heads 1 --head-dim 16 --repeat 1 --device cpu --out".split()
    monkeypatch.setattr(sys, "argv", ["routing.py", *options, str(out)])
    benchmark.main()
    told = json.loads(out.read_text())
    assert json.loads(capsys.readouterr().out) == told
    ways = told["ways"]
    assert list(ways) == ["stock", *benchmark.POLICIES] and all(way["seconds"] > 0 for way in ways.values())
    assert ways["open"]["groups"] == ways["open"]["limit"] == 1
    assert ways["sparse"]["limit"] < 0.3 < ways["bound"]["limit"] < ways["transition"]["limit"] < 1
    for way in ways.values():
        # Queries, keys and values gathered at most once each; nothing near tokens x tokens.
        assert way["peak MB beyond output"] < told["tokens x tokens MB"] / 20
        assert way["largest tensor MB"] < told["tokens x tokens MB"] / 20


def test_memory_is_counted_while_it_lives():
    given = torch.zeros(1000)
    with benchmark.LiveMemory([given]) as memory:
        view = given[:500]
        for _ in range(3):
            made = view + 1
            made = made + 1
        del made
    assert (memory.peak, memory.largest, memory.live) == (2 * 2000, 2000, 0)
