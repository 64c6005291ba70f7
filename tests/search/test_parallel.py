"""Processes that train one model together come to the losses of one process."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from seqarena.config import Experiment
from seqarena.data.store import DataSpec, Prepared
from seqarena.fit import Epoch, Training
from support import script_environment

from .conftest import ASKED, balanced, make_uneven, tiny, trial_of

Prepare = Callable[..., Path]
Make = Callable[..., Experiment]
Choose = Callable[..., dict[str, Any]]
BALANCES = ("weights", "sampling")
OF_ITS_OWN = ("ema", "penalties", "mixture", *BALANCES)
RANK = """
    import json, sys, torch
    from pathlib import Path
    from seqarena.config import Experiment
    from seqarena.data.store import Prepared
    from seqarena.fit import Training
    from seqarena.parallel import Group
    address, rank, jobs = sys.argv[1], int(sys.argv[2]), json.load(open(sys.argv[3]))
    torch.set_num_threads(1)
    cpu = torch.device("cpu")
    group = Group.join(address, rank, 2, cpu)
    found = {}
    for name, (config, folder, variant, chosen, pieces) in jobs.items():
        def make():
            data = Prepared(Path(folder))
            return Training(Experiment(**config), data, variant, chosen, 1, cpu, group)
        training, epochs = make(), []
        while not training.ended:
            epoch = training.advance(0.0 if pieces and rank == 1 else float("inf"))
            if epoch:
                losses = epoch.train_loss, epoch.valid_loss, epoch.gradient_norm
                epochs.append([*losses, epoch.scores])
            elif pieces:
                state = training.state_dict()
                training = make()
                training.load_state_dict(state)
        weights = {n: t.double().sum().item() for n, t in training.model.state_dict().items()}
        found[name] = epochs, weights
    group.leave()
    print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def jobs(
    tmp_path_factory: pytest.TempPathFactory,
    specs: dict[str, DataSpec],
    prepare: Prepare,
    experiment: Make,
    hyperparameters: Choose,
) -> dict[str, tuple[Experiment, Path, str, dict[str, Any], bool]]:
    """A training of every task, whose last batch is too small for all ranks in some."""
    found: dict[str, Any] = {}
    for number, (task, modality) in enumerate(ASKED):
        folder = tmp_path_factory.mktemp("data") / "d"
        tiny(folder, task, specs[modality], prepare)
        size = 23 if number % 2 else 7  # of 24 examples: the last batch has 1 or 3
        make = partial(trial_of, experiment, hyperparameters, task, modality, size)
        config, variant, chosen = make(0.0)
        found[f"{task} {modality}"] = config, folder, variant, chosen, False
        if number == 0:
            found["in pieces"] = config, folder, variant, make(0.3)[2], True
            found["at once"] = config, folder, variant, make(0.3)[2], False
    folder = tmp_path_factory.mktemp("uneven") / "d"
    tiny(folder, "classification", specs["audio"], prepare)
    make_uneven(folder)
    config, *rest = trial_of(experiment, hyperparameters, "classification", "audio", 7, 0.0)
    work, data, variant, chosen, _ = found["language_modelling text"]
    penalised = {**chosen, "activation_penalty": 1.0, "slowness_penalty": 1.0}
    found["penalties"] = work, data, variant, {**penalised, "output_table": "tied"}, False
    found["mixture"] = work, data, variant, {**chosen, "mixture": "kneser_ney"}, False
    found["ema"] = config, folder, rest[0], {**rest[1], "ema": 0.9}, False
    for balance in BALANCES:
        found[balance] = balanced(config, balance), folder, *rest, False
    return found


@pytest.fixture(scope="module")
def together(jobs: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What each of two processes says of every training."""
    path = tmp_path_factory.mktemp("jobs") / "jobs.json"
    plain = {
        name: (config.model_dump(mode="json"), str(folder), *rest)
        for name, (config, folder, *rest) in jobs.items()
    }
    path.write_text(json.dumps(plain))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    script = [sys.executable, "-c", textwrap.dedent(RANK), address]
    ranks = [
        subprocess.Popen(
            [*script, str(rank), str(path)],
            env=script_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    printed = [rank.communicate(timeout=240) for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], printed
    return [json.loads(out) for out, _ in printed]


def alone(job: Any) -> tuple[Training, list[Epoch]]:
    config, folder, variant, chosen, _ = job
    training = Training(config, Prepared(folder), variant, chosen, 1, torch.device("cpu"))
    return training, list(training.epochs())


@pytest.mark.parametrize(
    "name", [*(f"{task} {kind}" for task, kind in ASKED), "ema", "penalties", *BALANCES]
)
def test_losses_and_weights_are_those_of_one_process(
    name: str, jobs: dict[str, Any], together: list[Any]
) -> None:
    training, expected = alone(jobs[name])
    epochs, weights = together[0][name]
    assert len(epochs) == len(expected)
    for (train_loss, valid_loss, norm, scores), epoch in zip(epochs, expected, strict=True):
        assert train_loss == pytest.approx(epoch.train_loss, rel=1e-4)
        assert valid_loss == pytest.approx(epoch.valid_loss, rel=1e-4)
        assert norm == pytest.approx(epoch.gradient_norm, rel=1e-3)
        assert scores == pytest.approx(epoch.scores, rel=1e-3, abs=1e-6)
    for parameter, tensor in training.model.state_dict().items():
        assert weights[parameter] == pytest.approx(tensor.double().sum().item(), abs=1e-3)


def test_all_processes_come_to_the_same(together: list[Any]) -> None:
    assert together[0] == together[1]


def test_one_that_is_stopped_stops_all_and_they_go_on_as_if_never_stopped(
    together: list[Any],
) -> None:
    assert together[0]["in pieces"] == together[0]["at once"]
