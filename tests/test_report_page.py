"""Test the page of a report in a browser: it loads, its slider moves, and something is drawn."""

import io
import json
import shutil

import numpy as np
import pytest
from conftest import train
from PIL import Image

from seqgan_gp.cli import main

CHROMIUM, DRIVER = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="no Chromium with its driver: apt-get install chromium-driver"
    ),
    pytest.mark.usefixtures("one_thread"),
]
OPTIONS = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


@pytest.fixture(scope="module")
def browser():
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    """The report of two runs, of which one has markup in its name."""
    folder = tmp_path_factory.mktemp("page")
    named = shutil.copytree(run, folder / "<img src=x onerror=document.title=1>")
    assert main(["report", str(run), str(named), "--out", str(folder / "page.html")]) == 0
    return folder / "page.html"


@pytest.fixture(scope="module")
def opened(browser, page):
    """The page, drawn."""
    from selenium.webdriver.support.ui import WebDriverWait

    browser.set_window_size(1000, 800)
    browser.get(page.as_uri())
    WebDriverWait(browser, 60).until(lambda b: b.execute_script("return document.documentElement.dataset.drawn"))
    return browser


def find(browser, selector):
    return browser.find_elements("css selector", selector)


def picture(browser):
    """Pixels (H, W, 3) of the window."""
    return np.array(Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB"))


def has_points(browser):
    """Whether a chart in the window has points in the colour of the first run."""
    return bool((np.abs(picture(browser).astype(int) - (0x0F, 0x7F, 0xC4)).sum(-1) < 30).sum() > 20)


def test_it_loads_without_errors_and_without_the_network(opened, run):
    assert [entry for entry in opened.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    sent = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    asked = {
        message["params"]["request"]["url"] for message in sent if message["method"] == "Network.requestWillBeSent"
    }
    assert asked and all(url.startswith(("file:", "data:", "chrome:")) for url in asked)
    assert opened.title == "2 runs"  # no markup has run
    assert (
        len(find(opened, ".chart")) == int(opened.execute_script("return document.documentElement.dataset.drawn")) > 9
    )


def test_the_slider_shows_the_sentences_of_each_evaluation(opened, run):
    story = find(opened, "details.story")[0]
    slider, shown = find(story, ".slider input")[0], lambda: find(story, ".frame:not([hidden])")
    opened.execute_script("arguments[0].scrollIntoView()", slider)

    def sample(step):
        return (run / "samples" / f"step-{step:07d}.txt").read_text().splitlines()[0]

    for key, step in ((None, 6), ("\ue012", 3), ("\ue014", 6)):  # as it is, arrow left, arrow right
        if key:
            slider.send_keys(key)
        (frame,) = shown()
        assert find(frame, "li")[0].text == " ".join(sample(step).split())
        assert find(story, ".slider output")[0].text == f"step {step}"
    play = find(story, ".slider .play")[0]
    # In one script: the slider moves on after .8 seconds, and the machine may be busy.
    begun = "arguments[0].click(); const at = arguments[1].value; arguments[0].click(); return at;"
    assert opened.execute_script(begun, play, find(story, ".slider output")[0]) == "step 3"  # it begins anew
    assert play.get_attribute("aria-label") == "Play"  # and pauses


@pytest.mark.parametrize(("width", "dark"), [(1000, False), (1000, True), (390, False)])
def test_it_is_drawn_in_light_and_dark_and_fits_a_phone(opened, width, dark):
    from selenium.webdriver.support.ui import WebDriverWait

    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        assert opened.execute_script("return document.documentElement.scrollWidth") <= width
        opened.execute_script("document.querySelector('.chart').scrollIntoView({block: 'center'})")
        WebDriverWait(opened, 60).until(has_points)  # charts follow a new width a little later
        pixels = picture(opened)
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50
        assert (pixels[0, 0].mean() < 60) == dark and (pixels[0, 0].mean() > 200) != dark
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_tables_are_copied_whole(opened):
    copied = "navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); }"
    opened.execute_script(f"Object.defineProperty(window, 'isSecureContext', {{value: true}}); {copied}")
    (button,) = find(opened, ".of-seeds .copy")
    opened.execute_script("arguments[0].click()", button)
    lines = [line.split("\t") for line in opened.execute_script("return window.copied").splitlines()]
    assert lines[0][0] == "score" and len({len(line) for line in lines}) == 1
    assert {"bleu_2", "bleu_4", "unique"} <= {line[0] for line in lines}  # those that are folded, too


@pytest.mark.slow
def test_the_report_of_a_run_with_all_parts_prints_on_paper(browser, tmp_path):
    parts = ["--revision.passes=2", "--revision.share=0.34", "--reranking.candidates=2", "--reranking.share=0.34"]
    assert train(tmp_path / "run", *parts, "--report=true") == 0
    browser.get((tmp_path / "run" / "report.html").as_uri())
    assert len(browser.print_page()) > 50_000
