"""The page in a real browser: from a dropped file to its export."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL
from typing import Any

import numpy as np
import pytest
from browser import DESKTOP, PHONE, axe, look
from running_app import RATE, RunningApp, start
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from dssgan import web
from dssgan.audio import files

pytestmark = pytest.mark.xdist_group("app")
MAX_BYTES = 300_000


@pytest.fixture
def page(browser: webdriver.Chrome, app: RunningApp) -> webdriver.Chrome:
    look(browser, DESKTOP)
    browser.get(app.ask("GET", "/", headers={}, token=app.token) and f"http://127.0.0.1:{app.port}/?token={app.token}")
    find(browser, "select[name=model] option")
    return browser


def find(browser: webdriver.Chrome, selector: str, seconds: float = 60) -> WebElement:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := browser.find_elements(By.CSS_SELECTOR, selector):
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"{selector}: {browser.get_log('browser')} {browser.find_element(By.TAG_NAME, 'main').text}")


def find_song(browser: webdriver.Chrome, name: str, condition: str) -> WebElement:
    """Find the item of a song once a selector fits it."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for item in browser.find_elements(By.CSS_SELECTOR, f".item{condition}"):
            if item.text.startswith(name):
                return item
        time.sleep(0.05)
    raise AssertionError(browser.find_element(By.ID, "songs").text)


def press(browser: webdriver.Chrome, label: str) -> None:
    """Press a button by what it is called."""
    button = find(browser, f"button[aria-label='{label}']") if "'" not in label else None
    assert button is not None
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()


def run(browser: webdriver.Chrome, script: str) -> Any:
    """Run what may wait, with the player as `player`."""
    return browser.execute_async_script(
        f"const done = arguments[0]; const player = dssganPlayer; (async () => {{ {script} }})().then(done, (error) => "
        "done(`failed: ${error}`));"
    )


@pytest.fixture
def opened(page: webdriver.Chrome, separated: Any) -> Iterator[webdriver.Chrome]:
    """The page with the song in the player."""
    page.execute_script(f"location.hash = 'song={separated['id']}'")
    find(page, "#player .track[data-name=kick]")
    yield page
    page.execute_script("location.hash = ''")


def drop(browser: webdriver.Chrome, path: Path) -> None:
    """Drop a file on the page."""
    made = browser.execute_script(
        "const input = document.createElement('input'); input.type = 'file'; input.id = 'dropped';"
        "document.body.append(input); return input;"
    )
    made.send_keys(str(path))
    browser.execute_script(
        "const transfer = new DataTransfer(); transfer.items.add(dropped.files[0]); dropped.remove();"
        "dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));"
    )


def test_drop_progress_waveform_reload_and_delete(page: webdriver.Chrome, app: RunningApp, tmp_path: Path) -> None:
    audio = np.random.default_rng(1).uniform(-0.3, 0.3, (2, 20 * RATE)).astype(np.float32)
    files.write(tmp_path / "Größe 7.wav", audio, RATE)
    page.execute_script("document.querySelector('#options').open = true")
    model = find(page, "select[name=model]")
    page.execute_script("arguments[0].value = arguments[1]", model, app.options[1])
    page.execute_script("arguments[0].dispatchEvent(new Event('change', { bubbles: true }))", model)
    drop(page, tmp_path / "Größe 7.wav")
    find_song(page, "Größe 7", "[data-drawn]")  # its waveform is there before it is separated
    find_song(page, "Größe 7", "[data-state=done]")
    page.refresh()
    find_song(page, "Größe 7", "[data-state=done]")
    assert page.execute_script("return document.querySelector('select[name=model]').value") == app.options[1]
    search = find(page, "#search")
    search.send_keys("grösse")
    assert find(page, "#no-songs").text == "No song has such a name."
    search.clear()
    search.send_keys("größe")
    assert [
        one.text.partition("\n")[0] for one in page.find_elements(By.CSS_SELECTOR, ".item") if one.is_displayed()
    ] == ["Größe 7"]
    press(page, "Delete Größe 7")
    page.switch_to.alert.accept()
    end = time.monotonic() + 10
    while "Größe 7" in page.find_element(By.ID, "songs").text and time.monotonic() < end:
        time.sleep(0.05)
    assert "Größe 7" not in page.find_element(By.ID, "songs").text


