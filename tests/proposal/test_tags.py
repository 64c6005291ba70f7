"""Tables of tokens and tags, which ask for labels of steps."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from seqarena.cli.add import look_at
from seqarena.errors import InputError
from seqarena.proposal.asked import Asked, Look

TAGGED = [("Ann met Bob in Rome", "B-p O B-p O B-l"), ("we left", "O O"), ("go to Oslo", "O O B-l")]


def look(path: Path, **asked: Any) -> Look:
    return look_at(path, Asked(**asked))


def tagged(path: Path, rows: list[tuple[str, str]], odd: tuple[str, str] | None = None) -> None:
    """Write 60 sentences and their tags in the form that a name of a file ends with."""
    rows = [(f"{rows[n % 3][0]} n{n}", f"{rows[n % 3][1]} O") for n in range(60)]
    rows += [odd] if odd else []
    if path.suffix in (".conll", ".txt"):
        pairs = (zip(text.split(), tags.split(), strict=True) for text, tags in rows)
        sentences = ("".join(f"{token} {tag}\n" for token, tag in pair) for pair in pairs)
        path.write_text("-DOCSTART- O\n\n" + "\n".join(sentences))
        return
    table = pd.DataFrame(rows, columns=["sentence", "names"])
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table = table.apply(lambda column: column.str.split())
        form = {".jsonl": partial(table.to_json, orient="records", lines=True)}
        form.get(path.suffix, table.to_parquet)(path)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.conll", "a.txt"])
def test_tokens_and_as_many_tags_are_labelled(tmp_path: Path, name: str) -> None:
    tagged(tmp_path / name, TAGGED)
    found = look(tmp_path / name)
    assert not [told for told in found.warnings if "--no-header" in told]
    proposal = found.proposal
    text, tags = ("1", "2") if name in ("a.conll", "a.txt") else ("sentence", "names")
    assert (proposal.task, proposal.metric) == ("labelling", "span_f1")
    assert proposal.columns == {"text": text, "labels": tags}
    assert proposal.prepare == {
        "min_count": 1, "targets": "labels", "units": "tokens", "max_length": 8
    }  # fmt: skip
    section = proposal.section(None)
    assert "bilstm_crf" in section["variants"] and "neighbour_logistic" in section["baselines"]
    assert (
        look(tmp_path / name, task="labelling", inputs=(text,), targets=(tags,)).proposal
        == proposal
    )


def test_tags_that_mark_no_spans_are_judged_one_by_one(tmp_path: Path) -> None:
    tagged(tmp_path / "a.csv", [(text, tags.replace("-", "")) for text, tags in TAGGED])
    assert look(tmp_path / "a.csv").proposal.metric == "macro_f1"


def test_several_columns_of_tags_are_asked_about(tmp_path: Path) -> None:
    tagged(tmp_path / "a.csv", TAGGED)
    table = pd.read_csv(tmp_path / "a.csv")
    table.assign(kinds=table["names"].str.replace("B-", "")).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InputError, match="names, kinds could be their tags; .* --target COLUMN"):
        look(tmp_path / "a.csv")
    proposal = look(tmp_path / "a.csv", targets=("kinds",)).proposal
    assert proposal.columns == {"text": "sentence", "labels": "kinds"}
    assert look(tmp_path / "a.csv", task="language_modelling", inputs=("sentence",)).proposal


def test_tokens_without_as_many_tags_are_refused_by_their_row(tmp_path: Path) -> None:
    tagged(tmp_path / "a.csv", TAGGED, odd=("we met her", "O O"))
    told = r"a\.csv line 62: 2 tags in 'names' for 3 tokens in 'sentence'; expected one each"
    with pytest.raises(InputError, match=told):
        look(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("text,label\n" + "all is well,a\nall is lost,b\n" * 9)
    with pytest.raises(InputError, match="no column is the tokens; say which with --input"):
        look(tmp_path / "b.csv", task="labelling")
    with pytest.raises(InputError, match=r"b\.csv line 2: 1 tags in 'label' for 3 tokens"):
        look(tmp_path / "b.csv", task="labelling", inputs=("text",), targets=("label",))


def test_names_and_classes_of_two_words_are_no_tags(tmp_path: Path) -> None:
    rows = [
        f"a warm and funny film {n},Ann Smith{n},{('very good', 'quite bad')[n % 2]}\n"
        for n in range(60)
    ]
    (tmp_path / "a.csv").write_text("text,who,label\n" + "".join(rows))
    assert look(tmp_path / "a.csv").proposal.task == "classification"
