"""How soon the page of `dssgan app` is there, shows a song and follows its user, and how much memory the app takes.

Each figure stands beside a floor of the same run: starting Python with the server's packages, decoding the same mp3,
and reading an excerpt from the app without a player. Needs Chromium and its driver.
"""

import argparse
import http.client
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode

import numpy as np
import psutil
from machine import describe
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from dssgan.audio.files import read_blocks
from dssgan.data.loading import load_dataset

RATE, MINUTES = 44100, 5
Note = Callable[[str, float], None]  # called with what was measured, and the figure
LEAD_MS = 15  # of what is scheduled, see transport.js
PACKAGES = "import fastapi, uvicorn, python_multipart, numpy, soundfile"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    found: dict[str, list[float]] = {}

    def note(name: str, seconds: float) -> None:
        found.setdefault(name, []).append(seconds)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        song = make_song(folder)
        for round_ in range(arguments.rounds):
            note("packages alone, s", timed(lambda: subprocess.run([sys.executable, "-c", PACKAGES], check=True)))
            note("mp3 decoded, s", timed(lambda: sum(block.shape[1] for block in read_blocks(song, 1 << 16))))
            measure(folder / f"library{round_}", song, note)
    print(f"{arguments.rounds} rounds, {describe()}\n")
    print("| What | Median | Least to most |\n|---|---|---|")
    for what, values in found.items():
        print(f"| {what} | {statistics.median(values):.3f} | {min(values):.3f} to {max(values):.3f} |")


def make_song(folder: Path) -> Path:
    """Write five minutes of music as mp3."""
    import soundfile

    mix = load_dataset().test[0].load(RATE)[0]
    long = np.tile(mix, -(-MINUTES * 60 * RATE // mix.shape[1]))[:, : MINUTES * 60 * RATE]
    soundfile.write(folder / "song.wav", long.T, RATE)
    command = ["ffmpeg", "-v", "error", "-i", str(folder / "song.wav"), "-b:a", "192k", str(folder / "song.mp3")]
    subprocess.run(command, check=True)
    return folder / "song.mp3"


def timed(act: Callable[[], object]) -> float:
    """Return how long a call takes, seconds."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def measure(library: Path, song: Path, note: Note) -> None:
    """Start the app once, use it, and note every figure."""
    program = Path(sys.executable).with_name("dssgan")
    begun = time.perf_counter()
    command = [str(program), "app", "--no-browser", "--library", str(library), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as app:
        try:
            assert app.stdout is not None
            link = app.stdout.readline().split()[-1]
            use(link, app.pid, song, begun, note)
        finally:
            app.terminate()


def use(link: str, process: int, song: Path, begun: float, note: Note) -> None:
    """Do what a person does."""
    port, token = int(link.split(":")[2].split("/")[0]), link.rpartition("=")[2]

    def ask(method: str, path: str, body: BinaryIO | None = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request(method, path, body, {"Authorization": f"Bearer {token}"})
        return connection.getresponse()

    ask("GET", "/").read()
    note("page answers after the command, s", time.perf_counter() - begun)
    memory = psutil.Process(process).memory_info
    before = memory().rss
    begun = time.perf_counter()
    with song.open("rb") as file:
        query = urlencode({"name": "song.mp3", "model": "fast"})
        added = json.loads(ask("POST", f"/songs?{query}", file).read())
    answer = ask("GET", f"/songs/{added['id']}/waveform/mix")
    answer.read(2048)
    note("first waveform after the drop, s", time.perf_counter() - begun)
    answer.read()
    note("whole waveform after the drop, s", time.perf_counter() - begun)
    while json.loads(ask("GET", f"/songs/{added['id']}").read())["state"] != "done":
        time.sleep(0.2)
    query = urlencode({"signals": "drums,other", "start": 100 * RATE, "frames": RATE // 2})
    note("half a second read, ms", 1000 * timed(lambda: ask("GET", f"/songs/{added['id']}/audio?{query}").read()))
    look(link, added["id"], note)
    ask("GET", f"/songs/{added['id']}/stems.zip?format=flac").read()
    note("memory that a song adds, MB", (memory().rss - before) / 1e6)


def look(link: str, song: str, note: Note) -> None:
    """Open the song in a browser, and measure how soon a seek and a solo are heard."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
        "--autoplay-policy=no-user-gesture-required",
    ):  # fmt: skip
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        browser.set_script_timeout(60)
        browser.get(link)
        while not browser.find_elements(By.CSS_SELECTOR, ".item[data-state=done]"):
            time.sleep(0.05)
        browser.execute_script(f"location.hash = 'song={song}'")
        while not browser.find_elements(By.CSS_SELECTOR, ".track"):
            time.sleep(0.05)
        seeks = browser.execute_async_script("""
            const done = arguments[0];
            (async () => {
                const { transport } = dssganPlayer;
                transport.play();
                await new Promise((resolve) => setTimeout(resolve, 1500));
                const found = [];
                for (const place of [50, 200, 120, 280, 10]) {
                    const begun = performance.now();
                    transport.seek(place);
                    while (!transport.nodes.length) await new Promise((resolve) => setTimeout(resolve, 1));
                    found.push(performance.now() - begun);
                    await new Promise((resolve) => setTimeout(resolve, 300));
                }
                const begun = performance.now();
                document.querySelector(".solo").click();
                const solo = performance.now() - begun;
                done([...found, solo]);
            })();
        """)
        for milliseconds in seeks[:-1]:
            note("seek until it sounds, ms", milliseconds + LEAD_MS)
        note("solo, ms", seeks[-1] + 10)
    finally:
        browser.quit()


if __name__ == "__main__":
    main()
