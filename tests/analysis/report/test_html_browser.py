"""The HTML report in a real browser: it fits, it is quiet, it asks for nothing, and keys reach all of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analysis.report.html import as_html
from analysis.report.report import build_report, read_report
from analysis.tables.given_prices import what_if_price
from bench.record.documents import AnyDocument, RecipeRef
from bench.store import open_store
from tests.support import browser, small_store as a

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver
    from selenium.webdriver.remote.webelement import WebElement

pytestmark = pytest.mark.slow

HOSTILE = "<script>document.title='owned'</script><img src=http://example.org/x.png>"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """The browser with the report of the small store, one run that wishes it ill, and one whose name has no end."""
    folder = tmp_path_factory.mktemp("browser")
    runs = [*a.a_small_store(), a.a_broken_run(900, lease_id=a.an_id(1), message=HOSTILE)]
    endless = RecipeRef(name="endless" * 30, source_sha256="0" * 64)
    runs.append(a.a_run(901, recipe=endless, device=runs[-1].device.model_copy(update={"name": "W" * 200})))
    path = folder / "report.html"
    path.write_text(as_html(build_report(runs)), encoding="utf-8")
    with browser.chromium(folder / "profile") as chromium:
        chromium.get(path.as_uri())
        yield chromium


def keys() -> Any:
    return pytest.importorskip("selenium.webdriver.common.keys").Keys


def column(shown: WebDriver, number: int) -> list[str]:
    script = (
        "return [...document.querySelectorAll('#costs-table tbody tr')].map(r => r.cells[arguments[0]].dataset.value)"
    )
    values: list[str] = shown.execute_script(script, number)
    return values


def header(shown: WebDriver, number: int) -> WebElement:
    return shown.find_elements("css selector", "#costs-table thead th")[number]


def test_it_shows_without_a_word_and_asks_for_nothing(shown: WebDriver) -> None:
    # Not counted: the empty icon in the page itself, and the tab that a browser opens with.
    asked = {url for url in browser.asked_for(shown) if not url.startswith(("data:", "chrome:"))}
    assert asked == {shown.current_url}
    assert browser.said(shown) == []
    assert shown.title == "Time, quality and cost of training, under the airbench clock"
    drawings = [svg for svg in shown.find_elements("css selector", "figure svg") if svg.is_displayed()]
    assert len(drawings) == 4
    assert all(drawing.size["width"] > 400 and drawing.size["height"] > 100 for drawing in drawings)
    assert all(drawing.accessible_name for drawing in drawings)


def test_a_request_made_all_the_same_is_refused(shown: WebDriver) -> None:
    shown.execute_script("new Image().src = 'http://127.0.0.1:9/x.png'")
    assert any("Content Security Policy" in message for message in browser.said(shown))


def test_the_keyboard_sorts_both_ways_and_says_so(shown: WebDriver) -> None:
    time = 4
    button = header(shown, time).find_element("css selector", "button")
    # From the header before, Tab leads to this one.
    shown.execute_script("arguments[0].focus()", header(shown, time - 1).find_element("css selector", "button"))
    shown.switch_to.active_element.send_keys(keys().TAB)
    assert shown.switch_to.active_element == button
    for key, order, reverse in ((keys().ENTER, "ascending", False), (keys().SPACE, "descending", True)):
        button.send_keys(key)
        assert header(shown, time).get_attribute("aria-sort") == order
        values = [float(value) for value in column(shown, time)]
        assert values == sorted(values, reverse=reverse)
        assert shown.switch_to.active_element == button


def test_the_mouse_sorts_and_unknown_comes_last_both_ways(shown: WebDriver) -> None:
    cost = 5
    for order in ("ascending", "descending"):
        header(shown, cost).find_element("css selector", "button").click()
        assert header(shown, cost).get_attribute("aria-sort") == order
        assert column(shown, cost)[-1] == ""
    others = shown.find_elements("css selector", "#costs-table th[aria-sort=none]")
    assert len(others) == 8


def at_width(shown: WebDriver, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    shown.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def sideways(shown: WebDriver, width: int) -> list[list[int]]:
    """Of the page and each table on a screen of that width: how wide what is in it is, and how wide it is."""
    at_width(shown, width)
    sizes: list[list[int]] = shown.execute_script(
        "return [document.documentElement, ...document.querySelectorAll('.scroll:has(.cards)')]"
        ".map(e => [e.scrollWidth, e.clientWidth])"
    )
    return sizes


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("unfolded", [False, True])
def test_nothing_scrolls_sideways_on_a_laptop_and_on_a_telephone(shown: WebDriver, width: int, unfolded: bool) -> None:
    shown.execute_script("document.querySelectorAll('details').forEach(d => d.open = arguments[0])", unfolded)
    sizes = sideways(shown, width)
    assert all(inside <= outside for inside, outside in sizes), sizes
    assert width - 20 < sizes[0][1] <= width  # less a scroll bar


def test_our_own_results_with_every_entry_and_a_what_if_price_fit_too(tmp_path: Path) -> None:
    store, price = open_store(Path(__file__).parents[3] / "results"), what_if_price("aws:p5.4xlarge")
    report, _ = read_report([store], "airbench", "all", plots=True, what_if=price)
    path = tmp_path / "results.html"
    path.write_text(as_html(report), encoding="utf-8")
    with browser.chromium(tmp_path / "profile") as chromium:
        chromium.get(path.as_uri())
        for width in (1280, 390):
            sizes = sideways(chromium, width)
            assert all(inside <= outside for inside, outside in sizes), (width, sizes)
        assert browser.said(chromium) == []


def test_a_drawing_fits_the_screen_that_it_is_for(shown: WebDriver) -> None:
    for width, kind, other in ((1280, "wide", "narrow"), (390, "narrow", "wide")):
        at_width(shown, width)
        (drawing,) = shown.find_elements("css selector", f"#cost svg.{kind}")
        assert drawing.is_displayed()
        assert not shown.find_element("css selector", f"#cost svg.{other}").is_displayed()
        sizes = shown.execute_script(
            "return [...document.querySelectorAll('figure svg text')].filter(t => t.checkVisibility())"
            ".map(t => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a)"
        )
        assert min(sizes) > 8.4  # px, as the drawing is scaled


def tip(shown: WebDriver) -> list[str]:
    """What the tip says, line by line; nothing while it is hidden."""
    said: list[str] = shown.execute_script("return tip.hidden ? [] : [...tip.children].map(line => line.textContent)")
    return said


def active(shown: WebDriver, name: str) -> str | None:
    found: str | None = shown.switch_to.active_element.get_attribute(name)
    return found


def test_tab_reaches_every_note_and_every_drawing_and_each_says_what_it_holds(shown: WebDriver) -> None:
    at_width(shown, 1280)
    shown.execute_script(
        "document.querySelectorAll('details').forEach(d => d.open = false);"
        "const top = document.querySelector('h1'); top.tabIndex = -1; top.focus()"
    )
    described, drawings = set(), set()
    for _ in range(200):
        shown.switch_to.active_element.send_keys(keys().TAB)
        ids = active(shown, "aria-describedby") if shown.switch_to.active_element.tag_name == "button" else None
        if ids:
            assert tip(shown) == shown.execute_script(
                "return arguments[0].map(id => document.getElementById(id).textContent)", ids.split()
            )
            described.update(ids.split())
        elif active(shown, "class") == "has-tip":
            assert tip(shown) == str(active(shown, "aria-label")).split("\n")
            drawings.add(shown.execute_script("return document.activeElement.closest('figure').id"))
        if shown.switch_to.active_element.tag_name == "body":
            break
    notes = shown.execute_script(
        "return [...document.querySelectorAll('[id^=row-note-], [id^=claim-note-], [id^=lease-note-]')].map(e => e.id)"
    )
    assert set(notes) <= described
    assert drawings == {"cost", "accuracy", "hits", "phases"}
    shown.switch_to.active_element.send_keys(keys().ESCAPE)
    assert tip(shown) == []


def test_arrows_go_from_point_to_point_and_escape_takes_the_numbers_away(shown: WebDriver) -> None:
    at_width(shown, 1280)
    points = shown.execute_script(
        "return [...document.querySelectorAll('#cost svg.wide .has-tip')].map(p => p.ariaLabel)"
    )
    assert len(points) > 3
    shown.execute_script("document.querySelector('#cost svg.wide .has-tip').focus()")
    said = [tip(shown)]
    for _ in points[1:]:
        shown.switch_to.active_element.send_keys(keys().ARROW_RIGHT)
        said.append(tip(shown))
    assert said == [point.split("\n") for point in points]
    shown.switch_to.active_element.send_keys(keys().HOME)
    assert tip(shown) == said[0]
    # One stop of Tab in the whole drawing.
    assert len(shown.find_elements("css selector", "#cost svg.wide [tabindex='0']")) == 1
    shown.switch_to.active_element.send_keys(keys().ESCAPE)
    assert tip(shown) == []


@pytest.mark.parametrize(
    "target", ["#cost svg.wide .has-tip", "#cost svg.wide .name", "#accuracy use.has-tip", "#costs-table .mark"]
)
def test_a_pointer_over_it_tells_and_elsewhere_it_does_not(shown: WebDriver, target: str) -> None:
    chains = pytest.importorskip("selenium.webdriver.common.action_chains")
    at_width(shown, 1280)
    element = shown.find_element("css selector", target)
    shown.execute_script("document.activeElement.blur(); arguments[0].scrollIntoView({block: 'center'})", element)
    chains.ActionChains(shown).move_to_element(element).perform()
    assert tip(shown)
    chains.ActionChains(shown).move_to_element(shown.find_element("css selector", "h2")).perform()
    assert tip(shown) == []
    assert browser.said(shown) == []


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
    assert len(letters) > 50
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
