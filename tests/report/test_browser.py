"""The page in a real browser: it draws, it plays in step, keys work, and who cannot see it can read it."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import DESKTOP, PHONE, axe, look
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.xdist_group("report")
SYNC_SECONDS = 0.02


@pytest.fixture
def page(browser: webdriver.Chrome, report: Path) -> webdriver.Chrome:
    look(browser, DESKTOP)
    browser.get(report.as_uri())
    browser.execute_script("localStorage.clear()")
    browser.get(report.as_uri())
    return browser


def run(page: webdriver.Chrome, script: str) -> Any:
    """Run what may wait, with the first song as `song`."""
    return page.execute_async_script(
        f"const done = arguments[0]; const song = dssganSongs[0]; (async () => {{ {script} }})().then(done, (error) => "
        "done(`failed: ${error}`));"
    )


def scroll_through(page: webdriver.Chrome) -> None:
    height = page.execute_script("return document.documentElement.scrollHeight")
    for top in range(0, height, 500):
        page.execute_script(f"scrollTo(0, {top})")
        time.sleep(0.05)
    deadline = time.monotonic() + 20
    script = (
        "return [...document.querySelectorAll('.plot')].filter(p => p.offsetParent && !p.querySelector('svg')).length"
    )
    while page.execute_script(script) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert page.execute_script(script) == 0


def press(page: webdriver.Chrome, *keys: str) -> None:
    for key in keys:
        ActionChains(page).send_keys(key).perform()


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESKTOP, "dark")])
def test_everything_is_drawn_and_readable(
    page: webdriver.Chrome, report: Path, size: tuple[int, int], scheme: str
) -> None:
    look(page, size, scheme)
    page.get(report.as_uri())
    scroll_through(page)
    assert [entry for entry in page.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    # nothing is wider than the screen but what scrolls by itself
    assert page.execute_script("return document.documentElement.scrollWidth") <= size[0]
    assert page.execute_script("return window.broken") is None
    unnamed = "return [...document.querySelectorAll('img, [role=img]')].filter(e => !(e.alt ?? e.ariaLabel)).length"
    assert page.execute_script(unnamed) == 0
    assert axe(page) == []


def test_another_metric_is_drawn_when_it_is_chosen(page: webdriver.Chrome) -> None:
    choice = page.find_element(By.CSS_SELECTOR, ".choice")
    options = choice.find_elements(By.CSS_SELECTOR, "option")
    assert len(options) > 20
    options[5].click()
    scroll_through(page)
    shown = choice.find_elements(By.CSS_SELECTOR, ".option:not([hidden])")
    assert len(shown) == 1
    assert options[5].text.partition(" ")[2] in shown[0].text


def test_signals_play_in_step(page: webdriver.Chrome) -> None:
    record = """
        await song.play();
        await new Promise((resolve) => setTimeout(resolve, 200));
        const first = new Set(song.rows.map((row) => `${row.dataset.number} drums`));
        const inputs = new Map(
            song.transport.nodes.filter(({ name }) => first.has(name)).map((one) => [one.name, one.input])
        );
        const nodes = [...inputs.keys()].sort().map((name) => ({ input: inputs.get(name) }));
        const context = song.transport.context;
        const merger = new ChannelMergerNode(context, { numberOfInputs: nodes.length });
        nodes.forEach(({ input }, index) => input.connect(merger, 0, index));
        const processor = context.createScriptProcessor(4096, nodes.length, 1);
        const blocks = nodes.map(() => []);
        const recorded = new Promise((resolve) => {
            processor.onaudioprocess = ({ inputBuffer }) => {
                blocks.forEach((block, index) => block.push(...inputBuffer.getChannelData(index)));
                if (blocks[0].length >= context.sampleRate) resolve();
            };
        });
        merger.connect(processor).connect(context.destination);
        await recorded;
        processor.disconnect();
        return { rate: context.sampleRate, blocks };
    """
    for place in (0.0, 1.5):
        page.execute_script(f"dssganSongs[0].seek({place})")
        recorded = run(page, record)
        assert isinstance(recorded, dict), recorded
        _, reference, *methods = np.asarray(recorded["blocks"])
        assert len(methods) == 3
        assert np.abs(reference).max() > 0.01
        for method in methods:
            product = np.fft.irfft(np.fft.rfft(method) * np.conj(np.fft.rfft(reference)))
            lag = int(np.argmax(product))
            lag = min(lag, len(product) - lag)
            assert lag / recorded["rate"] < SYNC_SECONDS
            assert lag <= 1  # what was said: at the same sample


def test_switching_keeps_the_place(page: webdriver.Chrome) -> None:
    heard = run(page, """
        await song.play();
        await new Promise((resolve) => setTimeout(resolve, 300));
        const context = song.transport.context;
        const place = song.position(), now = context.currentTime;
        song.rows[2].querySelector(".pick").click();
        await new Promise((resolve) => setTimeout(resolve, 300));
        const moved = song.position() - place, passed = context.currentTime - now;
        const levels = new Map(song.transport.nodes.map(({ name, gain }) => [name, gain.gain.value]));
        const loud = [...levels].filter(([, level]) => level > 0.99).map(([name]) => name);
        const quiet = [...levels].filter(([, level]) => level < 0.01).length;
        return { moved, passed, loud, quiet, all: levels.size };
    """)  # fmt: skip
    assert isinstance(heard, dict), heard
    assert heard["passed"] > 0.2
    assert heard["moved"] == pytest.approx(heard["passed"], abs=SYNC_SECONDS)
    assert heard["loud"] == ["2 drums"]
    assert heard["quiet"] == heard["all"] - 1


def test_keys(page: webdriver.Chrome) -> None:
    page.find_element(By.CSS_SELECTOR, ".song .pick").click()
    state = "const song = dssganSongs[0]; return [song.playing, song.rows.indexOf(song.chosen), song.position()]"
    press(page, "3", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert page.execute_script(state) == [False, 2, 1]
    press(page, Keys.ARROW_DOWN)
    assert page.execute_script(state)[1] == 3
    press(page, Keys.ARROW_UP, Keys.ARROW_UP)
    assert page.execute_script(state)[1] == 1
    press(page, Keys.SPACE)
    time.sleep(1)
    playing, chosen, place = page.execute_script(state)
    assert (playing, chosen) == (True, 1)
    assert place > 1
    press(page, Keys.SPACE)
    assert page.execute_script(state)[0] is False
    # in a menu, keys are the menu's
    menu = page.find_element(By.CSS_SELECTOR, ".choice select")
    menu.send_keys(Keys.ARROW_DOWN)
    assert page.execute_script(state)[1] == 1


def test_a_click_into_a_spectrogram_moves_and_switches(page: webdriver.Chrome) -> None:
    run(page, "await song.load()")
    strip = page.find_elements(By.CSS_SELECTOR, ".song .strip")[1]
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", strip)
    ActionChains(page).move_to_element_with_offset(strip, strip.size["width"] // 4, 0).click().perform()
    chosen, place, seconds = page.execute_script(
        "const song = dssganSongs[0]; return [song.rows.indexOf(song.chosen), song.position(), song.seconds]"
    )
    assert chosen == 1
    assert place / seconds == pytest.approx(0.75, abs=0.02)


def test_without_drums_is_heard_and_seen(page: webdriver.Chrome) -> None:
    page.find_element(By.CSS_SELECTOR, "[data-what=rest]").click()
    page.find_elements(By.CSS_SELECTOR, ".song .pick")[1].click()
    heard = run(page, """
        await song.play();
        await new Promise((resolve) => setTimeout(resolve, 300));
        const heard = () => [...new Set(
            song.transport.nodes.filter(({ gain }) => gain.gain.value > 0.9).map(({ name }) => name)
        )];
        const loud = heard();
        song.rows[0].querySelector(".pick").click();
        await new Promise((resolve) => setTimeout(resolve, 300));
        const mix = heard();
        const shown = [...song.rows[1].querySelectorAll("img:not([hidden])")].map((image) => image.dataset.what);
        return { loud, mix, shown };
    """)  # fmt: skip
    assert heard == {"loud": ["1 rest"], "mix": ["0 drums"], "shown": ["rest"]}


def test_a_blind_test_hides_names_and_keeps_choices(page: webdriver.Chrome, report: Path) -> None:
    page.find_element(By.CSS_SELECTOR, ".blind").click()
    songs = page.find_elements(By.CSS_SELECTOR, ".song")
    assert len(songs) == 3
    orders = set()
    for _ in range(20):
        orders.add(tuple(page.execute_script(
            "return [...document.querySelectorAll('.song .method .name')].map((name) => name.dataset.name)"
        )))  # fmt: skip
        page.find_element(By.CSS_SELECTOR, ".blind").click()
        page.find_element(By.CSS_SELECTOR, ".blind").click()
    assert len(orders) > 1
    shown = page.find_element(By.CSS_SELECTOR, ".players").text
    assert "method A" in shown
    assert "first" not in shown
    liked = {}
    for song in songs:
        row = song.find_elements(By.CSS_SELECTOR, ".method")[0]
        liked[song.get_attribute("data-name")] = row.find_element(By.CSS_SELECTOR, ".name").get_attribute("data-name")
        page.execute_script("arguments[0].click()", row.find_element(By.CSS_SELECTOR, ".prefer"))
    assert "You have chosen in 3 of 3 songs." in page.find_element(By.CSS_SELECTOR, ".tally").text
    page.get(report.as_uri())  # as after closing the page
    cells = [
        [cell.text for cell in row.find_elements(By.XPATH, "./*")]
        for row in page.find_elements(By.CSS_SELECTOR, ".ballot tbody tr")
    ]
    assert cells == [[song, "drums", method] for song, method in liked.items()]
    page.find_element(By.CSS_SELECTOR, ".export").click()
    saved = Path(page.downloads) / "listening.json"  # type: ignore[attr-defined]
    deadline = time.monotonic() + 10
    while not saved.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    choices = json.loads(saved.read_text("utf-8"))["choices"]
    assert {choice["song"]: choice["choice"] for choice in choices} == liked
    assert all(sorted(choice["among"]) == ["first", "second"] for choice in choices)
