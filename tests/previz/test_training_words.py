"""Training the director's text encoder: sentences say what their labels say, and the weights can be read."""

import random

import pytest

from kling_core.previz.training.sentences import FIELDS, IGNORED, SentenceMaker
from kling_core.previz.training.words import is_held_out, main
from kling_core.storyboard import storyboard
from kling_core.storyboard.encoder import Encoder, encoder
from kling_core.storyboard.wordings import LANGUAGES, wordings


def sentences(language, count=400, wanted=lambda wording: True, seed=1):
    maker = SentenceMaker(language, wanted, random.Random(seed))
    return [maker.sentence() for _ in range(count)]


def said(labels):
    return {field: FIELDS[field][at] for field, at in zip(FIELDS, labels) if at != IGNORED}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_holds_a_wording_of_every_place_it_is_labelled_with(language):
    found = 0
    for text, labels in sentences(language):
        place = said(labels)["place"]
        if place != "none":
            found += any(wording in text for wording in wordings(language)["place"][place])
    labelled = sum(said(labels)["place"] != "none" for _, labels in sentences(language))
    assert labelled > 40 and found > 0.9 * labelled  # the others are mistyped


def test_sentences_come_from_the_seed():
    assert sentences("ja") == sentences("ja") != sentences("ja", seed=2)


def test_unwanted_wordings_never_come():
    without = sentences("zh", wanted=lambda wording: "公园" not in wording)
    assert any("公园" in text for text, _ in sentences("zh")) and not any("公园" in text for text, _ in without)


def test_about_a_sixth_of_the_wordings_is_held_out():
    everything = [
        f"{language} verb {label} {entry}"
        for language in LANGUAGES for label, entries in wordings(language)["verb"].items() for entry in entries
    ]
    assert 0.12 < sum(map(is_held_out, everything)) / len(everything) < 0.22


def test_every_label_is_worded():
    table = wordings("en")
    for field in ("verb", "prop", "place", "time", "size", "angle"):
        assert set(table[field]) | {"none"} == set(FIELDS[field]) | {"none"}
    assert {label.split()[0] for label in table["move"]} == set(FIELDS["move"]) - {"none"}


def test_the_encoder_knows_all_that_a_storyboard_may_say():
    pairs = {
        "verb": storyboard.VERBS, "expression": storyboard.EXPRESSIONS, "place": storyboard.PLACES,
        "time": storyboard.TIMES_OF_DAY, "size": storyboard.SHOT_SIZES, "angle": storyboard.ANGLES,
        "move": storyboard.MOVE_KINDS,
    }
    for field, words in pairs.items():
        assert set(words) <= set(encoder().fields[field])


def test_a_short_training_writes_weights_that_can_be_read(tmp_path):
    told = []
    path = main(tmp_path, sentences=400, report=told.append)
    trained = Encoder(path)
    assert trained.fields == FIELDS and trained.about["seed"] == 0 and trained.about["steps"] > 0
    assert abs(sum(trained.chances("she walks")["verb"]) - 1) < 1e-5
    assert list(tmp_path.iterdir()) == [path] and any("held-out wordings, ko" in line for line in told)
