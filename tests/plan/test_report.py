"""The plan as text and as JSON."""

import json

from plan_scenes import GRID, LIMITS, board, cast, line, shot

from kling_core.plan.report import plan_json, plan_text
from kling_core.plan.resolve import plan

SCENE = plan(
    board(
        shot(2.5, size="wide", subjects=["mira"], camera=[{"kind": "orbit", "amount": 90}],
             actions=[{"subject": "mira", "verb": "walk", "toward": "left", "behind": "tree", "expression": "joy"}]),
        shot(3, subjects=["leo"], lines=[line("leo", "¿Qué es eso?", delivery="whispering")], angle="low"),
        title="Trees",
    ),
    cast("mira", "leo"), GRID, LIMITS,
)


def test_text_says_everything_a_director_wants_to_check():
    text = plan_text(SCENE)
    for expected in (
        "Trees: 5.33 s, 2 shots, 16:9", "Shot 1  0.00–2.67 s (2.67 s)  frames 0–31",
        "wide | park, day | camera: orbit right 90°",
        "@mira walk toward left behind a tree (joy)", "medium, low", "camera: static",
        "@leo (es, whispering): “¿Qué es eso?”", "cut after shot 1: 2.50 s moved to 2.67 s (+0.17 s)",
        "@mira front, back; @leo front, back", "Tokens: ",
    ):
        assert expected in text, text


def test_json_is_plain_and_complete():
    data = json.loads(json.dumps(plan_json(SCENE)))
    assert [(one["start_frame"], one["stop_frame"]) for one in data["shots"]] == [(0, 32), (32, 64)]
    assert data["lines"][0]["speaker"] == "leo" and data["lines"][0]["start"] > data["shots"][1]["start"]
    assert data["moved"][0]["where"] == "cut after shot 1" and sum(data["tokens"].values()) > 0
