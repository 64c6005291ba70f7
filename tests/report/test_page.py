"""The page in a real browser: on a phone and on a screen, by light, by dark and in print."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page
from tests.browser import PHONE, SCREEN, opened
from tests.comparisons import CURVES, TUNING, compete

from seqarena.files import write_csv
from seqarena.records import AllMetrics, ComparisonRecord, MlflowPlace
from seqarena.report.report import write_report

PICTURES = (
    "attention-gru-1", "attention-gru-2", "attention-lstm_attention-1",
    "head-lstm_attention-1-1", "head-lstm_attention-1-2",
    "confusion-gru", "confusion-lstm_attention", "lengths", "tried",
)  # fmt: skip
DRAWN = "() => charts.every((chart) => !chart.offsetParent || chart.querySelector('.main-svg'))"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a report of two experiments, one of them with everything that is shown."""
    root = tmp_path_factory.mktemp("report")
    means = {"gru": 0.9, "lstm_attention": 0.89, "a_variant_with_a_rather_long_name": 0.7}
    summary, comparison = compete(means, {"tfidf_logistic": 0.8, "majority": 0.1})
    for name in ("sentiment", "bare"):
        summary.write(root / "results" / name / "summary.json")
    folder = root / "results" / "sentiment"
    metrics = AllMetrics(variants={}, baselines={}, unfitted={})
    ComparisonRecord(**dict(comparison), metrics=metrics).write(folder / "comparison.json")
    TUNING.write(folder / "tuning.json")
    MlflowPlace(address="http://127.0.0.1:5000", experiment="7").write(folder / "mlflow.json")
    curves = [
        (curve.variant, curve.repetition, epoch, score)
        for curve in CURVES
        for epoch, score in zip(curve.epochs, curve.scores, strict=True)
    ]
    write_csv(folder / "curves.csv", ["variant", "repetition", "epoch", "value"], curves)
    rows = [[n, f"a film, {n} " * 20, "neg", "pos", 0.9, 0] for n in range(20)]
    for final in ("gru-1", "lstm_attention-1"):
        (folder / "finals" / final).mkdir(parents=True)
        header = ["id", "input", "truth", "predicted", "probability", "score"]
        write_csv(folder / "finals" / final / "predictions.csv", header, rows)
    (folder / "plots").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (240, 1000, 3), np.uint8)
    for picture in PICTURES:
        Image.fromarray(pixels).save(folder / "plots" / f"{picture}.png")
    write_report(root / "results", ["sentiment", "bare", "missing"], root / "report")
    return (root / "report" / "index.html").as_uri()


@contextmanager
def shown(browser: Browser, page: str, width: int) -> Iterator[Page]:
    """Open the page with every chart drawn, though it be below the screen."""
    with opened(browser, page, width) as found:
        found.evaluate("charts.filter((chart) => chart.offsetParent).forEach(draw)")
        found.wait_for_function(DRAWN)
        yield found


@pytest.mark.parametrize("width", [PHONE, SCREEN])
def test_all_is_drawn_and_nothing_is_wider_than_the_screen(
    chromium: Browser, page: str, width: int
) -> None:
    with shown(chromium, page, width) as found:
        assert found.evaluate("document.scrollingElement.scrollWidth") <= width
        assert found.locator("#sentiment .chart .main-svg").count() >= 7
        clipped = "charts.filter((c) => c.offsetParent && c.offsetWidth > c.parentNode.offsetWidth)"
        assert found.evaluate(f"{clipped}.length") == 0
        for picture in found.locator("img").all():
            picture.evaluate("(image) => { image.loading = 'eager'; return image.decode(); }")
            assert picture.get_attribute("alt")


def test_nothing_is_asked_of_the_network(chromium: Browser, page: str) -> None:
    asked: list[str] = []
    with opened(chromium, "about:blank") as found:
        found.on("request", lambda request: asked.append(request.url))
        found.goto(page)
        found.evaluate("charts.filter((chart) => chart.offsetParent).forEach(draw)")
        found.wait_for_function(DRAWN)
    assert [url for url in asked if not url.startswith("data:")] == [page]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_read_can_be_read_by_all(chromium: Browser, page: str, scheme: Any) -> None:
    with shown(chromium, page, SCREEN) as found:
        found.emulate_media(color_scheme=scheme)
        violations = Axe().run(found).response["violations"]
        grave = [
            (each["id"], [node["html"] for node in each["nodes"]][:3])
            for each in violations
            if each["impact"] in ("serious", "critical")
        ]
        assert not grave


