"""Who says what in which words: the many ways in which dialogue is written."""

import pytest

from kling_core.storyboard.script import parse_script

CAST = ("mira", "leo")


def lines(text, names=CAST):
    return [line for shot in parse_script(text, names).shots for line in shot.lines]


@pytest.mark.parametrize(
    "text",
    [
        'Mira says, "Look at that."',
        "Mira says: “Look at that.”",
        '"Look at that." says Mira.',
        '"Look at that." Mira says softly.',
        'Mira: "Look at that."',
        'Mira (whispering): "Look at that."',
        'MIRA\n"Look at that."',
        'Leo waves while Mira turns to Leo and says, "Look at that."',
        'Close-up of Mira as she says: "Look at that."',
        'Mira smiles. "Look at that."',
        'Leo laughs, Mira: "Look at that."',
        'Mira says to Leo, "Look at that."',
        '@mira says in her clearest English: "Look at that."',
    ],
)
def test_the_speaker_is_found(text):
    (line,) = lines("Shot 1: " + text)
    assert (line.speaker, line.text) == ("mira", "Look at that.")


@pytest.mark.parametrize("text", ["@mira说：“你看那边。”", "@mira「你看那边。」", "Mira says 「你看那边。」"])
def test_dialogue_in_other_marks(text):
    (line,) = lines(text)
    assert (line.speaker, line.text) == ("mira", "你看那边。")


def test_chinese_mentions_need_no_space():
    assert [line.speaker for line in lines("@美拉说：“你好。” @里奥问：“谁？”", ())] == ["美拉", "里奥"]
    assert [line.speaker for line in lines("美拉说：“你好。”", ["美拉"])] == ["美拉"]


def test_a_line_broken_by_its_speech_tag_is_two_lines():
    assert [(line.speaker, line.text) for line in lines('"Look," Mira says, "over there."')] == [
        ("mira", "Look"), ("mira", "over there."),
    ]


def test_speakers_alternate():
    text = 'Mira asks, "Who?" Leo answers, "Me." She says, "You!"'
    assert [line.speaker for line in lines(text)] == ["mira", "leo", "leo"]
    text = '"Who?" asks Mira. "Me," says Leo. Mira shouts, "You!"'
    assert [line.speaker for line in lines(text)] == ["mira", "leo", "mira"]


@pytest.mark.parametrize(
    ("words", "language"),
    [("in Spanish", "es"), ("in Mandarin Chinese", "zh"), ("in Japanese", "ja"), ("in poor Korean", "ko"), ("", None)],
)
def test_language_words(words, language):
    assert lines(f'Mira says {words}, "Hola."')[0].language == language


@pytest.mark.parametrize(
    ("text", "delivery"),
    [
        ('Mira whispers, "Hi."', "whispering"),
        ('Mira says happily, "Hi."', "happily"),
        ('Mira softly says, "Hi."', "softly"),
        ('Mira shouts angrily, "Hi."', "shouting, angrily"),
        ('Mira says in a low, tired voice, "Hi."', "in a low, tired voice"),
        ('Mira says in clumsy accented Spanish, "Hi."', "clumsy accented"),
        ('"Hi," whispers Mira sadly.', "whispering, sadly"),
        ('Mira says, "Hi."', None),
    ],
)
def test_delivery_words(text, delivery):
    assert lines(text)[0].delivery == delivery


def test_delivery_gives_the_face_its_expression():
    (shot,) = parse_script('Mira says happily, "Hi."', CAST).shots
    assert shot.actions[0].expression == "joy"


@pytest.mark.parametrize("text", ['A sign says "BAKERY".', 'The poster reads "Hi".', 'Mira holds a book titled "Hi".'])
def test_writing_is_not_speech(text):
    assert lines("Shot 1: Mira waits. " + text) == []


@pytest.mark.parametrize(
    "text", ['Leo off-screen says, "Hi."', 'Leo (off screen): "Hi."', 'Leo says in voice-over, "Hi."']
)
def test_a_voice_off_screen_is_no_subject(text):
    (shot,) = parse_script(f"Shot 1: Mira waits. {text}", CAST).shots
    assert (shot.lines[0].speaker, shot.subjects) == ("leo", ("mira",))
