"""Words of place: where a text plays, and words that only look like a place."""

import pytest

from kling_core.storyboard.setting import find_place
from kling_core.storyboard.storyboard import PLACES


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Mira buys bread in a bakery.", "shop"),
        ("In the supermarket, Leo waves.", "shop"),
        ("Leo sells figs at a market stall.", "shop"),
        ("Leo teaches in a classroom.", "classroom"),
        ("Mira stands in front of a blackboard.", "classroom"),
        ("They met at school.", "classroom"),
        ("Mira talks in a lecture hall.", "classroom"),
        ("They walk along the country road.", "road"),
        ("Leo waits by the highway.", "road"),
        ("Mira sings on stage.", "stage"),
        ("Leo bows in the spotlight.", "stage"),
        ("Leo bows under a single spotlight.", "stage"),
        ("They meet at a concert.", "stage"),
        ("They rehearse on a sound stage.", "studio"),
        ("Mira dances in a street with a bakery.", "street"),
        ("Leo waits in the market square.", "street"),
        ("Mira cooks in the kitchen.", "room"),
    ],
)
def test_a_place_is_found_by_its_words(text, place):
    assert find_place(text) == place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Mira stands outside a bakery.", "street"),
        ("Leo walks past the little shop.", "street"),
        ("They meet in front of the shop at night.", "night street"),
        ("Mira sings on a stage in front of a bakery backdrop.", "stage"),
    ],
)
def test_outside_a_shop_is_the_street(text, place):
    assert find_place(text) == place


@pytest.mark.parametrize(
    "text",
    [
        "Mira stands on stage left.",
        "Leo, on stage right, waves.",
        "Mira turns at center stage.",
        "Leo smiles at this stage.",
        "Nobody knows what is in store for Mira.",
        "Leo looks at the school bus.",
        "Mira rests in the workshop.",
    ],
)
def test_positions_times_and_compounds_are_no_places(text):
    assert find_place(text) is None


@pytest.mark.parametrize("place", PLACES)
def test_every_place_is_found_by_its_own_name(place):
    assert find_place(place, attribute=True) == place


@pytest.mark.parametrize(("word", "place"), [("theatre", "stage"), ("bakery", "shop"), ("stage left", None)])
def test_a_bare_word_is_enough_in_an_attribute(word, place):
    assert find_place(word, attribute=True) == place
