"""The pictures of the report of results/: docs/report.png at 1,280 pixels, docs/report-telephone.png at 390.

    python benchmarks/picture.py

Needs chromium and chromedriver on PATH.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from selenium import webdriver

ROOT = Path(__file__).parents[1]
COMMAND = ("report", "--store", "results", "--instance", "aws:p5.4xlarge", "--format", "html")
# Pixels: wide and high. Of the page, what is read first.
PICTURES = {"report.png": (1280, 1640), "report-telephone.png": (390, 1500)}
COLOURS = 64


def chromium() -> webdriver.Chrome:
    """A browser without a window."""
    options = webdriver.ChromeOptions()
    for flag in ("headless", "no-sandbox", "disable-gpu", "hide-scrollbars"):
        options.add_argument(f"--{flag}")
    # The driver by name, or selenium looks for one in the network.
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))


def screen(browser: webdriver.Chrome, width: int, height: int) -> None:
    """Give the browser a screen of so many pixels: a telephone's where it is narrow."""
    size = {"width": width, "height": height}
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {**size, "deviceScaleFactor": 1, "mobile": width < 500}
    )


def shot(browser: webdriver.Chrome, page: Path, width: int, height: int) -> Image.Image:
    """The top of the page, on a screen that is as wide."""
    screen(browser, width, height)
    browser.get(page.as_uri())
    clip = {"x": 0, "y": 0, "scale": 1, "width": width, "height": height}
    taken = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})
    return Image.open(io.BytesIO(b64decode(taken["data"]))).convert("RGB")


def main() -> None:
    """Make the page, and from it the pictures."""
    with TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        subprocess.run([sys.executable, "-m", "bench", *COMMAND, "-o", str(page)], cwd=ROOT, check=True)
        browser = chromium()
        try:
            pictures = {name: shot(browser, page, *size) for name, size in PICTURES.items()}
        finally:
            browser.quit()
    for name, picture in pictures.items():
        target = ROOT / "docs" / name
        picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(target, optimize=True)
        print(f"{target}: {picture.width}x{picture.height}, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
