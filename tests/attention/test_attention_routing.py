"""What each rule hides, when it holds, and that tables are shared."""

import gc
import weakref

import pytest
import torch
from attention_scenes import packed, six_shots

from kling_core.attention.routing import Policy, Rule, ShotRule, route
from kling_core.errors import KlingError

OFF = Rule(0.0)
ONLY = {
    name: {**dict.fromkeys(("text", "references", "regions", "voices"), OFF), name: Rule()}
    for name in ("text", "references", "regions", "voices")
}


def sees(layout, policy, looking, seen):
    """Whether the segment with the fields `looking` sees that with the fields `seen`; None: partly."""
    table = route(layout, policy)
    query = next(s for s in layout.segments if all(getattr(s, name) == value for name, value in looking.items()))
    keys = next(s for s in layout.segments if all(getattr(s, name) == value for name, value in seen.items()))
    group = next(g for g in table.groups if any(start <= query.start < stop for start, stop in g.queries))
    covered = sum(max(0, min(span.stop, keys.stop) - max(span.start, keys.start)) for span in group.keys)
    return {0: False, len(keys): True}.get(covered)


def video(shot, owner=None, **fields):
    return dict(kind="video", shot=shot, owner=owner, **fields)


def text(shot=None, owner=None):
    return dict(kind="text", shot=shot, owner=owner)


def audio(shot, owner=None):
    return dict(kind="audio", shot=shot, owner=owner)


def reference(owner):
    return dict(kind="reference", owner=owner)


@pytest.mark.parametrize(
    ("rule", "looking", "seen", "expected"),
    [
        ("text", video(1), text(1), True),
        ("text", video(1), text(), True),
        ("text", video(1), text(2), False),
        ("text", audio(1), text(2), False),
        ("text", text(1), text(), True),
        ("text", text(1), text(2), False),
        ("text", text(), text(2), False),
        ("text", text(1), video(1), False),
        ("references", video(0), reference("mira"), True),
        ("references", video(0), reference("jun"), False),
        ("references", audio(2), reference("mira"), False),
        ("references", reference("jun"), reference("jun"), True),
        ("references", reference("jun"), reference("mira"), False),
        ("references", reference("jun"), video(2), False),
        ("references", reference("jun"), text(), False),
        ("references", text(0), reference("mira"), False),
        ("regions", video(1, "mira"), reference("mira"), True),
        ("regions", video(1, "mira"), reference("jun"), False),
        ("regions", video(1, "mira"), video(1, "jun"), False),
        ("regions", video(1, "mira"), video(3, "jun"), False),
        ("regions", video(1, "mira"), video(1), True),
        ("regions", video(1), video(1, "jun"), True),
        ("regions", video(1), reference("mira"), False),
        ("regions", video(1, "mira"), text(1, "mira"), True),
        ("regions", video(1, "mira"), text(1, "jun"), False),
        ("regions", audio(1, "mira"), text(1, "jun"), False),
        ("regions", video(1), text(1, "jun"), True),
        ("regions", audio(1), text(1, "jun"), True),
        ("regions", text(1, "mira"), text(1, "jun"), True),
        ("voices", audio(1, "mira"), reference("mira"), True),
        ("voices", audio(1, "mira"), reference("jun"), False),
        ("voices", audio(1), reference("jun"), True),
        ("voices", video(1, "mira"), audio(1, "mira"), True),
        ("voices", video(1, "jun"), audio(1, "mira"), False),
        ("voices", video(3, "jun"), audio(1, "mira"), False),
        ("voices", video(1), audio(1, "mira"), True),
        ("voices", video(1, "jun"), audio(1), True),
    ],
)
def test_a_rule_alone_hides_what_it_names(rule, looking, seen, expected):
    policy = Policy(**ONLY[rule], shots=ShotRule(0.0))
    assert sees(six_shots(), policy, looking, seen) is expected


@pytest.mark.parametrize(
    ("mode", "looking", "seen", "expected"),
    [
        ("full", video(0), video(1), True),
        ("full", video(0), audio(1), True),
        ("transition", video(0, opening=True), video(1, first=True), False),
        ("transition", video(0, opening=False), video(1, opening=False), True),
        ("transition", video(0, opening=True), video(0, opening=False), True),
        ("transition", video(0), audio(1), False),
        ("transition", audio(0), video(1), False),
        ("transition", audio(0), audio(1), True),
        ("sparse", video(0), video(1, first=True), True),
        ("sparse", video(0), video(1, first=False, opening=True), False),
        ("sparse", video(0), video(0, opening=False), True),
        ("sparse", video(0), audio(0), True),
        ("sparse", video(0), audio(1), False),
        ("sparse", audio(0), video(1, first=True), False),
    ],
)
def test_shot_modes(mode, looking, seen, expected):
    policy = Policy(OFF, OFF, OFF, OFF, ShotRule(mode=mode))
    assert sees(six_shots(), policy, looking, seen) is expected


