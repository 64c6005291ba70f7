"""The report is complete, self-contained, and plain about what is missing."""

import re

import pytest
from PIL import Image

from seqarena.errors import InputError
from seqarena.files import write_json
from seqarena.plots.formats import Format
from seqarena.plots.results import scores
from seqarena.records import (
    AllMetrics,
    ComparisonRecord,
    Pair,
    SeriesSummary,
    Summary,
    read_summaries,
)
from seqarena.report.report import verdict_table, write_report
from seqarena.report.rows import difference_of

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
            Image.new("RGB", (300, 200), "white").save(folder / "plots" / f"{picture}.png")
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
        assert summary.cost in text and summary.cost in page
    assert summaries["sentiment"].cost.startswith("If it must be one: ")
    assert "If it must be one" in verdict_table(summaries) and not summaries["forecast"].cost
    shown = re.findall(r'<img src="([^;"]+);', page)
    assert shown == 6 * ["data:image/webp"], "attention of two examples and a confusion, of each"
    links = set(re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text))
    assert len(links) == 8 and all((out / link).is_file() for link in links)
    assert "other.png" not in page + text


def test_table_tells_variants_from_baselines_and_marks_the_best(results, tmp_path):
    write_report(results, ["sentiment"], tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text()
    rows = re.findall(r"<tr[ >].*?</tr>", page.split("<tbody>")[1], re.DOTALL)
    names = [re.search(r"<td>(\w+)", row).group(1) for row in rows]
    assert set(names[:2]) == {"gru", "lstm"} and names[2:] == ["tfidf", "rnn"]
    assert [">best<" in row for row in rows] == [True, True, False, False]
    assert [">best baseline<" in row for row in rows] == [False, False, True, False]
    assert ["not separated</small>" in row for row in rows] == [False, True, False, False]
    assert re.search(r"<td>0\.\d+ <small>(\d+ repetitions|out of reach)</small>", rows[1])
    assert rows[3].count('worse">worse<') == 2 and "<td> <small></small></td>" in rows[3]
    assert "p&lt;0.001" in rows[3] and ">&lt;1%<" in rows[3], "on pointing; P(ahead)"
    assert re.search(r"<td>0\.7\d\d <small>0\.7\d\d–0\.7\d\d</small>", rows[2]), "its interval"
    assert "<td>1.5</td>" in rows[2], "its seconds"
    text = (tmp_path / "report" / "report.md").read_text()
    assert re.search(
        r"^\| \*tfidf \(best baseline\)\* .* 0\.7\d\d–0\.7\d\d .* 1\.5 \| \|$", text, re.MULTILINE
    )
    assert re.search(r"^\| rnn .* \| 3,702 \| 28 \| 1\.5 \|$", text, re.MULTILINE), "its cost"
    widths = {line.count("|") for line in text.splitlines() if re.match(r"\| (variant|\*)", line)}
    assert len(widths) == 1, "as many cells in each row"


def test_remarks_stand_below_the_verdict(results, tmp_path):
    path = results / "sentiment" / "summary.json"
    remarks = ("Too short: raise `protocol.epochs`.", "a < b")
    summary = Summary.read(path).model_copy(update={"remarks": remarks})
    summary.write(path)
    summaries = write_report(results, ["sentiment"], tmp_path / "report")
    assert summaries["sentiment"].remarks == remarks
    page = (tmp_path / "report" / "index.html").read_text()
    after = page.split(summary.verdict.replace("<", "&lt;"))[1].split("<table>")[0]
    listed = re.findall(r"<li>(.*?)</li>", after, re.DOTALL)
    assert listed == ["Too short: raise <code>protocol.epochs</code>.", "a &lt; b"]
    text = (tmp_path / "report" / "report.md").read_text()
    told = f"**{summary.verdict}** {summary.cost}\n\n- {remarks[0]}\n- {remarks[1]}\n\n!["
    assert told in text
    table = verdict_table(summaries, width=200)
    assert [line.strip() for line in table.splitlines()[-2:]] == [f"- {r}" for r in remarks]


def test_without_remarks_nothing_stands_there(results, tmp_path):
    write_report(results, ["sentiment"], tmp_path / "report")
    assert "<li>" not in (tmp_path / "report" / "index.html").read_text()
    cost = Summary.read(results / "sentiment" / "summary.json").cost
    assert f"** {cost}\n\n![" in (tmp_path / "report" / "report.md").read_text()


def test_what_the_search_spent(results, tmp_path):
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
    told = "Which hyperparameters mattered is not shown: it takes 10 trials of a variant"
    assert told in page and told in text
    assert page.count("What the search spent") == text.count("What the search spent") == 1


def test_what_was_not_run_is_said(results, tmp_path):
    out = tmp_path / "report"
    summaries = write_report(results, EXPERIMENTS, out)
    for file in ("index.html", "report.md"):
        assert "Not run yet" in (out / file).read_text()
    table = verdict_table(summaries, EXPERIMENTS)
    assert re.search(r"^ video +not run yet +– ", table, re.MULTILINE)


def test_nothing_run_at_all(tmp_path):
    assert write_report(tmp_path / "results", ["video"], tmp_path / "report") == {}
    assert "Not run yet" in (tmp_path / "report" / "index.html").read_text()


def test_verdict_table_for_the_terminal(results, tmp_path):
    table = verdict_table(write_report(results, EXPERIMENTS, tmp_path / "report"), width=100)
    assert max(map(len, table.splitlines())) <= 100
    assert re.search(r"^ forecast +gru wins +gru +MAE 5\d\.\d +week \d\d\.\d$", table, re.M)
    assert "gru, the only variant, reaches MAE" in table
    assert re.search(
        r"^ sentiment +not separated: 2 of 3 +\w+ +accuracy 0\.9\d\d", table, re.MULTILINE
    )


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


def test_a_card_says_how_the_experiment_ended(results, tmp_path):
    write_report(results, ["sentiment"], tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text()
    card = page.split('class="card"')[1].split("</a>")[0]
    value, small = re.findall(r"<p[^>]*>(.*?)</p>", card, re.DOTALL)
    assert value == "not separated: 2 of 3"
    assert re.match(r"(gru|lstm): accuracy 0\.9\d\d\n<br>best baseline: tfidf 0\.\d", small)


def test_what_would_separate_is_said_only_where_it_is_open():
    pair = Pair(
        difference=-0.02,
        interval=(-0.05, 0.01),
        p=0.03,
        p_adjusted=0.2,
        decided=False,
        word="not separated",
        chance=0.2,
        chance_ci95=(0.001, 0.998),
        visible=0.04,
        repetitions=12,
        groups=2345,
    )
    form = Format([0.9])

    def visible_and_needed(**changes):
        found = difference_of(pair.model_copy(update=changes), form)
        return found.visible, found.needed

    assert visible_and_needed() == ("0.040", "12 repetitions")
    assert visible_and_needed(repetitions=None) == ("0.040", "2,300 test groups")
    assert visible_and_needed(repetitions=None, groups=None, visible=None) == ("–", "out of reach")
    assert visible_and_needed(word="worse") == visible_and_needed(word="equivalent") == ("", "")
    found = difference_of(pair, form)
    assert (found.difference, found.chance) == ("-0.020", "20%")
    assert "-0.050 to +0.010" in found.detail and "p=0.20 (alone p=0.030)" in found.detail
    assert found.chance_detail == "95% interval <1% to >99%"


def test_the_metric_by_series_stands_in_both_pages(results, tmp_path):
    path = results / "forecast" / "summary.json"
    series = {
        "north": SeriesSummary(test_examples=1200, values={"gru": 1234.56, "week": 2.0}),
        "south": SeriesSummary(test_examples=7, values={"gru": 0.5, "week": None}),
    }
    Summary.read(path).model_copy(update={"series": series}).write(path)
    write_report(results, EXPERIMENTS, tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text()
    assert page.count("By series") == 1
    assert "<td>north</td><td>1,200</td><td>1235</td><td>2</td>" in page
    assert "| south | 7 | 0.5 | – |" in (tmp_path / "report" / "report.md").read_text()
