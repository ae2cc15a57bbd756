"""The shipped workflows of the large families as whole graphs over HTTP, with tiny files in place of theirs."""

import json
from pathlib import Path

import av
import pytest

pytestmark = pytest.mark.comfyui

API_FORMS = Path(__file__).parents[2] / "workflows" / "api"
SCRIPT = """Place: park
Shot 1 (2s, medium): @mira waves. Mira says, "Look."
Shot 2 (2s, full): @leo nods.
"""
# What cannot be made small is loaded by the tests' own nodes; every other node is the workflow's.
SWAPPED = {
    "kling_core_h3_references": {"CLIPLoader": "h3", "VAELoader": "h3"},
    "kling_core_h3_first_frame": {"CLIPLoader": "h3", "VAELoader": "h3"},
    "kling_core_ltx2": {"LTXAVTextEncoderLoader": "ltx"},
    "kling_core_wan22": {"CLIPLoader": "wan", "VAELoader": "wan"},
}
FPS = {"kling_core_wan22": 16}
GUIDED = ("kling_core_h3_references",)  # with the stage's own film as a reference video


def made_small(name: str) -> dict:
    """A workflow whose models are tiny, whose film is short and small, and which runs a step only."""
    nodes = json.loads((API_FORMS / f"{name}.json").read_text("utf-8"))
    for node in list(nodes.values()):
        kind, inputs = node["class_type"], node["inputs"]
        family = SWAPPED[name].get(kind)
        if kind == "VAELoader":
            sound = " sound" * ("audio" in inputs["vae_name"])
            node.update(class_type="TinyVAE", inputs={"family": family + sound})
        elif family:
            node.update(class_type="TinyCLIP", inputs={"family": family})
        elif kind == "CheckpointLoaderSimple":
            node.update(class_type="UNETLoader", inputs={"unet_name": "ltx.safetensors", "weight_dtype": "default"})
        elif kind == "LTXVAudioVAELoader":
            node.update(class_type="TinyVAE", inputs={"family": "ltx sound"})
        elif kind == "KlingCoreShotSequence":
            inputs["script"] = SCRIPT
        elif kind == "KlingCoreBackbone":
            inputs |= {"steps": 2, "short_edge": 96, "moving_guide": name in GUIDED}
            if name == "kling_core_ltx2":
                nodes["video vae"] = {"class_type": "TinyVAE", "inputs": {"family": "ltx"}}
                inputs["vae"] = ["video vae", 0]
    return nodes


@pytest.mark.parametrize("name", SWAPPED)
def test_a_whole_graph_makes_a_film_with_sound(server, name):
    picture(server.base / "input" / "first_frame.png")
    before = server.outputs()
    ran = server.run(made_small(name))
    assert ran.succeeded, ran.history["status"]
    film, = set(server.outputs()) - set(before)
    with av.open(str(film)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        frames, fps = sum(1 for _ in container.decode(video)), video.average_rate
    assert fps == FPS.get(name, 24) and abs(frames / fps - 4) < 0.75
    assert sound.channels == 2
    told = json.dumps(ran.history["outputs"])
    assert "Tokens:" in told and "Memory:" in told and ("the moving guide" in told) == (name in GUIDED)
    assert max(message["value"] for message in ran.of_type("progress")) >= 2


def picture(path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (320, 180), (90, 120, 150)).save(path)