def test_charts_change_their_colours_by_dark(chromium: Browser, page: str) -> None:
    colour = "document.querySelector('#sentiment .chart .points path').style.fill"
    with shown(chromium, page, SCREEN) as found:
        found.emulate_media(color_scheme="light")
        light = found.evaluate(colour)
        found.emulate_media(color_scheme="dark")
        found.wait_for_function(f"{colour} !== '{light}'")


def test_tables_are_sorted_by_mouse_and_by_keyboard(chromium: Browser, page: str) -> None:
    with shown(chromium, page, SCREEN) as found:
        table = found.locator("#sentiment table").first
        head = table.locator("th").nth(6)  # parameters
        cells = table.locator("tbody tr:not(.baseline) td:nth-child(7)")
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "ascending"
        assert cells.all_text_contents() == ["1,234", "2,468", "3,702"]
        found.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == "descending"
        assert cells.all_text_contents() == ["3,702", "2,468", "1,234"]
        last = table.locator("tbody tr td:nth-child(7)").all_text_contents()[-2:]
        assert last == ["", ""], "what has no number stands last"
        found.keyboard.press("Shift+Tab")
        found.keyboard.press("Space")
        assert head.get_attribute("aria-sort") is None
        assert table.locator("th").nth(5).get_attribute("aria-sort") == "ascending"


def test_attention_is_chosen_by_variant_example_and_head(chromium: Browser, page: str) -> None:
    with shown(chromium, page, PHONE) as found:
        box = found.locator("#sentiment .chooser", has=found.locator("img[alt*='weight']")).first
        picture = box.locator("figure:visible img")
        assert picture.get_attribute("alt").endswith("gru, example 1")  # type: ignore[union-attr]
        box.get_by_label("2", exact=True).check()
        assert picture.get_attribute("alt").endswith("gru, example 2")  # type: ignore[union-attr]
        assert not box.get_by_text("head", exact=True).is_visible(), "it has one alone"
        box.get_by_label("lstm_attention").check()
        assert picture.get_attribute("alt").endswith("lstm_attention, example 1")  # type: ignore[union-attr]
        box.get_by_label("all").focus()
        found.keyboard.press("ArrowRight")
        found.keyboard.press("ArrowRight")
        assert picture.get_attribute("alt").endswith("example 1, head 2")  # type: ignore[union-attr]


def test_a_chart_that_is_chosen_is_drawn(chromium: Browser, page: str) -> None:
    with shown(chromium, page, PHONE) as found:
        cost = found.locator("#sentiment").get_by_role("radio", name="seconds to train")
        cost.check()
        chart = found.locator("#sentiment figure:visible .chart[aria-label*='seconds to train']")
        chart.locator(".main-svg").first.wait_for()


def test_print_has_every_chart_as_wide_as_the_paper(chromium: Browser, page: str) -> None:
    with opened(chromium, page, SCREEN) as found:
        found.evaluate(
            """addEventListener("beforeprint", () => {
                 const seen = charts.filter((chart) => chart.offsetParent);
                 window.paper = seen.map((chart) => chart.querySelector(".main-svg").clientWidth);
               })"""
        )
        assert len(found.pdf(format="A4")) > 100_000
        widths = found.evaluate("window.paper")
        assert len(widths) == 9 and max(widths) <= 718, "A4 at 96 pixels an inch, less the margins"


def test_what_leads_on_is_linked(chromium: Browser, page: str) -> None:
    with opened(chromium, page) as found:
        links = found.locator("#sentiment .links a")
        assert links.all_text_contents() == ["verdict", "search", "curves", "attention"]
        for link in links.all():
            address = link.get_attribute("href") or ""
            assert address.startswith("http://127.0.0.1:5000/#/experiments/7/runs?")
        assert found.locator("#bare .links a").count() == 0, "it is in no MLflow"
        assert found.locator("#bare code").first.text_content() == "seqarena reproduce bare"