def test_what_fails_says_why_and_can_be_tried_again(page: webdriver.Chrome, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    drop(page, tmp_path / "broken.wav")
    end = time.monotonic() + 10
    while not page.find_element(By.ID, "alert").text and time.monotonic() < end:
        time.sleep(0.05)
    assert page.find_element(By.ID, "alert").text.startswith("broken.wav: not audio, or corrupt")
    (tmp_path / "notes.txt").write_text("words")
    drop(page, tmp_path / "notes.txt")
    time.sleep(0.2)
    assert page.find_element(By.ID, "alert").text == "There is no sound among these files."


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESKTOP, "dark")])
def test_everybody_can_read_and_use_it(opened: webdriver.Chrome, size: tuple[int, int], scheme: str) -> None:
    opened.get_log("browser")
    look(opened, size, scheme)
    time.sleep(0.3)
    opened.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert opened.execute_script("return document.documentElement.scrollWidth") <= size[0]
    assert axe(opened) == []
    assert [entry for entry in opened.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


def test_other_pages_can_be_read(browser: webdriver.Chrome, page: webdriver.Chrome, app: RunningApp) -> None:
    page.get(f"http://127.0.0.1:{app.port}/api")
    find(page, ".route:nth-of-type(5)")
    assert "POST /songs" in page.find_element(By.ID, "routes").text
    assert axe(browser) == []
    page.get(f"http://127.0.0.1:{app.port}/login#wrong")
    assert "That was not the password" in find(page, "#alert").text
    assert axe(browser) == []


def test_signals_play_in_step_and_mute_and_solo_are_at_once(
    opened: webdriver.Chrome, separated: Any, app: RunningApp
) -> None:
    recorded = run(opened, """
        player.transport.seek(1);
        await Promise.race([player.transport.play(), new Promise((resolve) => setTimeout(resolve, 400))]);
        const { context } = player.transport;
        const inputs = new Map(player.transport.nodes.map(({ name, input }) => [name, input]));
        const names = [...inputs.keys()];
        const merger = new ChannelMergerNode(context, { numberOfInputs: names.length });
        names.forEach((name, index) => inputs.get(name).connect(merger, 0, index));
        const processor = context.createScriptProcessor(4096, names.length, 1);
        const blocks = names.map(() => []);
        await new Promise((resolve) => {
            processor.onaudioprocess = ({ inputBuffer }) => {
                blocks.forEach((block, index) => block.push(...inputBuffer.getChannelData(index)));
                if (blocks[0].length >= context.sampleRate * 3) resolve();
            };
            merger.connect(processor).connect(context.destination);
        });
        processor.disconnect();
        player.transport.pause();
        return { names, blocks, rate: context.sampleRate };
    """)  # fmt: skip
    assert isinstance(recorded, dict), recorded
    assert recorded["rate"] == RATE
    stems = app.library / separated["id"] / "stems"
    heard = dict(zip(recorded["names"], np.asarray(recorded["blocks"], np.float32), strict=True))
    whole = {name: files.read(stems / f"{name}.wav").mean(axis=0) for name in separated["sources"]}
    song = sum(whole.values())
    played = sum(heard[name] for name in whole)
    size, length = 1 << 20, RATE // 4
    num_good = 0
    for begin in range(0, len(played) - length, length):
        piece = played[begin : begin + length]
        product = np.fft.irfft(np.fft.rfft(song, size) * np.conj(np.fft.rfft(piece, size)))
        lag = int(np.argmax(product[: len(song) - length]))
        if np.abs(piece - song[lag : lag + length]).max() > 2e-3:
            continue  # a busy machine records with gaps
        num_good += 1
        for name, whole_stem in whole.items():  # every stem lies where the sum does, to the sample
            there = whole_stem[lag : lag + length]
            np.testing.assert_allclose(heard[name][begin : begin + length], there, atol=2e-4, err_msg=name)
    assert num_good >= 3
    press(opened, "Mute kick")
    press(opened, "Solo snare")
    press(opened, "Solo everything else")
    levels = opened.execute_script("return Object.fromEntries(dssganPlayer.tracks.map((one) => [one.name, one.gain]))")
    assert {name for name, gain in levels.items() if gain > 0} == {"snare", "other"}
    for label in ("Mute kick", "Solo snare", "Solo everything else"):
        press(opened, label)


def test_keys_loop_half_speed_and_zoom(opened: webdriver.Chrome) -> None:
    state = (
        "const { transport, view, song } = dssganPlayer; "
        "return [transport.playing, transport.position, transport.loop, "
        "transport.speed, (view.to - view.from) / song.sample_rate]"
    )
    opened.execute_script("dssganPlayer.transport.seek(2); document.querySelector('#player-title').focus()")
    ActionChains(opened).send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT, "+", "h").perform()
    playing, position, loop, speed, seen = opened.execute_script(state)
    assert (playing, position, loop, speed) == (False, 3, None, 0.5)
    assert seen == pytest.approx(4, abs=0.01)
    ActionChains(opened).send_keys("l", Keys.SPACE).perform()
    time.sleep(1.2)
    playing, position, loop, _, _ = opened.execute_script(state)
    assert playing
    assert loop["from"] / RATE == pytest.approx(1, abs=0.01)
    assert 3 < position < 3.9  # half as far as the clock went
    ActionChains(opened).send_keys(Keys.SPACE, "l", "h", "-", "2").perform()
    assert opened.execute_script("return dssganPlayer.tracks.map((one) => one.isSolo).indexOf(true)") == 1
    ActionChains(opened).send_keys("2").perform()
    assert opened.execute_script(state)[2:] == [None, 1, pytest.approx(8, abs=0.01)]


