"""Sequence to sequence: training and beam search, against JoeyNMT and a loop over sentences.

All run with one thread and are measured by the time of their own process, so that a busy machine
disturbs them less.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from benchmarks.joey import Joey, found, mixed, narrow
from benchmarks.turns import Turns, interleave, tell
from seqarena.config import Experiment, Protocol
from seqarena.data.batches import Batch, Batches
from seqarena.data.modalities import modality
from seqarena.data.store import Prepared, write_spec
from seqarena.datasets import dataset
from seqarena.decode import Hypothesis, Stepper, beam_search
from seqarena.decode.stepper import pick
from seqarena.fit import Training
from seqarena.models.model import SequenceModel
from seqarena.models.recurrent.encoders import recurrent
from seqarena.models.variant import Variant
from seqarena.models.variants import VARIANTS
from seqarena.models.writing.autoregressive import AutoregressiveStepper
from seqarena.models.writing.decoder import RecurrentDecoder
from seqarena.tasks import task_for
from seqarena.tasks.transduction import LONGER

# The model that both can build to the last weight: JoeyNMT's encoders read both ways.
NAME = "bilstm_attention"
VARIANT = Variant(encoder=partial(recurrent, kind="lstm", bidirectional=True), attention="additive")
HYPERPARAMETERS: dict[str, Any] = {
    "embedding": 64,
    "width": 32,  # of either half of the encoder; its states and the decoder have 64
    "attention": 64,
    "learning_rate": 3e-3,
    "weight_decay": 1e-2,
    "dropout": 0.1,
    "embedding_std": 1.0,
}
BATCHES = (16, 64)  # sentences
TRAINED, WRITTEN = 640, 192  # sentences of a round
WIDTH, PENALTY = 5, 0.6  # of the beam
EPOCHS = 2  # of what searches: it then ends most sentences where they end


def main(rounds: int = 11) -> None:
    """Training over the same batches, then searches by models of the same weights."""
    peer = found()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        phrases(folder)
        for size in BATCHES:
            rivals = {"JoeyNMT": train_joey, "JoeyNMT, random batches": train_joey_mixed}
            took = _race({"seqarena": train} | (rivals if peer else {}), folder, size, rounds)
            for rival, target in zip(rivals, (2.5, None), strict=True) if peer else ():
                what = f"translation: training, {size} a batch, over {rival}"
                tell(what, took[rival], took["seqarena"], target)
            _rates("target tokens", took, _tokens(folder, size))
        _once(save_trained, folder, BATCHES[0])
        for size in BATCHES:
            rivals = {"loop": search_one_by_one} | ({"JoeyNMT": search_joey} if peer else {})
            took = _race({"seqarena": search} | rivals, folder, size, rounds)
            for rival, target in zip(rivals, (3, 1.4), strict=False):
                what = f"translation: beam of {WIDTH}, {size} a batch, over {rival}"
                tell(what, took[rival], took["seqarena"], target)
            _rates("sentences", took, WRITTEN)
        if took.get("JoeyNMT"):
            print(_once(agreement, folder, BATCHES[-1]), flush=True)


def _race(rivals: dict[str, Any], folder: Path, size: int, rounds: int) -> dict[str, list[float]]:
    return interleave({n: (repeat, each, folder, size) for n, each in rivals.items()}, rounds)


def _once(function: Callable[[Path, int], Any], folder: Path, size: int) -> Any:
    """Call a function in a process of its own, with one thread."""
    return interleave({"it": (report, function, folder, size)}, 1, warm_up=0)["it"][0]


def _rates(unit: str, took: dict[str, list[float]], count: int) -> None:
    rates = [
        f"{name} {count / statistics.median(times):,.0f}" for name, times in took.items() if times
    ]
    print(f"translation: {unit} per second of processor: {'; '.join(rates)}", flush=True)


def _tokens(folder: Path, size: int) -> int:
    lengths = [batch.target_lengths for batch in chosen(folder, size)]
    return sum(int(each.sum()) for each in lengths if each is not None)


def repeat(turns: Turns, _: Path, prepare: Callable[..., Callable[[], Any]], *given: Any) -> None:
    """Be a contender whose round is one call of what ``prepare(*given)`` returns."""
    step = prepare(*given)
    while True:
        turns.wait()
        began = time.process_time()
        step()
        turns.report(time.process_time() - began)


def report(turns: Turns, _: Path, function: Callable[..., Any], *given: Any) -> None:
    """Be a contender whose figure is what the function returns."""
    turns.wait()
    turns.report(function(*given))
    turns.wait()


def phrases(folder: Path) -> Prepared:
    """Prepare the data of the experiment `translation`."""
    raw, out = folder / "raw", folder / "prepared"
    raw.mkdir()
    dataset("spanish_phrases").write(raw)
    text = modality("text")
    options = text.Options.model_validate({"targets": "words", "min_count": 1})
    write_spec(out / "spec.json", text.prepare(raw, out, options, seed=0))
    return Prepared(out)


def training(folder: Path, size: int, epochs: int = 1) -> Training:
    """Make the training of the model that both can build."""
    VARIANTS.setdefault(NAME, VARIANT)
    experiment = Experiment(
        data="spanish_phrases",
        modality="text",
        task="transduction",
        metric="perplexity",
        variants=(NAME,),
        protocol=Protocol(batch_size=size, epochs=epochs),
    )
    return Training(experiment, Prepared(folder / "prepared"), NAME, HYPERPARAMETERS, 0)


def chosen(folder: Path, size: int, split: str = "train", count: int = TRAINED) -> list[Batch]:
    """Return the batches of a round, of similar lengths each: the same for every contender."""
    batches = Batches(Prepared(folder / "prepared").split(split), size).shuffled(1)
    return list(islice(batches, count // size))


def train(folder: Path, size: int) -> Callable[[], Any]:
    """Take the steps of a round."""
    run, batches = training(folder, size), chosen(folder, size)
    run.model.train()
    return lambda: [run.step(batch) for batch in batches]


def train_joey(folder: Path, size: int, of: Callable[..., Any] = list) -> Callable[[], Any]:
    """Take the same steps in JoeyNMT."""
    joey = Joey(Prepared(folder / "prepared").spec, HYPERPARAMETERS)
    batches = [joey.batch(batch) for batch in of(chosen(folder, size))]
    return lambda: [joey.step(batch) for batch in batches]


def train_joey_mixed(folder: Path, size: int) -> Callable[[], Any]:
    """Take as many steps over the same sentences, in batches such as JoeyNMT draws itself."""
    return train_joey(folder, size, mixed)


def trained(folder: Path, size: int, epochs: int = EPOCHS) -> SequenceModel:
    """Train the model whose weights both can hold, so that both write alike and as long."""
    run = training(folder, size, epochs)
    narrow(run.model)
    run.model.train()
    for epoch in range(1, epochs + 1):
        for batch in run.batches.shuffled(epoch):
            run.step(batch)
    return run.model.eval()


def save_trained(folder: Path, size: int) -> None:
    """Leave the weights for all that search."""
    torch.save(trained(folder, size).state_dict(), folder / "weights.pt")


def loaded(folder: Path) -> tuple[SequenceModel, int]:
    """Return the trained model, and the length that an evaluation would allow it."""
    run = training(folder, BATCHES[0])
    run.model.load_state_dict(torch.load(folder / "weights.pt"))
    return run.model.eval(), math.ceil(LONGER * run.spec.max_target_length)


def search(folder: Path, size: int) -> Callable[[], list[list[int]]]:
    """Search by beam, batch by batch."""
    model, longest = loaded(folder)
    batches = chosen(folder, size, "valid", WRITTEN)

    @torch.inference_mode()
    def write() -> list[list[int]]:
        return [each.tokens for batch in batches for each in beam_of_all(model, batch, longest)]

    return write


def search_one_by_one(folder: Path, size: int) -> Callable[[], list[list[int]]]:
    """Search by beam, sentence by sentence."""
    model, longest = loaded(folder)
    sentences = [one for batch in chosen(folder, size, "valid", WRITTEN) for one in alone(batch)]

    @torch.inference_mode()
    def write() -> list[list[int]]:
        return [beam_of_one(speaking(model, one), longest).tokens for one in sentences]

    return write


def search_joey(folder: Path, size: int) -> Callable[[], list[list[int]]]:
    """Search by beam in JoeyNMT."""
    model, longest = loaded(folder)
    joey = Joey(Prepared(folder / "prepared").spec, HYPERPARAMETERS)
    joey.learn_from(model)
    batches = [joey.batch(batch) for batch in chosen(folder, size, "valid", WRITTEN)]
    return lambda: [
        said for batch in batches for said in joey.write(batch, longest, WIDTH, PENALTY)
    ]


def beam_of_all(model: SequenceModel, batch: Batch, longest: int) -> list[Hypothesis]:
    """Return the best of each sequence by what is measured."""
    found = beam_search(speaking(model, batch), longest, width=WIDTH, length_penalty=PENALTY)
    return [best for best, *_ in found]


def speaking(model: SequenceModel, batch: Batch) -> AutoregressiveStepper:
    """Let the model's decoder see a batch as a search does."""
    assert isinstance(model.head, RecurrentDecoder)
    return AutoregressiveStepper(model.head, model.encode(batch))


