"""An HTTP server that answers as ComfyUI 0.33 does, for clients of it: queue, history, files, machine.

Its films are the stage's draft of the script that it is sent. With the elements unbound, the two people of the lone
shots and the voices of all lines are exchanged, so that whoever measures has something to find.
"""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np

from kling_core.demo import demo_cast
from kling_core.elements.element import Binding, Cast
from kling_core.plan.grid import Lattice
from kling_core.plan.resolve import plan as resolve
from kling_core.previz.conditioning import looks_of, mouth_curves
from kling_core.previz.stage.scene import draw_shot
from kling_core.previz.world import GRID, LIMITS
from kling_core.render import write_film
from kling_core.sound.mix import mix
from kling_core.sound.speech import speak
from kling_core.storyboard.script import parse_script

SIZE = 192, 108
FEWER = 4  # frames that one drawing stands for: the stage's cuts all lie on fours
LONE = 1, 2  # shots, from 0, as long as each other
STATS = {
    "system": {"os": "linux", "comfyui_version": "0.33.0", "pytorch_version": "2.13.0+cu130", "ram_total": 1},
    "devices": [{"name": "cuda:0 Some Card", "type": "cuda", "index": 0, "vram_total": 24 * 2**30, "vram_free": 1}],
}
KINDS = (
    "KlingCoreLoadElement", "KlingCoreLoadBackbone", "KlingCoreBackbone", "KlingCoreShotSequence",
    "KlingCoreBindSubject", "KlingCoreVideoSampler", "KlingCoreVAEDecode3D", "KlingCoreAudioSync", "PreviewAny",
    "CreateVideo", "SaveVideo", "UNETLoader",
)  # fmt: skip


@dataclass
class StandIn:
    """url: where it listens. fails: the numbers of the prompts, from 0, whose sampler raises. cached: whether samplers
    are answered from an earlier prompt. refuses: what /prompt finds wrong, if anything."""

    folder: object
    url: str = ""
    prompts: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    kinds: tuple = KINDS
    elements: tuple = ("demo: mira", "demo: leo")
    fails: tuple = ()
    cached: bool = False
    refuses: dict | None = None
    forgets: bool = False

    def get(self, path, query):
        if path == "/system_stats":
            return STATS
        if path == "/object_info":
            combo = {"input": {"required": {"element": ["COMBO", {"options": list(self.elements)}]}}}
            return {kind: combo if kind == "KlingCoreLoadElement" else {"input": {}} for kind in self.kinds}
        if path == "/queue":
            running = self.asked[-2:] != ["/queue", "/queue"]
            entry = [0, f"prompt-{len(self.prompts) - 1}", {}, {}, []]
            return {"queue_running": [entry] if running else [], "queue_pending": []}
        if path == "/view":
            return self._film(int(query["filename"][0].split("_")[1]))
        number = path.removeprefix("/history/")
        return {} if self.forgets else {number: self._history(int(number.removeprefix("prompt-")))}

    def _history(self, number):
        nodes = self.prompts[number]
        sampler = node_id(nodes, "KlingCoreVideoSampler")
        messages = [["execution_start", {"prompt_id": f"prompt-{number}", "timestamp": 1000}]]
        messages.append(["execution_cached", {"nodes": [sampler] if self.cached else [], "timestamp": 1001}])
        if number in self.fails:
            error = {"node_type": "KlingCoreVideoSampler", "exception_message": "Allocation on device\n"}
            messages.append(["execution_error", {**error, "timestamp": 1002}])
            return {"status": {"status_str": "error", "completed": False, "messages": messages}, "outputs": {}}
        messages.append(["execution_success", {"timestamp": 62000}])
        film = {"filename": f"film_{number:05}_.mp4", "subfolder": "video", "type": "output"}
        outputs = {node_id(nodes, "SaveVideo"): {"images": [film], "animated": [True]}}
        return {"status": {"status_str": "success", "completed": True, "messages": messages}, "outputs": outputs}

    def _film(self, number):
        shots, bind = (
            self.prompts[number][node_id(self.prompts[number], kind)]["inputs"]
            for kind in ("KlingCoreShotSequence", "KlingCoreBindSubject")
        )
        draw(self.folder / "film.mp4", shots["script"], bind["bind"])
        return (self.folder / "film.mp4").read_bytes()


def node_id(nodes, kind):
    return next(id for id, node in nodes.items() if node["class_type"] == kind)


@cache
def drawn(script):
    """(plan at 12 frames a second, its frames uint8 [T, H, W, 3])."""
    board, cast = parse_script(script), demo_cast()
    plan = resolve(board, cast, GRID, LIMITS)
    coarse = resolve(board, cast, replace(GRID, fps=GRID.fps // FEWER, lattice=Lattice((1,))), LIMITS)
    looks, mouths = looks_of(cast), mouth_curves(coarse, speak(coarse, cast))
    frames = [
        draw_shot(
            shot, blocking, looks, {name: curve[shot.start: shot.stop] for name, curve in mouths.items()}, *SIZE,
            supersampling=1,
        ).numpy()
        for shot, blocking in zip(coarse.shots, coarse.blocking)
    ]  # fmt: skip
    return plan, np.concatenate(frames).repeat(FEWER, 0)


def draw(path, script, bound):
    plan, frames = drawn(script)
    cast = demo_cast()
    if not bound:
        frames = frames.copy()
        one, two = (slice(plan.shots[shot].start, plan.shots[shot].stop) for shot in LONE)
        frames[one], frames[two] = frames[two].copy(), frames[one].copy()
        mira, leo = (binding.element for binding in cast.bindings)
        cast = Cast((Binding(replace(mira, voice=leo.voice)), Binding(replace(leo, voice=mira.voice))))
    write_film(path, iter([frames]), plan, mix(plan, speak(plan, cast), np.zeros((2, 1))))


@contextmanager
def comfyui(folder):
    """A stand-in that listens until the block ends; its films lie in `folder`."""
    stand_in = StandIn(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            address = urlsplit(self.path)
            stand_in.asked.append(address.path)
            self._answer(200, stand_in.get(address.path, parse_qs(address.query, keep_blank_values=True)))

        def do_POST(self):
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            stand_in.asked.append(self.path)
            if stand_in.refuses:
                return self._answer(400, stand_in.refuses)
            stand_in.prompts.append(content["prompt"])
            number = len(stand_in.prompts) - 1
            self._answer(200, {"prompt_id": f"prompt-{number}", "number": number, "node_errors": {}})

        def _answer(self, status, content):
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *told):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield stand_in
        finally:
            server.shutdown()
