"""ComfyUI's frontend in a headless Chromium, for tests that look at the graph as a user does."""

from __future__ import annotations

import json
import shutil
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

    def open(self, workflow: dict) -> None:
        self.page.evaluate("async workflow => { await window.app.loadGraphData(workflow) }", workflow)
        self.page.wait_for_timeout(1000)
        self.page.evaluate("() => window.app.canvas.fitViewToSelectionAnimated({duration: 1})")
        self.page.wait_for_timeout(1000)

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