def test_a_shot_without_known_regions_still_sees_its_references():
    layout = packed([(2, reference("mira")), (2, video(0))], [{"mira"}])
    assert sees(layout, Policy(), video(0), reference("mira")) is True


def test_a_reference_of_nobody_is_seen_by_the_background():
    layout = packed([(2, reference(None)), (2, video(0)), (2, video(0, "mira"))], [{"mira"}])
    assert sees(layout, Policy(), video(0), reference(None)) is True


def test_a_thing_that_nobody_stages_is_seen_by_the_whole_shot_that_names_it():
    """It has no box, so nothing of the picture would be left to see it: people and background do."""
    fields = (text(0, "cup"), reference("cup"), reference("mira"), video(0), video(0, "mira"), video(1, "mira"))
    layout = packed([(2, each) for each in fields], [{"mira", "cup"}, {"mira"}], [{"cup"}, set()])
    for looking in (video(0), video(0, "mira")):
        assert sees(layout, Policy(), looking, reference("cup")) is True
        assert sees(layout, Policy(), looking, text(0, "cup")) is True
    assert sees(layout, Policy(), video(1, "mira"), reference("cup")) is False
    assert sees(layout, Policy(), video(0), reference("mira")) is False


def test_somebody_staged_whose_box_lies_outside_of_the_picture_is_shown_to_nobody():
    """The embedded model was trained so; its layouts name nobody that is not staged."""
    layout = packed([(2, reference("jun")), (2, video(0)), (2, video(0, "mira"))], [{"mira", "jun"}])
    assert not sees(layout, Policy(), video(0), reference("jun"))
    assert not sees(layout, Policy(), video(0, "mira"), reference("jun"))


def of_film(shot):
    return dict(kind="reference", owner=None, shot=shot)


@pytest.mark.parametrize(
    ("looking", "seen", "expected"),
    [
        (video(0), of_film(0), True),
        (video(0, "mira"), of_film(0), True),
        (video(0), of_film(1), False),
        (audio(0), of_film(1), False),
        (audio(0, "mira"), of_film(0), True),
        (of_film(0), of_film(0), True),
        (of_film(0), of_film(1), False),
        (of_film(0), of_film(None), False),
        (of_film(0), video(0), False),
        (text(0), of_film(0), False),
        (video(0), of_film(None), True),
    ],
)
def test_a_reference_of_the_film_itself_is_seen_shot_by_shot(looking, seen, expected):
    pieces = [text(0), of_film(None), of_film(0), of_film(1), audio(0), audio(0, "mira"), video(0), video(0, "mira")]
    layout = packed([(2, fields) for fields in (*pieces, video(1))], [{"mira"}, set()])
    for policy in (Policy(), Policy(**ONLY["references"], shots=ShotRule(0.0))):
        assert sees(layout, policy, looking, seen) is expected


def test_a_rule_holds_in_its_layers_and_steps_only():
    layout = six_shots()
    policy = Policy(OFF, OFF, Rule(layers=(0.0, 0.5), steps=(0.25, 1.0)), OFF, ShotRule(0.0))
    held = {
        (layer, step)
        for layer in range(6)
        for step in range(8)
        if not route(layout, policy, layer=layer, layers=6, step=step, steps=8).is_open
    }
    assert held == {(layer, step) for layer in range(3) for step in range(2, 8)}


def test_layers_and_steps_of_one_policy_share_the_table():
    layout = six_shots()
    policy = Policy(text=Rule(layers=(0.0, 0.5)))
    tables = [route(layout, policy, layer=layer, layers=4) for layer in range(4)]
    assert tables[0] is tables[1] and tables[2] is tables[3] and tables[1] is not tables[2]
    assert route(layout, Policy(text=Rule(layers=(0.0, 0.6)))) is tables[0]


def test_other_layouts_get_their_own_table():
    assert route(six_shots(2), Policy()) is not route(six_shots(2), Policy())


def test_without_anything_to_hide_the_table_is_open():
    layout = packed([(3, text()), (4, video(0))], [set()])
    assert route(layout, Policy(text=OFF)).is_open
    assert route(six_shots(), Policy.open()).is_open
    assert not route(six_shots(), Policy()).is_open


def test_a_layout_is_freed_with_its_tables():
    layout = six_shots()
    route(layout, Policy())
    gone = weakref.ref(layout)
    del layout
    gc.collect()
    assert gone() is None


def test_soft_rules_keep_the_key_with_the_log_of_what_is_left():
    layout = packed([(1, text()), (2, video(0)), (2, video(1))], [set(), set()])
    policy = Policy(OFF, OFF, OFF, OFF, ShotRule(0.75, mode="sparse"))
    group = route(layout, policy).groups[1]
    assert [span.bias for span in group.keys] == pytest.approx([0.0, torch.tensor(0.25).log().item()])


def test_out_of_range_settings_are_told_all_at_once():
    with pytest.raises(KlingError) as caught:
        Rule(1.5, layers=(0.8, 0.2), steps=(0, 2))
    assert len(caught.value.problems) == 3
    with pytest.raises(KlingError, match="no mode 'dense'"):
        ShotRule(mode="dense")
