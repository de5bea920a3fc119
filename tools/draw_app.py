"""Draw docs/app.png: `python tools/draw_app.py`. Needs Chromium and its driver.

A bundled song, in the page as it is once it has been separated into pieces.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from dssgan.audio.files import write
from dssgan.data.loading import load_dataset

RATE = 44100
SIZES = {"desktop": (1280, 1000), "phone": (390, 844)}


def main() -> None:
    """Start the app, send the song, wait, and take the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--song", default="", help="part of the name of a bundled test song; the first one by default")
    parser.add_argument("--file", type=Path, help="a recording in place of a bundled song")
    parser.add_argument("--size", choices=SIZES, default="desktop")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--spectrograms", action="store_true")
    parser.add_argument("--no-pieces", action="store_true")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/app.png"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        song = arguments.file
        if song is None:
            track = next(one for one in load_dataset().test if arguments.song in one.name)
            song = folder / f"{track.name}.wav"
            write(song, track.load(RATE)[0], RATE)
        program = Path(sys.executable).with_name("dssgan")
        command = [str(program), "app", "--no-browser", "--library", str(folder / "library")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as app:
            try:
                assert app.stdout is not None
                link = app.stdout.readline().split()[-1]
                draw(link, song, arguments)
            finally:
                app.terminate()


def draw(link: str, song: Path, arguments: argparse.Namespace) -> None:
    """Use the page as a person would, and keep what is seen."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        width, height = SIZES[arguments.size]
        scheme = {"name": "prefers-color-scheme", "value": "dark" if arguments.dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": arguments.size == "phone"}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.get(link)
        wait(browser, "select[name=model] option")
        if not arguments.no_pieces:
            browser.find_element(By.CSS_SELECTOR, "#options summary").click()
            for option in ("pieces", "midi"):
                browser.find_element(By.CSS_SELECTOR, f"input[name={option}]").click()
            browser.find_element(By.CSS_SELECTOR, "#options summary").click()
        browser.find_element(By.ID, "files").send_keys(str(song.resolve()))
        wait(browser, ".item[data-state=done]", 300)
        browser.find_element(By.CSS_SELECTOR, ".item .actions button").click()
        wait(browser, "#player .track")
        if arguments.spectrograms:
            browser.execute_script(
                "[...document.querySelectorAll('button')].find(b => b.textContent === 'Spectrograms').click()"
            )
        browser.execute_script("dssganPlayer.transport.seek(7)")
        time.sleep(3)
        full = browser.execute_script("return document.documentElement.scrollHeight")
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**metrics, "height": full})
        time.sleep(1)
        browser.save_screenshot(str(arguments.output))
    finally:
        browser.quit()


def wait(browser: webdriver.Chrome, selector: str, seconds: float = 30) -> None:
    """Wait for an element."""
    end = time.monotonic() + seconds
    while not browser.find_elements(By.CSS_SELECTOR, selector):
        if time.monotonic() > end:
            raise TimeoutError(f"{selector}: {browser.get_log('browser')}")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
