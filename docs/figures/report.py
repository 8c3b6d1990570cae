"""Draw docs/figures/report-light.png and report-dark.png: two parts of the report of a run, as a browser shows them.

accelerate launch run.py --config text.yaml && python docs/figures/report.py runs/text/report.html
"""

import base64
import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

WIDTH = 1000
SECTIONS = {"light": ("of-through_time", "of-charts"), "dark": ("of-tokens", "of-walk")}  # the first and the last one
EARLY = 2  # the evaluation that the slider of the first figure shows, counted from 0

options = webdriver.ChromeOptions()
options.binary_location = shutil.which("chromium") or ""
for option in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"):
    options.add_argument(option)
browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
for scheme, (first, last) in SECTIONS.items():
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    size = {"width": WIDTH, "height": 900, "deviceScaleFactor": 1.5, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(Path(sys.argv[1]).resolve().as_uri())
    WebDriverWait(browser, 60).until(lambda b: b.execute_script("return document.documentElement.dataset.drawn"))
    browser.execute_script(
        "const range = document.querySelector('.slider input');"
        "range.value = arguments[0]; range.dispatchEvent(new Event('input'));",
        EARLY,
    )
    top, bottom = browser.execute_script(
        "const box = name => document.querySelector('.' + name).getBoundingClientRect();"
        "return [box(arguments[0]).top + scrollY - 24, box(arguments[1]).bottom + scrollY + 24]",
        first,
        last,
    )
    clip = {"x": 0, "y": top, "width": WIDTH, "height": bottom - top, "scale": 1}
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    picture = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
    picture.quantize(64, dither=Image.Dither.NONE).save(Path(__file__).with_name(f"report-{scheme}.png"), optimize=True)
browser.quit()
