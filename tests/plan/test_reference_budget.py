"""What of a cast a model is given: fair, by need, within every limit, and nothing dropped in silence."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_scenes import cast, clip, element, picture, planned, shot, voice

from kling_core.plan.reference_budget import choose, fair_shares
from kling_core.plan.reference_limits import H3, LTX, LTX_SUBJECTS, LTX_VOICE, WAN, WAN_PHANTOM
from kling_core.plan.reference_needs import needs

SEVEN = tuple("abcdefg")


def files(references):
    return [item for item in references.items if item.soundtrack_of is None]


def kinds(references, kind):
    return [item for item in references.items if item.kind == kind]


def seconds(references, kind):
    return [item.seconds[1] - item.seconds[0] for item in kinds(references, kind)]


def check(references, limits):
    """Every limit of the family, and the order and counting that prompts rely on."""
    images, videos, sounds = (kinds(references, kind) for kind in ("image", "video", "audio"))
    assert len(images) <= limits.images and len(videos) <= limits.videos and len(sounds) <= limits.sounds
    assert len(files(references)) <= limits.files
    for kind, total, each in (("video", limits.video_seconds, limits.each_video),
                              ("audio", limits.sound_seconds, limits.each_sound)):
        assert sum(seconds(references, kind)) <= total + 1e-6
        assert all(each[0] - 1e-6 <= length <= each[1] + 1e-6 for length in seconds(references, kind))
    for items in (images, videos, sounds):
        assert [item.ordinal for item in items] == list(range(1, len(items) + 1))
    kinds_in_order = [item.kind for item in files(references)]
    assert kinds_in_order == sorted(kinds_in_order, key=("image", "video", "audio").index)
    for at, item in enumerate(references.items):
        if item.soundtrack_of is not None:
            following = references.items[at + 1]
            assert (following.kind, following.ordinal) == ("video", item.soundtrack_of)
            assert (following.element, following.seconds) == (item.element, item.seconds)
        assert item.tokens > 0
    if not limits.sound_alone:
        assert not sounds or images or videos


def left(references, *words):
    """The one sentence on what was left out that has all these words."""
    found = [sentence for sentence in references.left_out if all(word in sentence for word in words)]
    assert len(found) == 1, (words, references.left_out)
    return found[0]


def test_three_speakers_share_fifteen_seconds_of_sound_and_whose_lines_there_are_not_brings_no_voice():
    people = cast(*(element(name, ("front",), voice=voice(seconds=12.0, pitch=120 + 40 * at))
                    for at, name in enumerate(("mira", "leo", "zoe", "ada"))))
    scene = planned(people, shot("mira", "leo", lines=("mira", "leo")), shot("zoe", "ada", lines=("zoe",)))
    chosen = choose(scene, people, H3)
    check(chosen, H3)
    assert [item.element for item in kinds(chosen, "audio")] == ["mira", "leo", "zoe"]
    assert sum(seconds(chosen, "audio")) == pytest.approx(15) and seconds(chosen, "audio")[0] == pytest.approx(5)
    assert "no line" in left(chosen, "@ada", "voice")


def test_of_four_speakers_those_who_speak_most_are_heard():
    people = cast(*(element(name, ("front",), voice=voice()) for name in "abcd"))
    scene = planned(people, shot("a", lines=("a",), seconds=3), shot("b", "c", lines=("b", "c", "b", "c"), seconds=7),
                    shot("d", lines=("d", "d"), seconds=4))
    chosen = choose(scene, people, H3)
    check(chosen, H3)
    assert [item.element for item in kinds(chosen, "audio")] == ["b", "c", "d"]
    assert "3 sounds" in left(chosen, "@a, voice")


def test_a_lone_speaker_brings_all_that_is_clean_up_to_fifteen_seconds():
    people = cast(element("mira", ("front",), voice=voice(seconds=30.0)))
    chosen = choose(planned(people, shot("mira", lines=("mira",))), people, H3)
    assert 10 < seconds(chosen, "audio")[0] <= 15
    assert kinds(chosen, "audio")[0].tokens == np.ceil(seconds(chosen, "audio")[0] * 40) * 2


def test_seven_elements_with_four_views_get_one_picture_each_and_two_more_where_shots_need_them():
    people = cast(*map(element, SEVEN))
    scene = planned(people, shot(*"abc"), shot("d", "e", verb="walk"), shot("f", "g", size="close"))
    chosen = choose(scene, people, H3)
    check(chosen, H3)
    pictures = kinds(chosen, "image")
    assert len(pictures) == 9 and {item.element for item in pictures} == set(SEVEN)
    shown = {name: {view for item in chosen.of(name) for view in item.views} for name in SEVEN}
    assert all("front" in views for views in shown.values())
    assert "side" in shown["d"] and "side" in shown["e"] and "detail" in shown["f"] and "detail" in shown["g"]
    assert "no shot needs" in left(chosen, "@a, ", "side")


def test_views_beside_each_other_save_files_and_tokens():
    people = cast(element("mira", height=1024, width=1024))
    scene = planned(people, shot("mira", verb="turn"), shot("mira", verb="walk"))
    roomy, tight = choose(scene, people, H3), choose(scene, people, replace(H3, images=1))
    assert [item.views for item in roomy.items] == [("front",), ("side",), ("back",)]
    assert [item.views for item in tight.items] == [("front", "side", "back")]
    assert tight.tokens < 0.4 * roomy.tokens
    width, height = tight.items[0].size
    assert width > 2.5 * height and width * height <= 1.05 * 1344 * 768


def test_views_are_not_squeezed_until_nothing_can_be_seen():
    people = cast(element("mira", height=400, width=1000))
    scene = planned(people, shot("mira", verb="turn"), shot("mira", verb="walk"))
    chosen = choose(scene, people, replace(H3, images=1, size_rule="short edge", short_edge=192))
    assert chosen.items[0].views == ("front",)
    told = left(chosen, "@mira, side, back")
    assert "too small" in told and "larger picture" in told


def test_a_back_is_shown_to_the_model_where_somebody_turns_away_and_a_face_where_the_shot_is_close():
    people = cast(element("mira"))
    def second(**how):
        return choose(planned(people, shot("mira", **how)), people, H3).items[1].views
    assert second(verb="turn") == ("back",)
    assert second(size="close") == ("detail",)
    assert second(verb="walk") == ("side",)


def test_two_copies_of_one_photograph_are_given_once():
    one = element("mira", ("front", "side"))
    people = cast(replace(one, views={**one.views, "back": one.views["front"][4:-4, 4:-4]}))
    chosen = choose(planned(people, shot("mira", verb="turn")), people, H3)
    assert [item.views for item in chosen.items] == [("front",), ("side",)]
    assert "what the other views show" in left(chosen, "@mira, back")


def test_a_video_element_with_sound_speaks_with_the_sound_of_its_clip():
    people = cast(element("mira", ("front",), clip=clip(seconds=8.0)), element("leo", ("front",), voice=voice()))
    chosen = choose(planned(people, shot("mira", "leo", lines=("mira", "leo"), seconds=7)), people, H3)
    check(chosen, H3)
    assert [(item.kind, item.ordinal, item.element, item.soundtrack_of) for item in chosen.items[2:]] == [
        ("audio", 1, "mira", 1), ("video", 1, "mira", None), ("audio", 2, "leo", None),
    ]
    track, film = chosen.items[2:4]
    frames = round(24 * (film.seconds[1] - film.seconds[0]))
    assert frames % 17 == 5 and film.size == (320, 192)
    assert film.tokens == ((frames - 5) // 17 * 5 + 2 + -(-frames // 24)) * 60
    assert track.tokens == 2 * np.ceil(40 * frames / 24)


def test_a_silent_character_leaves_the_sound_of_its_clip_out_and_a_thing_brings_it():
    people = cast(element("mira", ("front",), clip=clip()), element("bell", ("front",), "item", clip=clip(seed=5)))
    chosen = choose(planned(people, shot("mira", "bell")), people, H3)
    check(chosen, H3)
    assert [item.element for item in kinds(chosen, "audio")] == ["bell"]
    assert "no voice of theirs" in left(chosen, "@mira", "clip")


def test_who_has_both_speaks_with_the_recording():
    people = cast(element("mira", ("front",), clip=clip(), voice=voice()))
    chosen = choose(planned(people, shot("mira", lines=("mira",))), people, H3)
    assert [item.soundtrack_of for item in kinds(chosen, "audio")] == [None]
    assert "recording" in left(chosen, "@mira", "clip")


def test_of_a_clip_the_part_that_shows_most_is_taken():
    people = cast(element("mira", ("front",), clip=clip(seconds=8.0, sound=False)))
    film = kinds(choose(planned(people, shot("mira", seconds=4)), people, H3), "video")[0]
    assert film.seconds[0] >= 3.5 and film.seconds[1] <= 8


def test_four_clips_are_one_too_many():
    people = cast(*(element(name, ("front",), clip=clip(seed=at, sound=False)) for at, name in enumerate("abcd")))
    chosen = choose(planned(people, shot("a", seconds=6.0), shot("b", "c", "d")), people, H3)
    check(chosen, H3)
    assert [item.element for item in kinds(chosen, "video")] == ["a", "b", "c"]
    assert "3 clips" in left(chosen, "@d, clip")


def test_twelve_files_are_never_passed():
    people = cast(*(element(name, voice=voice(seconds=5.0), clip=clip(seed=at, sound=False))
                    for at, name in enumerate(SEVEN)))
    scene = planned(people, shot(*"abc", lines="abc", verb="turn"), shot(*"defg", verb="walk", lines="d"))
    chosen = choose(scene, people, H3)
    check(chosen, H3)
    assert len(files(chosen)) == 12
    assert [len(kinds(chosen, kind)) for kind in ("image", "video", "audio")] == [7, 2, 3]


@pytest.mark.parametrize("count, told", [(9, 0), (10, 1)])
def test_nine_elements_have_pictures_and_the_tenth_is_told_so(count, told):
    names = "abcdefghij"[:count]
    people = cast(*(element(name, ("front",)) for name in names))
    chosen = choose(planned(people, shot(*names[:5]), shot(*names[4:])), people, H3)
    check(chosen, H3)
    assert len(chosen.items) == 9
    assert sum("has no picture" in sentence for sentence in chosen.left_out) == told


@pytest.mark.parametrize("length, fits", [(2.0, True), (1.9, False)])
def test_a_voice_as_short_as_the_model_takes_it_fits(length, fits):
    people = cast(element("mira", ("front",), voice=voice(seconds=length)))
    chosen = choose(planned(people, shot("mira", lines=("mira",))), people, H3)
    assert bool(kinds(chosen, "audio")) == fits
    assert fits or "lasts 1.9 s" in left(chosen, "@mira, voice")


def test_without_anybody_bound_there_is_nothing_and_all_of_them_are_told():
    people = cast(element("mira"), element("leo"), mira=0.0, leo=0.0)
    chosen = choose(planned(people, shot("mira", "leo")), people, H3)
    assert chosen.items == () and chosen.tokens == 0 and len(chosen.left_out) == 2
    assert "strength is 0" in left(chosen, "@mira")


def test_who_is_in_no_shot_brings_nothing():
    people = cast(element("mira", ("front",)), element("leo", ("front",), voice=voice()))
    chosen = choose(planned(people, shot("mira")), people, H3)
    assert [item.element for item in chosen.items] == ["mira"]
    assert "no shot names it" in left(chosen, "@leo:", "Write")


def test_who_is_only_heard_brings_the_voice_alone():
    people = cast(element("mira", ("front",)), element("leo", voice=voice()))
    chosen = choose(planned(people, shot("mira", lines=("leo",))), people, H3)
    assert [(item.element, item.kind) for item in chosen.items] == [("mira", "image"), ("leo", "audio")]


def test_a_voice_with_no_picture_beside_it_is_left_out_where_the_model_wants_one():
    people = cast(element("mira", (), voice=voice()))
    scene = planned(people, shot("mira", lines=("mira",)))
    assert choose(scene, people, H3).items == () and "without a picture" in left(choose(scene, people, H3), "@mira")
    assert len(choose(scene, people, LTX_VOICE).items) == 1


def test_places_and_things_are_pictures_too_where_a_shot_names_them():
    people = cast(element("mira", ("front",)), element("cafe", ("back",), "scene"),
                  element("mug", ("front", "detail"), "item"))
    scene = planned(people, shot("mira", description="@mira sits in the @cafe."), shot("mug", size="insert"))
    assert [one.things for one in scene.shots] == [("cafe",), ("mug",)]
    assert needs(scene, people)["mug"].views["detail"] > 4
    chosen = choose(scene, people, H3)
    assert [(item.element, item.views) for item in chosen.items] == [
        ("mira", ("front",)), ("cafe", ("back",)), ("mug", ("front",)), ("mug", ("detail",)),
    ]


def test_pictures_cost_rows_and_vision_tokens_at_the_scenes_area_and_are_never_enlarged():
    people = cast(element("mira", ("front",), height=1024, width=1024), element("leo", ("front",), height=320,
                                                                                width=320))
    mira, leo = choose(planned(people, shot("mira", "leo")), people, H3).items
    assert mira.size == (1024, 1024) and mira.tokens == 2 * 32 * 32
    assert leo.size == (320, 320) and leo.tokens == 2 * 10 * 10
    short = replace(H3, size_rule="short edge", short_edge=512)
    assert choose(planned(people, shot("mira")), people, short).items[0].size == (512, 512)


def test_other_families_take_what_they_can():
    people = cast(*(element(name, voice=voice(seconds=12.0)) for name in "abcde"))
    scene = planned(people, shot(*"abc", lines="ab"), shot("d", "e"))
    for limits, pictures, sounds in ((LTX, 0, 0), (WAN, 0, 0), (LTX_VOICE, 0, 1), (LTX_SUBJECTS, 4, 0),
                                     (WAN_PHANTOM, 4, 0)):
        chosen = choose(scene, people, limits)
        check(chosen, limits)
        assert len(kinds(chosen, "image")) == pictures and len(kinds(chosen, "audio")) == sounds
        assert all(item.size == (1344, 768) for item in kinds(chosen, "image"))
    assert "LTX without a reference LoRA takes none" in left(choose(scene, people, LTX), "pictures")
    assert kinds(choose(scene, people, LTX_VOICE), "audio")[0].tokens <= 125


def test_shares_are_fair():
    assert fair_shares([30, 30, 30], 15) == [5, 5, 5]
    assert fair_shares([3, 30, 30], 15) == [3, 6, 6]
    assert fair_shares([30, 3], 100) == [30, 3]
    assert fair_shares([], 15) == []


ELEMENTS = st.lists(st.fixed_dictionaries({
    "views": st.sets(st.sampled_from(["side", "back", "detail"])),
    "voice": st.sampled_from([None, 1.5, 2.0, 5.0, 9.0]),
    "clip": st.sampled_from([None, None, (3.0, True), (5.0, True), (5.0, False)]),
    "kind": st.sampled_from(["character", "character", "item", "scene"]),
    "size": st.sampled_from([(64, 64), (600, 300), (1024, 1024)]),
    "strength": st.sampled_from([0.0, 1.0, 1.0]),
}), min_size=1, max_size=9)  # fmt: skip
SHOTS = st.lists(st.fixed_dictionaries({
    "subjects": st.lists(st.integers(0, 8), max_size=9), "speakers": st.lists(st.integers(0, 8), max_size=2),
    "verb": st.sampled_from(["stand", "turn", "walk"]), "size": st.sampled_from(["medium", "close"]),
}), min_size=1, max_size=3)  # fmt: skip


def built(elements, shots):
    """The cast and the plan that such draws mean."""
    made = []
    for name, drawn in zip("abcdefghi", elements):
        parts = {"voice": voice(seconds=drawn["voice"])} if drawn["voice"] else {}
        if drawn["clip"]:
            parts["clip"] = clip(seconds=drawn["clip"][0], fps=8.0, sound=drawn["clip"][1], size=(32, 24))
        made.append(element(name, ("front", *sorted(drawn["views"])), drawn["kind"], *drawn["size"], **parts))
    people = cast(*made, **{one.name: drawn["strength"] for one, drawn in zip(made, elements)})
    names = [one.name for one in made]
    return people, planned(people, *(
        shot(*dict.fromkeys(names[at % len(names)] for at in drawn["subjects"]), seconds=4, verb=drawn["verb"],
             size=drawn["size"], lines=[names[at % len(names)] for at in drawn["speakers"]])
        for drawn in shots
    ))  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(elements=ELEMENTS, shots=SHOTS, images=st.integers(0, 9), tight=st.booleans())
def test_whatever_the_cast_no_limit_is_passed_and_everybody_is_given_or_told_of(elements, shots, images, tight):
    people, plan = built(elements, shots)
    limits = replace(H3, images=images, files=6, sound_seconds=7.0, video_seconds=6.0) if tight else H3
    chosen = choose(plan, people, limits)
    check(chosen, limits)
    assert choose(plan, people, limits) == chosen
    for binding in people.bindings:
        one = binding.element
        assert chosen.of(one.name) or any(f"@{one.name}" in sentence for sentence in chosen.left_out)
        shown = [view for item in chosen.of(one.name, "image") for view in item.views]
        assert len(shown) == len(set(shown))
        if shown:
            told = " ".join(sentence for sentence in chosen.left_out if sentence.startswith(f"@{one.name}, "))
            assert all(view in shown or view in told for view in one.views)


def test_pictures_stand_in_cast_order():
    people = cast(*(element(name) for name in "cab"))
    chosen = choose(planned(people, shot("b", seconds=7), shot("a", "c", verb="turn")), people, H3)
    owners = [item.element for item in chosen.items]
    assert owners == sorted(owners, key="cab".index)
    assert picture(1).shape == (600, 400, 3)
