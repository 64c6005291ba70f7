"""Pictures of classes say what their metrics do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec, Prepared
from seqarena.figures import classes
from seqarena.figures.final import Final
from seqarena.models.outputs import Logits
from seqarena.tasks import TASKS
from support import scores_of


def test_reliability_is_drawn_with_the_error_that_is_told(
    specs: dict[str, DataSpec],
    prepared: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    test, spec = Prepared(prepared["text"]).split("test"), specs["text"]
    random = np.random.default_rng(0)
    logits = 2 * random.normal(size=(len(test), len(spec.classes))).astype(np.float32)
    drawn: list[Any] = []
    monkeypatch.setattr(classes, "reliability", lambda *what: drawn.append(what))
    classes.draw_classes(Final(tmp_path, spec, test, "gru", list(logits), [0]))
    ((chances, right, error, path),) = drawn
    said = torch.from_numpy(logits)
    np.testing.assert_allclose(chances, said.softmax(1).max(1).values, rtol=1e-5)
    np.testing.assert_array_equal(right, logits.argmax(1) == np.asarray(test.targets))
    truth = torch.tensor(np.asarray(test.targets))
    batch = Batch(said, torch.ones(len(said)), truth)
    output = Logits(logits=said, lengths=batch.lengths)
    scores = scores_of(TASKS["classification"], output, batch, spec)
    assert error == pytest.approx(scores["calibration_error"])
    assert path == tmp_path / "reliability.png"
