"""What the shell shows."""

import io

from kling_core.console import ProgressBar, printable


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_one_line_a_stage():
    stream = Terminal()
    bar = ProgressBar(stream)
    bar.stage("sample")
    for step in range(1, 9):
        bar(step, 8)
    bar.stage("decode")
    bar.close()
    bar.close()
    text = stream.getvalue()
    assert text.count("\n") == 2
    assert "[########################] 8/8" in text and "[###.....................] 1/8" in text


def test_a_log_gets_stages_and_ends_without_control_characters():
    stream = io.StringIO()
    bar = ProgressBar(stream)
    bar.stage("sample")
    for step in range(1, 9):
        bar(step, 8)
    bar.close()
    rows = stream.getvalue().splitlines()
    assert rows[0] == "sample" and "8/8" in rows[1] and len(rows) == 2
    assert "\033" not in stream.getvalue() and "\r" not in stream.getvalue()


def test_control_characters_never_reach_the_terminal():
    assert printable("a\033[2Jb\nc\u202e\x07é你") == "a?[2Jb\nc??é你"
