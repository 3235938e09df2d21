"""A report in a real browser, on a desktop and on a phone, in the light and the dark scheme."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run

_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium; on Debian: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield chrome
        chrome.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_report_can_be_read(browser: Any, flights_run: Run, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.append(request.url))
    page.goto(Path(flights_run.result["report"]).as_uri())
    for part in (
        "#verdict",
        "#run svg",
        "#data figure svg",
        "#model figure svg",
        "#infra",
        "#lineage",
    ):
        assert page.locator(part).first.is_visible(), part
    assert page.evaluate("document.documentElement.scrollWidth") == width
    paper, ink = page.evaluate(
        "['backgroundColor', 'color'].map(name => getComputedStyle(document.body)[name])"
    )
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    assert paper != ink
    # On a phone too, the smallest text of the graph is no smaller than a footnote.
    shown, drawn = page.evaluate(
        "(svg => [svg.getBoundingClientRect().width, svg.viewBox.baseVal.width])"
        "(document.querySelector('.graph svg'))"
    )
    assert 12 * shown / drawn >= 9.5
    # The plots take the page's colours.
    line = page.evaluate(
        "getComputedStyle(document.querySelector('#model svg path[style*=\"--one\"]')).stroke"
    )
    assert line == {"light": "rgb(11, 107, 179)", "dark": "rgb(95, 180, 245)"}[scheme]
    assert [problem for problem in problems if not problem.startswith(("file:", "data:"))] == []
    page.close()


def test_markup_in_the_data_does_nothing(browser: Any, hostile: str, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(hostile, encoding="utf-8")
    page = browser.new_page(viewport={"width": 390, "height": 900})
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    page.goto((tmp_path / "report.html").as_uri())
    assert page.locator("#data figure svg").count() == 4
    assert page.evaluate("document.querySelectorAll('script, img, foreignObject').length") == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert problems == []
    page.close()


def test_a_report_is_printed_in_ink_on_paper(browser: Any, flights_run: Run) -> None:
    page = browser.new_page(color_scheme="dark")
    page.emulate_media(media="print")
    page.goto(Path(flights_run.result["report"]).as_uri())
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(29, 35, 41)"
    assert page.pdf().startswith(b"%PDF")
    page.close()