def beam_of_one(stepper: Stepper, longest: int) -> Hypothesis:
    """Search for one sequence as it is first written: lists of hypotheses, step by step.

    Its hypotheses share each call of the model; `beam_search` has those of a whole batch do so.
    """
    _, state = stepper.start()
    live: list[tuple[float, list[int]]] = [(0.0, [])]
    done: list[Hypothesis] = []
    for step in range(1, longest + 1):
        last = [said[-1] if said else stepper.end for _, said in live]
        logits, state, _ = stepper.step(torch.tensor([last]), state)
        logs, tokens = torch.log_softmax(logits[0], -1).topk(2 * WIDTH)
        extended = [
            (live[parent][0] + log, [*live[parent][1], token], parent)
            for parent, row in enumerate(zip(logs.tolist(), tokens.tolist(), strict=True))
            for log, token in zip(*row, strict=True)
        ]
        extended = sorted(extended, key=lambda each: -each[0])[: 2 * WIDTH]
        for total, said, _ in extended[:WIDTH]:
            if said[-1] == stepper.end or step == longest:
                kept = said[:-1] if said[-1] == stepper.end else said
                done.append(Hypothesis(kept, total, total / _divisor(step), None))
        going = [each for each in extended if each[1][-1] != stepper.end][:WIDTH]
        bound = going[0][0] / _divisor(longest)
        if len(done) >= WIDTH or any(each.score >= bound for each in done):
            break
        parents = torch.tensor([[parent for _, _, parent in going]])
        state = state._replace(hypotheses=pick(state.hypotheses, parents))
        live = [(total, said) for total, said, _ in going]
    return max(done, key=lambda each: each.score)


