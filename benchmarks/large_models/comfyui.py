"""A running ComfyUI over HTTP: what it knows, one prompt to its end, and the film that came out."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.large_models.workflow import LOAD_ELEMENT, SAVE, Nodes
from kling_core.errors import KlingError, Problem, ProblemList

POLL_SECONDS = 10.0
"""Between questions whether a film is done: a ComfyUI that is asked often is reported to stall while it samples."""
_PATIENCE = 60.0  # seconds for one answer; a server that samples is slow to give it
_STARTED, _DONE, _CACHED, _FAILED = "execution_start", "execution_success", "execution_cached", "execution_error"


@dataclass(frozen=True)
class Made:
    """film: where the server has it, as /view takes it. seconds: from start to end of the prompt, None where the server
    still had the sampler's result from an earlier prompt."""

    film: dict[str, str]
    seconds: float | None


class ComfyUI:
    """Raises KlingError where the server does not answer, refuses a prompt or fails in it."""

    def __init__(self, url: str, poll_seconds: float = POLL_SECONDS):
        self.url, self.poll_seconds = url.rstrip("/"), poll_seconds

    def require_ready(self, kinds: Sequence[str], elements: Sequence[str]) -> None:
        """Raises KlingError with everything that is missing there: node types, elements."""
        known, problems = self._json("/object_info"), ProblemList()
        for kind in sorted({*kinds, LOAD_ELEMENT} - known.keys()):
            remedy = "Install the pack that has it there, or update ComfyUI, and start it again."
            problems.add(self.url, f"has no node {kind}", remedy)
        listed = _options(known[LOAD_ELEMENT], "element") if LOAD_ELEMENT in known else elements
        for name in elements:
            if name not in listed:
                remedy = "It has " + (", ".join(listed[:20]) or "none") + "."
                problems.add(self.url, f"has no element {name!r} in its library", remedy)
        problems.raise_if_any()

    def machine(self) -> dict[str, Any]:
        """What the server says of itself and of its devices, as far as a table should tell."""
        stats = self._json("/system_stats")
        system = stats.get("system", {})
        return {
            "comfyui": system.get("comfyui_version"),
            "pytorch": system.get("pytorch_version"),
            "system": system.get("os"),
            "devices": [
                {"name": each.get("name"), "gigabytes": round(each.get("vram_total", 0) / 2**30, 1)}
                for each in stats.get("devices", ())
            ],
        }

    def make(self, nodes: Nodes) -> Made:
        """Queues a prompt and waits for its end. Where that is interrupted, the prompt is cancelled."""
        number = self._queue(nodes)
        try:
            history = self._wait(number)
        except KeyboardInterrupt:
            self._request("/queue", {"delete": [number]})
            self._request("/interrupt", {"prompt_id": number})
            raise
        messages = dict(history["status"]["messages"])
        if history["status"]["status_str"] != "success":
            raise _failure(messages.get(_FAILED))
        save, = (id for id, node in nodes.items() if node["class_type"] == SAVE)
        sampled = not any(
            nodes[id]["class_type"] == "KlingCoreVideoSampler" for id in messages.get(_CACHED, {}).get("nodes", ())
        )
        took = (messages[_DONE]["timestamp"] - messages[_STARTED]["timestamp"]) / 1000
        return Made(_film(history["outputs"].get(save, {})), took if sampled else None)

    def fetch(self, film: dict[str, str], path: Path) -> None:
        """Writes the film to `path`, whole or not at all."""
        wanted = {name: film[name] for name in ("filename", "subfolder", "type") if name in film}
        part = path.with_suffix(".part")
        part.write_bytes(self._request("/view?" + urllib.parse.urlencode(wanted)))
        part.replace(path)

    def _queue(self, nodes: Nodes) -> str:
        try:
            return json.loads(self._request("/prompt", {"prompt": nodes}))["prompt_id"]
        except urllib.error.HTTPError as error:
            raise _refusal(error.read()) from error

    def _wait(self, number: str) -> dict[str, Any]:
        while True:
            time.sleep(self.poll_seconds)
            try:
                queue = self._json("/queue")
                if any(entry[1] == number for entries in queue.values() for entry in entries):
                    continue
                history = self._json(f"/history/{number}")
            except TimeoutError:
                continue
            if number not in history:
                raise _lost(self.url, "no longer knows of the film that it was making")
            return history[number]

    def _json(self, path: str) -> Any:
        try:
            return json.loads(self._request(path))
        except (urllib.error.HTTPError, json.JSONDecodeError) as error:
            raise _lost(self.url, f"does not answer {path} as ComfyUI does") from error

    def _request(self, path: str, content: dict | None = None) -> bytes:
        """The answer to GET, or to POST where there is content. Raises TimeoutError where none comes in time."""
        data = None if content is None else json.dumps(content).encode()
        try:
            request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
                return answer.read()
        except (urllib.error.HTTPError, TimeoutError):
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _lost(self.url, f"cannot be reached: {getattr(error, 'reason', error)}") from error


def _lost(url: str, what: str) -> KlingError:
    return KlingError(Problem(url, what, "Start ComfyUI, check --server, and run the same command again."))


def _options(node: dict[str, Any], name: str) -> list[str]:
    """The choices of a combo box, as the old and as the new schema of nodes write them."""
    first, *rest = node["input"]["required"][name]
    return list(first) if isinstance(first, list) else list(rest[0]["options"])


def _film(outputs: dict[str, Any]) -> dict[str, str]:
    files = [file for found in outputs.values() if isinstance(found, list) for file in found if isinstance(file, dict)]
    films = [file for file in files if str(file.get("filename", "")).lower().endswith((".mp4", ".webm", ".mkv"))]
    if not films:
        raise KlingError(Problem(SAVE, "left no film behind", "Let it save a video, as mp4."))
    return films[0]


def _refusal(body: bytes) -> KlingError:
    """What ComfyUI finds wrong with a prompt before it queues it, node by node."""
    try:
        told = json.loads(body)
    except ValueError:
        told = {}
    problems = [
        Problem(node["class_type"], f"{error['message']}: {error['details']}".rstrip(". "), "Correct it in ComfyUI.")
        for node in (told.get("node_errors") or {}).values() for error in node["errors"]
    ]  # fmt: skip
    reason = str(told.get("error", {}).get("message", "no reason given"))
    return KlingError(*(problems or [Problem("workflow", f"is refused by ComfyUI: {reason}", "Run it there first.")]))


def _failure(error: dict[str, Any] | None) -> KlingError:
    if error is None:
        return KlingError(Problem("ComfyUI", "was told to cancel the film", "Run the same command again to go on."))
    what = str(error.get("exception_message", "no reason given")).strip().rstrip(".")
    remedy = "Run the workflow in ComfyUI until it makes a film; the same command goes on from here."
    return KlingError(Problem(str(error.get("node_type")), what, remedy))
