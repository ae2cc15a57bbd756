"""Descriptions lose their dialogue and keep all else."""

import pytest

from kling_core.prompts.descriptions import told

NAMES = ("mira", "leo")


def sentences(description, *lines):
    return [piece.text for piece in told(description, lines, NAMES, str.capitalize)]


@pytest.mark.parametrize(
    ("description", "lines", "left"),
    [
        ('Leo smiles. Leo says happily, "There you are!"', [("leo", "There you are!")], ["Leo smiles."]),
        ('Mira leans closer and says softly, "Hi."', [("mira", "Hi.")], ["Mira leans closer."]),
        ('Mira says, "Hi." Leo nods slowly and then asks: “Who?” They hug.', [("mira", "Hi."), ("leo", "Who?")],
         ["Leo nods slowly.", "They hug."]),
        ("“Look,” says Mira, turning to Leo. She waves.", [("mira", "Look")], ["Mira turning to Leo.", "She waves."]),
        ("“Look!” Mira shouts loudly. She waves.", [("mira", "Look!")], ["She waves."]),
        ('Mira: "Hi." Leo: "Hello."', [("mira", "Hi."), ("leo", "Hello.")], []),
        ('Mira says "Go," and runs.', [("mira", "Go")], ["Mira runs."]),
        ('Mira, off-screen, says "Hi." Leo listens.', [("mira", "Hi.")], ["Leo listens."]),
        ('The @mira turns. The @mira answers, "Hi."', [("mira", "Hi.")], ["Mira turns."]),
        ("@mira走过一棵树，挥手。@mira轻声说：“你看那边。”然后她笑了。", [("mira", "你看那边。")],
         ["Mira走过一棵树，挥手。", "然后她笑了。"]),
        ("@miraは静かに「行こう」と言う。@leoは頷く。", [("mira", "行こう")], ["Leoは頷く。"]),
        ("@mira가 “가자”라고 말한다. @leo가 웃는다.", [("mira", "가자")], ["Leo가 웃는다."]),
        ('@mira pregunta: «¿Dónde está?» @leo señala y responde: "Allí."', [("mira", "¿Dónde está?"), ("leo", "Allí.")],
         ["Leo señala."]),
    ],
)
def test_speech_goes_and_what_people_do_meanwhile_stays(description, lines, left):
    assert sentences(description, *lines) == left


def test_writing_that_nobody_speaks_stays_in_plain_quotation_marks():
    assert sentences('A sign reads “OPEN”. Mira says "Hi"', ("mira", "Hi")) == ['A sign reads "OPEN".']


def test_a_number_with_a_point_does_not_end_a_sentence():
    assert sentences("The camera stops at 3.5 m. Mira waves!") == ["The camera stops at 3.5 m.", "Mira waves!"]


def test_a_sentence_belongs_to_whom_it_names_alone():
    pieces = told("Mira waves. Leo and Mira hug. It rains.", (), NAMES, str.capitalize)
    assert [piece.owner for piece in pieces] == ["mira", None, None]
