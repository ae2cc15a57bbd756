"""The marks around speech that MiniMax H3 learned and ComfyUI's tokenizer may lack."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import pytest
from families import PACKAGE
from tiny_models import QwenCLIP

pytestmark = [pytest.mark.comfyui, pytest.mark.usefixtures("backbones")]

SAID = "He says, <d>[English] Hello there.</d> Then he nods."


def with_marks(clip):
    return importlib.import_module(f"{PACKAGE}.minimax_h3_marks").with_marks(clip)


def numbers(clip, text=SAID):
    return [number for number, _ in clip.tokenize(text)["qwen3vl_32b"][0]]


def test_speech_stands_between_two_tokens_as_minimax_numbers_them():
    found = numbers(with_marks(QwenCLIP(8)))
    assert found.count(151669) == found.count(151670) == 1 and found.index(151669) < found.index(151670)
    assert len(numbers(with_marks(QwenCLIP(8)), "<|cutoff|><|caption_end|>")) == 2


def test_words_without_marks_keep_their_tokens():
    plain = "A woman in red walks < 3 m past a tree."
    assert numbers(with_marks(QwenCLIP(8)), plain) == numbers(QwenCLIP(8), plain)


def test_the_users_own_encoder_is_left_as_it_is():
    clip = QwenCLIP(8)
    before = numbers(clip)
    learned = with_marks(clip)
    assert numbers(clip) == before
    assert with_marks(learned) is learned  # and one that knows them is taken as it is


def test_a_tokenizer_of_another_make_is_left_alone():
    clip = SimpleNamespace(tokenizer=object())
    assert with_marks(clip) is clip
