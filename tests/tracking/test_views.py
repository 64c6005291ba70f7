"""Views, pictures and the note that MLflow has of an experiment, in a real browser too."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, get_args

import pytest
from mlflow import MlflowClient
from mlflow.entities import Experiment
from playwright.sync_api import Browser, expect

from browser import SCREEN, opened
from seqarena.records import MlflowPlace, View, view_key
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow.projection import sync
from seqarena.tracking.mlflow.views import MOST
from servers import free_port, mlflow_server, postgres

from .conftest import write_verdict

Contest = Callable[..., Any]
VIEWS: tuple[View, ...] = get_args(View)
CARDS: dict[View, int] = {"verdict": 8, "search": 3, "curves": 3, "attention": 2}
CARD = "[data-testid='experiment-view-compare-runs-card']"
DRAWN = "svg.main-svg, .wrapper-parcoord, .parcoords, img"
MLFLOWS_OWN = (  # of MLflow 3.17.2, on any page of any experiment
    r"404 .*/mlflow/users/current\)",  # a server without accounts has no user
    r"ResizeObserver loop completed",
    r"attribute \w+: .*NaN",  # parallel coordinates, before they have a size
)


def experiment(uri: str) -> Experiment:
    found = MlflowClient(uri).get_experiment_by_name("toy")
    assert found is not None
    return found


def state(tag: str) -> dict[str, Any]:
    packed = json.loads(tag)["state"].removeprefix("deflate;")
    found: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(packed)))
    return found


def test_every_view_has_its_charts_and_no_other(
    ledger: Ledger, database: Callable[[str], str], contest: Contest
) -> None:
    uri = database("a.db")
    write_verdict(ledger, contest)
    sync(ledger.path.parents[1], ["toy"], uri)
    tags = experiment(uri).tags
    for view in VIEWS:
        value = tags[f"mlflow.sharedViewState.{view_key(view)}"]
        assert len(value) <= 20_000
        cards = state(value)["compareRunCharts"]
        shown = [card for card in cards if not card["deleted"]]
        assert len(shown) == CARDS[view] <= MOST
        sections = {section["uuid"] for section in state(value)["compareRunSections"]}
        assert {card["metricSectionId"] for card in cards} <= sections
    hidden = {
        card["metricKey"]
        for card in state(tags["mlflow.sharedViewState.seqarena-attention"])["compareRunCharts"]
        if card["deleted"]
    }
    assert {"test_accuracy", "valid_loss", "parameters"} <= hidden, "MLflow would chart them"


def test_pictures_of_finals_are_steps_of_the_image_grid(
    ledger: Ledger, database: Callable[[str], str], contest: Contest
) -> None:
    uri = database("a.db")
    write_verdict(ledger, contest)
    sync(ledger.path.parents[1], ["toy"], uri)
    client = MlflowClient(uri)
    query = "params.repetition = '1' and params.variant = 'gru' and tags.seqarena.kind = 'final'"
    (run,) = client.search_runs([experiment(uri).experiment_id], query)
    assert run.data.tags["mlflow.loggedImages"] == "True"
    names = [file.path for file in client.list_artifacts(run.info.run_id, "images")]
    steps = {tuple(Path(name).name.split("+")[:3]) for name in names}
    assert steps == {
        ("attention", "step", "1"),
        ("attention", "step", "2"),
        ("confusion", "step", "0"),
    }
    assert "attention-1.png" in {file.path for file in client.list_artifacts(run.info.run_id)}


def test_the_note_holds_verdict_caveats_views_and_how_to_make_it_again(
    ledger: Ledger, database: Callable[[str], str], contest: Contest
) -> None:
    uri = database("a.db")
    run = write_verdict(ledger, contest)
    sync(ledger.path.parents[1], ["toy"], uri)
    note = experiment(uri).tags["mlflow.note.content"]
    assert note.startswith(ledger.run(run).tags["description"])
    assert "seqarena reproduce toy" in note
    for view in VIEWS:
        assert f"viewStateShareKey={view_key(view)}" in note
    assert "| majority |" in note


def test_without_a_verdict_there_is_neither_view_nor_note(
    ledger: Ledger, database: Callable[[str], str]
) -> None:
    uri = database("a.db")
    with ledger.running("search", "gru"):
        pass
    sync(ledger.path.parents[1], ["toy"], uri)
    assert not [key for key in experiment(uri).tags if not key.startswith("mlflow.experiment")]


@pytest.mark.whole
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_each_view_opens_with_its_charts_drawn(
    store: str,
    chromium: Browser,
    ledger: Ledger,
    database: Callable[[str], str],
    contest: Contest,
    tmp_path: Path,
) -> None:
    write_verdict(ledger, contest)
    port = free_port()
    with ExitStack() as stack:
        environment: dict[str, str] = {}
        backend = database("a.db")
        if store == "postgresql":
            environment, backend = dict(stack.enter_context(postgres())), "postgresql://"
        files = f"--artifacts-destination={tmp_path / 'artifacts'}"
        options = (f"--backend-store-uri={backend}", files)
        log = tmp_path / "server.log"
        uri = stack.enter_context(mlflow_server(port, log, *options, **environment))
        sync(ledger.path.parents[1], ["toy"], uri)
        place = MlflowPlace.read(ledger.path.parent / "mlflow.json")
        assert place.address == uri
        for view in VIEWS:
            with opened(chromium, place.view(view), known=MLFLOWS_OWN) as page:
                page.set_viewport_size({"width": SCREEN, "height": 2400})  # cards wait to be seen
                cards = page.locator(CARD)
                expect(cards).to_have_count(CARDS[view], timeout=60_000)
                for card in cards.all():
                    card.scroll_into_view_if_needed()
                    card.locator(DRAWN).first.wait_for(timeout=60_000)
        with opened(
            chromium, place.run(next(iter(ledger.runs("final")))), known=MLFLOWS_OWN
        ) as page:
            page.get_by_text("gru repetition 1 final").first.wait_for(timeout=60_000)
            assert page.get_by_text("lstm repetition 1 final").count() == 0
