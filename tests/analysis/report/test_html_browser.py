"""The HTML report in a real browser: it shows, it is quiet, it asks for nothing, the keyboard sorts it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.report.html import as_html
from analysis.report.report import build_report
from bench.record.documents import AnyDocument, RecipeRef
from tests.support import browser, small_store as a

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver
    from selenium.webdriver.remote.webelement import WebElement

pytestmark = pytest.mark.slow

HOSTILE = "<script>document.title='owned'</script><img src=http://example.org/x.png>"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """The browser with the report of the small store, and one run that wishes it ill."""
    folder = tmp_path_factory.mktemp("browser")
    runs = [*a.a_small_store(), a.a_broken_run(900, lease_id=a.an_id(1), message=HOSTILE)]
    path = folder / "report.html"
    path.write_text(as_html(build_report(runs)), encoding="utf-8")
    with browser.chromium(folder / "profile") as chromium:
        chromium.get(path.as_uri())
        yield chromium


def column(shown: WebDriver, number: int) -> list[str]:
    script = (
        "return [...document.querySelectorAll('#cost-table tbody tr')].map(r => r.cells[arguments[0]].dataset.value)"
    )
    values: list[str] = shown.execute_script(script, number)
    return values


def header(shown: WebDriver, number: int) -> WebElement:
    return shown.find_elements("css selector", "#cost-table thead th")[number]


def test_it_shows_without_a_word_and_asks_for_nothing(shown: WebDriver) -> None:
    # Not counted: the empty icon in the page itself, and the tab that a browser opens with.
    asked = {url for url in browser.asked_for(shown) if not url.startswith(("data:", "chrome:"))}
    assert asked == {shown.current_url}
    assert browser.said(shown) == []
    assert shown.title == "Time, quality and cost of training, under the airbench clock"
    drawings = shown.find_elements("css selector", "figure svg")
    assert len(drawings) == 4
    assert all(drawing.size["width"] > 400 and drawing.size["height"] > 100 for drawing in drawings)
    assert all(drawing.accessible_name for drawing in drawings)


def test_a_request_made_all_the_same_is_refused(shown: WebDriver) -> None:
    shown.execute_script("new Image().src = 'http://127.0.0.1:9/x.png'")
    assert any("Content Security Policy" in message for message in browser.said(shown))


def test_the_keyboard_sorts_both_ways_and_says_so(shown: WebDriver) -> None:
    keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
    time = 9
    button = header(shown, time).find_element("css selector", "button")
    # From the header before, Tab leads to this one.
    shown.execute_script("arguments[0].focus()", header(shown, time - 1).find_element("css selector", "button"))
    shown.switch_to.active_element.send_keys(keys.TAB)
    assert shown.switch_to.active_element == button
    for key, order, reverse in ((keys.ENTER, "ascending", False), (keys.SPACE, "descending", True)):
        button.send_keys(key)
        assert header(shown, time).get_attribute("aria-sort") == order
        values = [float(value) for value in column(shown, time)]
        assert values == sorted(values, reverse=reverse)
        assert shown.switch_to.active_element == button


def test_the_mouse_sorts_and_unknown_comes_last_both_ways(shown: WebDriver) -> None:
    price = 4
    for order in ("ascending", "descending"):
        header(shown, price).find_element("css selector", "button").click()
        assert header(shown, price).get_attribute("aria-sort") == order
        assert column(shown, price)[-1] == ""
    others = shown.find_elements("css selector", "#cost-table th[aria-sort=none]")
    assert len(others) == 13


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_stand_out_from_the_paper_in_light_and_dark(shown: WebDriver, scheme: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    shown.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    paint = shown.execute_script(
        "return [getComputedStyle(document.body).backgroundColor, "
        "...[...document.querySelectorAll('figure svg text')].map(t => getComputedStyle(t).fill)]"
    )
    paper, *letters = [_lightness(colour) for colour in paint]
    assert (paper > 0.9) == (scheme == "light")
    # WCAG's contrast for text: 4.5.
    for ink in letters:
        assert (max(paper, ink) + 0.05) / (min(paper, ink) + 0.05) > 4.5


def _lightness(colour: str) -> float:
    """Relative luminance of `rgb(r, g, b)`."""
    shares = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_ten_thousand_runs_open_within_a_second(tmp_path: Path) -> None:
    seconds = [60 + (7 * k % 100) / 10 for k in range(5000)]
    other = RecipeRef(name="other", source_sha256="0" * 64)
    documents: list[AnyDocument] = [
        a.a_lease(1),
        *a.a_series(10, seconds, lease_id=a.an_id(1)),
        *a.a_series(9000, seconds, recipe=other),
    ]
    path = tmp_path / "large.html"
    path.write_text(as_html(build_report(documents, which="all")), encoding="utf-8")
    opened = "return performance.timing.loadEventEnd - performance.timing.navigationStart"
    with browser.chromium(tmp_path / "profile") as chromium:
        taken = []
        for _ in range(3):  # the fastest of three: other work on the machine is not the page's
            chromium.get(path.as_uri())
            taken.append(chromium.execute_script(opened))
        assert 0 < min(taken) < 1000
        assert browser.said(chromium) == []
