"""Pages opened in a real browser, and what went wrong in them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

PHONE, SCREEN = 390, 1440  # pixels


@pytest.fixture(scope="module")  # its event loop is in the way of other tests'
def chromium() -> Iterator[Browser]:
    """Yield Debian's Chromium, headless; a test is skipped where it is not installed."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser, url: str, width: int = SCREEN, known: Sequence[str] = ()
) -> Iterator[Page]:
    """Yield a page once it has loaded; a script error in it by the end of the block fails.

    Errors that match a pattern of `known`, as text and address, are those of others' scripts.
    """
    errors: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 900})
    try:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda message: (
                errors.append(f"{message.text} ({message.location['url']})")
                if message.type == "error"
                else None
            ),
        )
        page.goto(url)
        yield page
        told = [error for error in errors if not any(re.search(each, error) for each in known)]
        assert not told, told
    finally:
        page.close()
