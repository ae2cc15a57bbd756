"""A real ComfyUI server with this pack in it, and a client that runs workflows there as the frontend does."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PACK = Path(__file__).parents[2]
LAUNCHER = Path(__file__).with_name("start_comfyui.py")
TINY_LOADERS = Path(__file__).with_name("tiny_loaders")
START_SECONDS = 180


@dataclass
class Run:
    """What one prompt sent while it ran, and what the history says of it afterwards."""

    messages: list[dict] = field(default_factory=list)
    previews: list[bytes] = field(default_factory=list)
    history: dict = field(default_factory=dict)

    def of_type(self, kind: str) -> list[dict]:
        return [message["data"] for message in self.messages if message["type"] == kind]

    @property
    def succeeded(self) -> bool:
        return self.history["status"]["status_str"] == "success"


class Server:
    def __init__(self, url: str, base: Path, log: Path):
        self.url, self.base, self.log = url, base, log

    @property
    def import_seconds(self) -> float:
        """How long ComfyUI says that the pack took to import."""
        line = re.search(rf"([\d.]+) seconds(.*): {re.escape(str(PACK))}$", self.log.read_text("utf-8"), re.MULTILINE)
        assert line, f"ComfyUI did not load the pack:\n{self.log.read_text('utf-8')}"
        assert not line[2], f"the pack's import failed:\n{self.log.read_text('utf-8')}"
        return float(line[1])

    def get(self, path: str):
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return json.load(answer)

    def post(self, path: str, content: dict) -> bytes:
        request = urllib.request.Request(
            self.url + path, json.dumps(content).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def outputs(self) -> list[Path]:
        return [path for path in (self.base / "output").rglob("*") if path.is_file()]

    def run(self, prompt: dict, *, interrupt_at: str | None = None) -> Run:
        """Run a workflow in API form to its end. `interrupt_at`: press Cancel at the first progress of that node."""
        import asyncio

        return asyncio.run(self._run(prompt, interrupt_at))

    async def _run(self, prompt: dict, interrupt_at: str | None) -> Run:
        import aiohttp

        client, run = uuid.uuid4().hex, Run()
        async with aiohttp.ClientSession(self.url) as session, session.ws_connect(
            f"/ws?clientId={client}", max_msg_size=0
        ) as events:
            async with session.post("/prompt", json={"prompt": prompt, "client_id": client}) as answer:
                accepted = await answer.json()
            assert not accepted.get("node_errors") and "prompt_id" in accepted, accepted
            async for event in events:
                if event.type == aiohttp.WSMsgType.BINARY:
                    run.previews.append(event.data)
                    continue
                message = json.loads(event.data)
                run.messages.append(message)
                data = message["data"]
                if message["type"] == "progress" and data["node"] == interrupt_at:
                    interrupt_at = None
                    async with session.post("/interrupt"):
                        pass
                if message["type"] == "executing" and data["node"] is None:
                    break
        run.history = self.get(f"/history/{accepted['prompt_id']}")[accepted["prompt_id"]]
        return run


@contextmanager
def started(checkout: Path, base: Path):
    """A server from `checkout` whose every file lies in `base`. It loads this pack and the tests' tiny loaders only."""
    for folder in ("input", "output", "models"):
        (base / folder).mkdir(parents=True)
    shutil.copytree(TINY_LOADERS, base / "custom_nodes" / TINY_LOADERS.name)
    # JSON is YAML, and quotes what Windows' paths have in them.
    paths, log = base / "paths.yaml", base / "server.log"
    paths.write_text(json.dumps({"pack": {"custom_nodes": str(PACK.parent)}}), "utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        os.environ.get("COMFYUI_PYTHON", sys.executable), str(LAUNCHER), str(checkout),
        "--cpu", "--listen", "127.0.0.1", "--port", str(port), "--disable-auto-launch", "--disable-api-nodes",
        "--disable-all-custom-nodes", "--whitelist-custom-nodes", PACK.name, TINY_LOADERS.name,
        "--base-directory", str(base), "--extra-model-paths-config", str(paths),
        "--database-url", "sqlite:///:memory:", "--preview-method", "auto",
    ]
    environment = {
        **os.environ, "KLING_LIBRARY": str(base / "library"), "KLING_TINY_MODELS": str(TINY_LOADERS.parent),
        "NO_COLOR": "1", "PYTHONPATH": str(PACK),
    }  # fmt: skip
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        server = Server(f"http://127.0.0.1:{port}", base, log)
        try:
            _wait_until_ready(server, process)
            yield server
        finally:
            process.terminate()
            process.wait(30)


def _wait_until_ready(server: Server, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.get("/system_stats")
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.5)
    raise RuntimeError(f"ComfyUI did not start:\n{server.log.read_text('utf-8')}")
