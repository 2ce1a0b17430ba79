"""How long the HTML report takes to be made and to be opened, and how large it is.

    python -m benchmarks.page

Makes the page of results/ with all published entries in five processes, one after another, and opens it in Chromium;
then makes and opens one of 10,000 runs. Needs chromium and chromedriver on PATH, and pytest, whose builders it uses.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from selenium.webdriver import Chrome

from analysis.report.html import as_html
from analysis.report.report import build_report, read_report
from bench.record.documents import AnyDocument, RecipeRef
from bench.store import open_store
from benchmarks.picture import ROOT, chromium, screen
from tests.support import small_store as a

TIMES = 5
COMMAND = ("report", "--store", "results", "--published", "all", "--format", "html")
OPENED = "return performance.timing.loadEventEnd - performance.timing.navigationStart"


def taken(work: Callable[[], object]) -> str:
    """Seconds of the clock and of the processor that `work` takes, children included: median, and the least."""
    found = []
    for _ in range(TIMES):
        start, before = time.perf_counter(), sum(os.times()[:4])
        work()
        found.append((time.perf_counter() - start, sum(os.times()[:4]) - before))
    wall, cpu = zip(*found, strict=True)
    return f"{statistics.median(wall):.2f} s (least {min(wall):.2f}), processor {statistics.median(cpu):.2f} s"


def opened(browser: Chrome, page: Path) -> str:
    """Milliseconds to the load event, and how high the page is at 1,280 pixels."""
    screen(browser, 1280, 900)
    found = []
    for _ in range(TIMES):
        browser.get(page.as_uri())
        found.append(browser.execute_script(OPENED))
    width = browser.execute_script("return document.documentElement.scrollWidth")
    return f"{statistics.median(found):.0f} ms (least {min(found)}), {width} px wide, {page.stat().st_size:,} bytes"


def many_runs() -> list[AnyDocument]:
    """10,000 runs of two recipes, half of them priced."""
    seconds = [60 + (7 * k % 100) / 10 for k in range(5000)]
    other = RecipeRef(name="other", source_sha256="0" * 64)
    return [
        a.a_lease(1),
        *a.a_series(10, seconds, lease_id=a.an_id(1)),
        *a.a_series(9000, seconds, recipe=other),
    ]


def main() -> None:
    """Print the figures."""
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        command = [sys.executable, "-m", "bench", *COMMAND, "-o", str(page)]
        print("bench report, whole process:", taken(lambda: subprocess.run(command, cwd=ROOT, check=True)))
        store = open_store(str(ROOT / "results"))
        report, _ = read_report([store], "airbench", "all", plots=True)
        read = taken(lambda: read_report([store], "airbench", "all", plots=True))
        print("of that: records to a report:", read)
        print("of that: a report to a page:", taken(lambda: as_html(report)))
        large = Path(folder) / "large.html"
        large.write_text(as_html(build_report(many_runs(), which="all")), encoding="utf-8")
        browser = chromium()
        try:
            print("opened, results/:", opened(browser, page))
            print("opened, 10,000 runs:", opened(browser, large))
        finally:
            browser.quit()


if __name__ == "__main__":
    main()
