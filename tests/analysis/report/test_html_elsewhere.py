"""The HTML report where it is read in another way: on paper, without scripts, with names of other kinds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from analysis.report.html import as_html
from analysis.report.report import build_report
from bench.record.documents import AnyDocument, RecipeRef
from tests.support import browser, small_store as a

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = pytest.mark.slow

NAMES = ["1a", "2", "2 x", "10", "b", "endless" * 30]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """The browser with the report of a run of each of NAMES, on a machine whose name has no end either."""
    folder = tmp_path_factory.mktemp("browser")
    device = a.a_run(1).device.model_copy(update={"name": "W" * 150})
    runs: list[AnyDocument] = [
        a.a_run(10 + number, recipe=RecipeRef(name=name, source_sha256="0" * 64), device=device)
        for number, name in enumerate(NAMES)
    ]
    path = folder / "report.html"
    path.write_text(as_html(build_report(runs)), encoding="utf-8")
    with browser.chromium(folder / "profile") as chromium:
        chromium.get(path.as_uri())
        yield chromium


def test_names_sort_by_the_numbers_in_them(shown: WebDriver) -> None:
    for expected in (NAMES, NAMES[::-1]):
        shown.find_element("css selector", "#costs-table thead button").click()
        rows = shown.find_elements("css selector", "#costs-table tbody th")
        assert [row.get_attribute("data-value") for row in rows] == expected


def test_nothing_is_cut_off_on_paper(shown: WebDriver) -> None:
    a4 = {"width": 703, "height": 1000, "deviceScaleFactor": 1, "mobile": False}  # less its margins, in CSS's pixels
    shown.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", a4)
    shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    edges = shown.execute_script(
        "return [...document.querySelectorAll('table, p, li, svg')].map(e => e.getBoundingClientRect().right)"
    )
    assert max(edges) <= a4["width"]
    shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_without_scripts_no_header_promises_to_sort(shown: WebDriver) -> None:
    promised = (
        "return [document.querySelector('.hint').checkVisibility(), "
        "getComputedStyle(document.querySelector('#costs-table thead button'), '::after').content !== 'none']"
    )
    assert shown.execute_script(promised) == [True, True]
    for off in (True, False):
        shown.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": off})
        shown.refresh()
        assert shown.execute_script(promised) == [not off, not off]
