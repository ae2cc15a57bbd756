"""ComfyUI's frontend in a headless Chromium, for tests that look at the graph as a user does."""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)
WINDOW = {"width": 1720, "height": 980}


def chromium() -> str | None:
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def change_setting(url: str, name: str, value: Any) -> None:
    request = urllib.request.Request(
        f"{url}/api/settings/{name}", json.dumps(value).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=30).close()


class Graph:
    """The graph editor in an open page."""

    def __init__(self, page):
        self.page = page

    def open(self, workflow: dict, name: str) -> None:
        load = "async ([workflow, name]) => { await window.app.loadGraphData(workflow, true, true, name) }"
        self.page.evaluate(load, [workflow, name])
        self.page.wait_for_timeout(1000)
        self.fit()

    def fit(self) -> None:
        """Zoom until the whole graph fills the window."""
        self.page.evaluate("() => window.app.canvas.fitViewToSelectionAnimated({duration: 1})")
        self.page.wait_for_timeout(1000)

    def run(self, seconds: float) -> dict:
        """Press Run, wait up to `seconds` for the prompt's end, and return what the history says of it."""
        with self.page.expect_response("**/api/prompt", timeout=30_000) as answer:
            self.page.get_by_test_id("queue-button").click()
        prompt = answer.value.json()["prompt_id"]
        ended = "async prompt => (await (await fetch(`/history/${prompt}`)).json())[prompt]"
        deadline = time.monotonic() + seconds
        while (history := self.page.evaluate(ended, prompt)) is None:
            assert time.monotonic() < deadline, f"the prompt still runs after {seconds} s"
            self.page.wait_for_timeout(1000)
        return history

    def film(self, seconds: float = 60) -> dict:
        """The film that plays in the graph: its width, height and length in seconds."""
        self.page.wait_for_function("() => document.querySelector('video')?.readyState >= 2", timeout=seconds * 1000)
        return self.page.evaluate(
            """() => {
                const video = document.querySelector("video");
                return {width: video.videoWidth, height: video.videoHeight, seconds: video.duration};
            }"""
        )

    def troubled(self) -> list[str]:
        """Titles of nodes that are drawn red: of an unknown type, or with errors."""
        return self.page.evaluate(
            "() => window.app.graph.nodes.filter(node => node.has_errors || !node.type || !(node.type in LiteGraph."
            "registered_node_types)).map(node => node.title)"
        )

    def prompt(self) -> dict:
        """What pressing Run would send, in the API's form."""
        return json.loads(
            self.page.evaluate("async () => JSON.stringify((await window.app.graphToPrompt()).output)")
        )

    def saved(self) -> dict:
        """What saving the workflow would write."""
        return json.loads(self.page.evaluate("() => JSON.stringify(window.app.graph.serialize())"))

    def boxes(self) -> list[dict]:
        """Every node's title and its box on the canvas as drawn, [left, top, right, bottom]."""
        return self.page.evaluate(
            """() => window.app.graph.nodes.map(node => {
                const [x, y, width, height] = node.boundingRect;
                return {title: node.title, box: [x, y, x + width, y + height]};
            })"""
        )

    def picture(self, path: Path) -> None:
        self.page.screenshot(path=str(path))


@contextmanager
def opened(url: str, *, vue_nodes: bool) -> Iterator[Graph]:
    """The editor at `url`, with nodes drawn on the canvas (classic) or by Vue (Nodes 2.0)."""
    from playwright.sync_api import sync_playwright

    change_setting(url, "Comfy.TutorialCompleted", True)
    change_setting(url, "Comfy.VueNodes.Enabled", vue_nodes)
    change_setting(url, "Comfy.Minimap.Visible", False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM_ARGUMENTS))
        try:
            page = browser.new_page(viewport=WINDOW)
            page.goto(url)
            page.wait_for_function("() => window.app?.graph && window.app.canvas", timeout=60_000)
            page.wait_for_timeout(3000)
            yield Graph(page)
        finally:
            browser.close()