def test_four_beats_are_counted_in(opened: webdriver.Chrome, app: RunningApp, separated: Any) -> None:
    beats = app.ask("GET", f"/songs/{separated['id']}/beats").json
    here = (beats[1] + beats[2]) / 2
    delays = []
    for counts in (False, True):
        opened.execute_script("document.querySelector('input[name=counts]').checked = arguments[0]", counts)
        delays.append(run(opened, f"""
            const {{ transport }} = player;
            await player.prepareCount();
            transport.seek({here});
            await transport.context.resume();
            const begun = transport.context.currentTime;
            transport.play();
            while (transport.position < {here} + 0.05) await new Promise((go) => setTimeout(go, 2));
            const delay = transport.context.currentTime - begun - (transport.position - {here});
            transport.pause();
            return delay;
        """))  # fmt: skip
    opened.execute_script("document.querySelector('input[name=counts]').checked = false; dssganPlayer.prepareCount()")
    assert delays[0] < 0.2
    # the fourth click is one beat before the next beat of the song
    assert delays[1] == pytest.approx(4 * (beats[3] - beats[2]) - (beats[2] - here), abs=0.2)


def test_half_speed_keeps_the_pitch(opened: webdriver.Chrome) -> None:
    # two tones of one second, stretched: twice as long, and of the same frequencies
    script = web.read_joined("stretch.js")
    found = run(opened, f"""
        {script}
        const rate = 44100;
        const tone = (hertz) => Float32Array.from(
            {{ length: rate }}, (_, index) => Math.sin(2 * Math.PI * hertz * index / rate)
        );
        const signals = new Map([["low", [tone(220)]], ["high", [tone(1000)]]]);
        const part = (channel, first, frames) => Float32Array.from(
            {{ length: frames }}, (_, index) => channel[first + index] ?? 0
        );
        const read = async (first, frames) => new Map(
            [...signals].map(([name, channels]) => [name, channels.map((one) => part(one, first, frames))])
        );
        const stretcher = new Stretcher(0.5, read);
        const parts = [];
        for (let first = 0; first < rate - 8192; first += 8192) parts.push(await stretcher.stretch(first, 8192));
        return ["low", "high"].map((name) => parts.flatMap((part) => [...part.get(name)[0]]));
    """)  # fmt: skip
    assert isinstance(found, list), found
    for signal, hertz in zip(np.asarray(found), (220, 1000), strict=True):
        assert len(signal) == 5 * 2 * 8192
        middle = signal[8192:-8192] * np.hanning(len(signal) - 2 * 8192)
        spectrum = np.abs(np.fft.rfft(middle, 1 << 19))
        assert np.argmax(spectrum) * RATE / (1 << 19) == pytest.approx(hertz, rel=0.01)
        level = np.sqrt(np.mean(np.square(signal[8192:-8192])))
        assert level == pytest.approx(np.sqrt(0.5), rel=0.1)