def _divisor(steps: int) -> float:
    return float(((5 + steps) / 6) ** PENALTY)


def alone(batch: Batch) -> Iterator[Batch]:
    """Yield the sequences of a batch, each without padding."""
    for row, length in enumerate(batch.lengths.tolist()):
        here = slice(row, row + 1)
        yield Batch(batch.inputs[here, :length], batch.lengths[here], batch.targets[here])


def agreement(folder: Path, size: int) -> str:
    """Say how near the two models of the same weights come to each other."""
    model, _ = loaded(folder)
    joey = Joey(Prepared(folder / "prepared").spec, HYPERPARAMETERS)
    joey.learn_from(model)
    batch = chosen(folder, size, "valid", size)[0]
    with torch.inference_mode():
        loss, _ = task_for("transduction").loss(model(batch), batch)
    ratio = joey.loss(joey.batch(batch)) / float(loss)
    ours, theirs = (way(folder, size)() for way in (search, search_joey))
    same = sum(map(list.__eq__, ours, theirs)) / len(ours)
    lengths = " and ".join(f"{statistics.mean(map(len, said)):.2f}" for said in (ours, theirs))
    return (
        f"translation: of the same weights, JoeyNMT's loss is {ratio:.5f} of ours; {same:.1%} of "
        f"the sentences found are the same, {lengths} tokens long"
    )
