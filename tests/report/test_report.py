"""The report is complete, self-contained, and plain about what is missing."""

import re

import pytest

from seqarena.errors import InputError
from seqarena.files import write_json
from seqarena.plots.results import scores
from seqarena.records import AllMetrics, ComparisonRecord, Summary, read_summaries
from seqarena.report.report import verdict_table, write_report

EXPERIMENTS = ["sentiment", "forecast", "video"]


@pytest.fixture
def results(contest, tmp_path):
    """Two experiments that ran, with pictures; the third, video, did not."""
    for name, options in {
        "sentiment": {
            "means": {"gru": 0.9, "lstm": 0.9001, "rnn": 0.7},
            "baselines": {"tfidf": 0.8},
        },
        "forecast": {
            "means": {"gru": 52.0},
            "baselines": {"week": 90.0},
            "metric": "mae",
            "greater_is_better": False,
            "unit": "rides",
        },
    }.items():
        folder = tmp_path / "results" / name
        summary, comparison = contest(**options)
        summary.write(folder / "summary.json")
        metrics = AllMetrics(variants={}, baselines={}, unfitted={})
        ComparisonRecord(**dict(comparison), metrics=metrics).write(folder / "comparison.json")
        scores(summary, folder / "plots" / "scores.png")
        for picture in ("attention-gru-0", "attention-gru-1", "confusion-gru", "other"):
            (folder / "plots" / f"{picture}.png").write_bytes(b"png")
    return tmp_path / "results"


def test_report_is_complete(results, tmp_path):
    out = tmp_path / "report"
    summaries = write_report(results, EXPERIMENTS, out)
    assert read_summaries(out / "summary.json") == summaries
    assert list(summaries) == ["sentiment", "forecast"]
    assert summaries["sentiment"] == Summary.read(results / "sentiment/summary.json")
    page, text = (out / "index.html").read_text(), (out / "report.md").read_text()
    for summary in summaries.values():
        assert summary.verdict in text
        assert summary.verdict.replace("<", "&lt;") in page
    links = set(re.findall(r'(?:src|href)="(?!#)([^"]+)"', page))
    links |= set(re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text))
    assert len(links) == 8 and all((out / link).is_file() for link in links)
    assert "other.png" not in page


def test_table_tells_variants_from_baselines_and_marks_the_best(results, tmp_path):
    write_report(results, ["sentiment"], tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text()
    rows = re.findall(r"<tr[ >].*?</tr>", page.split("<tbody>")[1], re.DOTALL)
    names = [re.search(r"<td>(\w+)", row).group(1) for row in rows]
    assert set(names[:2]) == {"gru", "lstm"} and names[2:] == ["tfidf", "rnn"]
    assert [">best<" in row for row in rows] == [True, True, False, False]
    assert [">baseline<" in row for row in rows] == [False, False, True, False]
    assert "p&lt;0.001" in rows[3]


def test_what_the_search_spent_and_which_range_is_narrow(results, tmp_path):
    out = tmp_path / "report"
    spent = {"trials": 12, "finished": 9, "pruned": 2, "failed": 1, "epochs": 30, "steps": 4000}
    rate = {"hyperparameter": "learning_rate", "listed": False, "low": 0.1, "high": 1}
    rate |= {"shares": (1, 1, 0.5), "end": "high"}
    width = {**rate, "hyperparameter": "width", "listed": True, "end": "low"}
    nowhere = {**width, "end": ""}
    expected = {"expected": (0.5, 0.6, 0.7, 0.75), "low": (0,) * 4, "high": (1,) * 4}
    tuning = {
        "metric": "accuracy",
        "trials": 2,
        "spent": [
            {"variant": name, **spent, "search_seconds": 1234.5, "final_seconds": 60}
            for name in ("gru", "lstm")
        ],
        "expected": [{"variant": "gru", **expected}],
        "importances": [],
        "places": [
            {"variant": "gru", **rate},
            {"variant": "lstm", **rate},
            {"variant": "gru", **width},
            {"variant": "lstm", **nowhere},
        ],
    }
    write_json(results / "sentiment" / "tuning.json", tuning)
    write_report(results, EXPERIMENTS, out)
    page, text = (out / "index.html").read_text(), (out / "report.md").read_text()
    assert "| gru | 12 | 9 / 2 / 1 | 30 | 4,000 | 1,234 | 60 | 0.600 | 0.750 |" in text
    assert "| lstm | 12 | 9 / 2 / 1 | 30 | 4,000 | 1,234 | 60 | – | – |" in text
    for told in (
        "The best values of learning rate in every variant lie at the upper end of the range: "
        "widen it.",
        "The best values of width in gru are the smallest of the list: add smaller ones.",
        "Which hyperparameters mattered is not shown: it takes 10 trials of a variant",
    ):
        assert told in page and told in text
    assert page.count("What the search spent") == text.count("What the search spent") == 1


def test_what_was_not_run_is_said(results, tmp_path):
    out = tmp_path / "report"
    summaries = write_report(results, EXPERIMENTS, out)
    for file in ("index.html", "report.md"):
        assert "Not run yet" in (out / file).read_text()
    table = verdict_table(summaries, EXPERIMENTS)
    assert re.search(r"^ video +– +not run yet", table, re.MULTILINE)


def test_nothing_run_at_all(tmp_path):
    assert write_report(tmp_path / "results", ["video"], tmp_path / "report") == {}
    assert "Not run yet" in (tmp_path / "report" / "index.html").read_text()


def test_verdict_table_for_the_terminal(results, tmp_path):
    table = verdict_table(write_report(results, EXPERIMENTS, tmp_path / "report"), width=100)
    assert max(map(len, table.splitlines())) <= 100
    assert re.search(r"^ forecast +gru +MAE 5\d\.\d +5\d\.\d–5\d\.\d +week \d\d\.\d$", table, re.M)
    assert "gru, the only variant, reaches MAE" in table
    assert re.search(r"^ sentiment +\w+ +accuracy 0\.9\d\d", table, re.MULTILINE)


def test_without_a_comparison_the_values_remain(results, tmp_path):
    (results / "sentiment" / "comparison.json").unlink()
    write_report(results, ["sentiment"], tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text()
    assert ">best<" not in page.split("<tbody>")[1].split("</tbody>")[0]


def test_names_cannot_inject_markup(results, tmp_path):
    path = results / "sentiment" / "summary.json"
    markup = {"verdict": "<script>alert(1)</script>"}
    Summary.read(path).model_copy(update=markup).write(path)
    write_report(results, ["sentiment"], tmp_path / "report")
    assert "<script>alert" not in (tmp_path / "report" / "index.html").read_text()


def test_a_broken_summary_is_named_and_the_old_report_stays(results, tmp_path):
    out = tmp_path / "report"
    write_report(results, EXPERIMENTS, out)
    before = (out / "index.html").read_text()
    write_json(results / "sentiment" / "summary.json", {"metric": "accuracy"})
    with pytest.raises(InputError, match=r"summary\.json: greater_is_better: missing$"):
        write_report(results, EXPERIMENTS, out)
    assert (out / "index.html").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report", "results"]
