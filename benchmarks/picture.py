"""The picture of the report in the README, docs/report.png: heading, cost table and first plot of the page of results/.

    python benchmarks/picture.py

Needs chromium and chromedriver on PATH.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By

ROOT = Path(__file__).parents[1]
WIDTH, HEIGHT = 1480, 5000  # px: the table unfolded, the page without scrolling
PARTS = ("header", "#cost-table", "figure")
MARGIN = 24
COLOURS = 32


def shots(page: Path) -> list[Image.Image]:
    """The parts of the page, each as a picture."""
    options = webdriver.ChromeOptions()
    for flag in ("headless", "no-sandbox", "disable-gpu", "hide-scrollbars", f"window-size={WIDTH},{HEIGHT}"):
        options.add_argument(f"--{flag}")
    # The driver by name, or selenium looks for one in the network.
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        browser.get(page.as_uri())
        found = [browser.find_element(By.CSS_SELECTOR, part).screenshot_as_png for part in PARTS]
    finally:
        browser.quit()
    return [Image.open(io.BytesIO(png)).convert("RGB") for png in found]


def main() -> None:
    """Make the page, and from it the picture."""
    with TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        command = [sys.executable, "-m", "bench", "report", "--store", "results", "--format", "html", "-o", str(page)]
        subprocess.run(command, cwd=ROOT, check=True)
        parts = shots(page)
    height = sum(part.height + MARGIN for part in parts) + MARGIN
    whole = Image.new("RGB", (max(part.width for part in parts) + 2 * MARGIN, height), "white")
    top = MARGIN
    for part in parts:
        whole.paste(part, (MARGIN, top))
        top += part.height + MARGIN
    target = ROOT / "docs" / "report.png"
    whole.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"{target}: {whole.width}x{whole.height}, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
