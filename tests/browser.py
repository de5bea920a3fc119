"""Chromium for tests."""

import shutil
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
from needs import need
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
PHONE, DESKTOP = (390, 844), (1280, 900)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    need(None if CHROMIUM and DRIVER else "needs Chromium and its driver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    folder = tmp_path_factory.mktemp("downloads")
    # as root there is no sandbox; a container's /dev/shm is small; scripts that play are no gestures of a user
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--autoplay-policy=no-user-gesture-required",
    ):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    driver.set_script_timeout(60)
    driver.downloads = folder
    yield driver
    driver.quit()


def look(browser: webdriver.Chrome, size: tuple[int, int], scheme: str = "light") -> None:
    """Set the size of the screen, and light or dark."""
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def axe(browser: webdriver.Chrome) -> list[tuple[str, str]]:
    """Return what axe-core finds wrong with the page for people who cannot see or use it as others do."""
    browser.execute_script(resources.files("axe_core_python").joinpath("axe.min.js").read_text("utf-8"))
    found: Any = browser.execute_async_script("const done = arguments[0]; axe.run().then(done)")
    assert "color-contrast" in [rule["id"] for rule in found["passes"]]
    return [(rule["id"], node["html"][:200]) for rule in found["violations"] for node in rule["nodes"]]