def test_exports_are_those_of_the_api(opened: webdriver.Chrome, app: RunningApp, separated: Any) -> None:
    folder = Path(opened.downloads)  # type: ignore[attr-defined]
    page_format = find(opened, "select[name=format]")
    opened.execute_script("arguments[0].value = 'flac'; arguments[0].dispatchEvent(new Event('change'))", page_format)
    button = find(opened, "[data-stem=drums]")
    opened.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()
    expected = app.ask("GET", f"/songs/{separated['id']}/stems/drums", format="flac").content
    assert arrived(folder / "beat (drums).flac") == expected
    find(opened, "[data-stem=mix]").click()
    assert arrived(folder / "beat (mix).flac")
    assert "LUFS" in find(opened, ".panel .note").text


def arrived(path: Path) -> bytes:
    end = time.monotonic() + 30
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.1)
    content = path.read_bytes()
    path.unlink()
    return content


def test_two_models_are_compared_blind(opened: webdriver.Chrome, app: RunningApp) -> None:
    details = find(opened, "details.panel")
    opened.execute_script("arguments[0].open = true; arguments[0].scrollIntoView({block: 'center'})", details)
    for name, model in (("one", "fast"), ("other", app.options[1])):
        opened.execute_script("arguments[0].value = arguments[1]", find(opened, f"select[name={name}]"), model)
    [button] = [one for one in details.find_elements(By.TAG_NAME, "button") if one.text == "Compare"]
    button.click()
    end = time.monotonic() + 60
    while "A is better" not in details.text and time.monotonic() < end:
        time.sleep(0.1)
    assert "A is better" in details.text
    assert "is fast" not in details.text
    [better] = [one for one in details.find_elements(By.TAG_NAME, "button") if one.text == "A is better"]
    better.click()
    assert "You chose " in details.text
    assert "is fast" in details.text


def test_the_page_is_light_and_fetches_nothing_from_elsewhere(opened: webdriver.Chrome, app: RunningApp) -> None:
    addresses = opened.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert addresses
    assert {address.split("/")[2] for address in addresses} == {f"127.0.0.1:{app.port}"}
    assets = [address for address in addresses if "/assets/" in address]
    sizes = [len(app.ask("GET", f"/assets/{address.rpartition('/')[2]}").content) for address in assets]
    assert len(assets) > 8
    assert sum(sizes) < MAX_BYTES


def test_the_page_goes_on_when_the_program_was_killed(
    browser: webdriver.Chrome, tmp_path: Path, tiny: Path, beat: Path
) -> None:
    app = start(tmp_path / "library", "--model", str(tiny), headless=False)
    look(browser, DESKTOP)
    browser.get(app.link)
    find(browser, "select[name=model] option")
    song = app.add(beat, model="fast", shifts=10)
    find(browser, ".item[data-state=separating]")
    os.kill(app.process.pid, SIGKILL)
    app.process.wait()
    again = start(tmp_path / "library", "--model", str(tiny), "--port", str(app.port), headless=False)
    try:
        find(browser, ".item[data-state=separating]")  # the same page, of itself
        press(browser, "Cancel beat")
        find(browser, ".item[data-state=cancelled]")
        assert again.ask("GET", f"/songs/{song['id']}").json["state"] == "cancelled"
        assert json.loads((again.library / song["id"] / "song.json").read_text())["state"] == "cancelled"
    finally:
        again.stop()
