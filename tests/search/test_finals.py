"""Finals over a real Ray: fresh seeds, paired across variants, each a model on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqarena.config import Experiment
from seqarena.data.store import Prepared
from seqarena.fit import fit
from seqarena.predict import Predictor
from seqarena.runs import Finals, SearchResult, StudyResult
from seqarena.search.finals import FinalError, train_finals
from seqarena.tracking.recorder import Recorder

from .conftest import over, recorder_at

VARIANTS = ("gru", "lstm_attention")
Choose = Callable[..., dict[str, Any]]
Make = Callable[..., Experiment]
pytestmark = pytest.mark.usefixtures("ray_here")


def found(*studies: tuple[str, int, dict[str, Any]]) -> SearchResult:
    """A search that found these hyperparameters, of a variant in a repetition each."""
    spent = {
        "trials": 1,
        "pruned": 0,
        "failed": 0,
        "epochs": 1,
        "steps": 1,
        "seconds": 1.0,
        "tried": (),
    }
    best = {"score": 0.5, "loss": 0.5, "run": "r"}
    return SearchResult(
        studies=tuple(
            StudyResult(variant=v, repetition=r, hyperparameters=h, **best, **spent)
            for v, r, h in studies
        )
    )


def test_finals_are_paired_repeatable_and_saved(
    tmp_path: Path, prepared: dict[str, Path], experiment: Make, hyperparameters: Choose
) -> None:
    config = experiment("audio", VARIANTS, seed=5, repetitions=2, epochs=3, patience=3)
    chosen = {(v, r): hyperparameters(v, "audio", width=8 * r) for v in VARIANTS for r in (1, 2)}
    recorder, toy = recorder_at(tmp_path, a="b"), over(config, prepared["audio"], tmp_path)
    search = found(*((v, r, h) for (v, r), h in chosen.items()))
    finals = train_finals(toy, search, recorder).finals
    expected = [(variant, r, 5 + r) for variant in VARIANTS for r in (1, 2)]
    assert [(f.variant, f.repetition, f.seed) for f in finals] == expected
    for final in finals:
        run = recorder.ledger.run(final.run)
        assert run.status == "FINISHED"
        assert (run.params["seed"], run.params["repetition"]) == (final.seed, final.repetition)
        assert run.tags["a"] == "b"
        best = chosen[final.variant, final.repetition]
        training, epochs = fit(config, prepared["audio"], final.variant, best, final.seed)
        assert final.curve == tuple((e.epoch, e.scores["accuracy"]) for e in epochs)
        assert [run.curve[e.epoch]["train_loss"] for e in epochs] == [e.train_loss for e in epochs]
        assert final.best_epoch == max(e.epoch for e in epochs if e.improved)
        assert (final.parameters, final.steps) == (training.parameters, 9)
        predictor = Predictor(toy.model_of(final.variant, final.repetition))
        assert predictor.about["seed"] == final.seed
        assert predictor.spec == Prepared(prepared["audio"]).spec
        for name, tensor in training.model.state_dict().items():
            torch.testing.assert_close(predictor.model.state_dict()[name], tensor)


def current_runs(recorder: Recorder, current: str = "true") -> set[str]:
    runs = recorder.ledger.runs("final")
    return {run for run, record in runs.items() if record.tags["current"] == current}


def test_what_is_there_is_used_and_what_is_missing_is_trained(
    tmp_path: Path, prepared: dict[str, Path], experiment: Make, hyperparameters: Choose
) -> None:
    best = hyperparameters("gru", "audio")
    recorder = recorder_at(tmp_path)

    def train(repetitions: int) -> Finals:
        config = experiment("audio", ("gru",), repetitions=repetitions, epochs=2)
        search = found(*(("gru", r, best) for r in range(1, repetitions + 1)))
        return train_finals(over(config, prepared["audio"], tmp_path), search, recorder)

    first = train(2)
    models = tmp_path / "models" / "toy" / "gru"
    more = train(3)
    assert more.finals[:2] == first.finals
    assert len(recorder.ledger.runs("final")) == 3
    shutil.rmtree(models / "2")
    again = train(3)
    assert len(recorder.ledger.runs("final")) == 4, "whose model is gone is trained again"
    assert again.finals[1].run != more.finals[1].run
    assert again.finals[1].curve == more.finals[1].curve
    (models / "1" / "weights.safetensors").write_bytes(b"other")
    last = train(3)
    assert last.finals[0].run != more.finals[0].run, "nor is a model used that was changed"
    assert current_runs(recorder) == {final.run for final in last.finals}
    fewer = train(2)
    assert sorted(path.name for path in models.iterdir()) == ["1", "2"]
    assert current_runs(recorder) == {final.run for final in fewer.finals}
    assert current_runs(recorder, "false") == recorder.ledger.runs("final").keys() - {
        final.run for final in fewer.finals
    }


def test_a_final_without_a_model_is_told_and_the_others_stay(
    tmp_path: Path, prepared: dict[str, Path], experiment: Make, hyperparameters: Choose
) -> None:
    config = experiment("audio", ("gru",), repetitions=2, epochs=2)
    sound = hyperparameters("gru", "audio")
    diverging = {**sound, "learning_rate": 1e30, "weight_decay": 1e9}
    recorder, toy = recorder_at(tmp_path), over(config, prepared["audio"], tmp_path)
    expected = r"^toy: gru repetition 2: the loss is not finite$"
    for _ in range(2):
        with pytest.raises(FinalError, match=expected):
            train_finals(toy, found(("gru", 1, sound), ("gru", 2, diverging)), recorder)
    runs = recorder.ledger.runs("final").values()
    assert sorted((run.params["repetition"], run.status) for run in runs) == [
        (1, "FINISHED"),
        (2, "FAILED"),
    ]
    assert [path.parent.name for path in tmp_path.rglob("*.safetensors")] == ["1"]


def test_finals_of_a_shared_search_have_their_own_seeds(
    tmp_path: Path, prepared: dict[str, Path], experiment: Make, hyperparameters: Choose
) -> None:
    config = experiment("audio", ("gru",), repetitions=2, epochs=1, search="shared")
    search = found(("gru", 1, hyperparameters("gru", "audio")))
    toy = over(config, prepared["audio"], tmp_path)
    finals = train_finals(toy, search, recorder_at(tmp_path)).finals
    assert [final.seed for final in finals] == [1, 2]
    assert finals[0].loss != finals[1].loss
