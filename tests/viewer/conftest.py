"""One headless Chromium for the tests that look at pages; they are skipped where there is none."""

from collections.abc import Iterator

import pytest

from tests.viewer.browser import CHROMIUM, Page, chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Page]:
    """A tab of a headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with chromium() as page:
        yield page


@pytest.fixture
def page(browser: Page) -> Page:
    """The tab, with nothing noted yet."""
    browser.requests.clear()
    browser.errors.clear()
    return browser
