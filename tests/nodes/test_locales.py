"""Translations follow the nodes: `locales/en` is what the schemas say, and every other language has the same keys.

    python -m pytest tests/nodes/test_locales.py    says what a changed schema leaves to translate
"""

import json
from pathlib import Path

import pytest

LOCALES = Path(__file__).parents[2] / "locales"


def in_english(nodes: dict) -> dict:
    """The nodes' words in the form of ComfyUI's nodeDefs.json."""
    return {id: _node(node.define_schema()) for id, node in sorted(nodes.items())}


def _node(schema) -> dict:
    return {
        "display_name": schema.display_name,
        "description": schema.description,
        "inputs": {socket.id: _words(socket) for socket in schema.inputs},
        "outputs": {str(number): _words(socket) for number, socket in enumerate(schema.outputs)},
    }


def _words(socket) -> dict:
    words = {"name": socket.display_name or socket.id}
    return words | {"tooltip": socket.tooltip} if socket.tooltip else words


def keys(words) -> object:
    return {key: keys(value) for key, value in words.items()} if isinstance(words, dict) else None


def written(language: str) -> dict:
    return json.loads((LOCALES / language / "nodeDefs.json").read_text("utf-8"))


def test_the_english_words_are_the_schemas(pack):
    assert written("en") == in_english(pack.nodes)


@pytest.mark.parametrize("language", ["zh", "ja", "ko", "es"])
def test_a_language_has_every_word(pack, language):
    assert keys(written(language)) == keys(in_english(pack.nodes))


@pytest.mark.parametrize("language", ["zh", "ja", "ko", "es"])
def test_the_names_in_the_issue_stay_as_they_are_in_every_language(language):
    assert {node["display_name"] for node in written(language).values()} >= {
        "ElementBuilder", "BindSubject", "ShotSequence", "VideoSampler", "AudioSync", "VAEDecode3D",
    }
