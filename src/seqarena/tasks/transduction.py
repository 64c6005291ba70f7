"""One sequence into another: translation, and whatever else is written token by token."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.data.batches import Batch
from seqarena.data.store import Array, DataSpec
from seqarena.data.tokens import END, JOINTS, PAD, UNKNOWN
from seqarena.decode import Decoding, Hypothesis
from seqarena.models.attention import Attention
from seqarena.models.decoder import RecurrentDecoder, Speaker
from seqarena.models.frontends import embedding_table
from seqarena.models.heads import Head
from seqarena.models.model import Output, SequenceModel
from seqarena.models.variants import Variant
from seqarena.tasks.base import Counts, Task

LONGER = 1.5  # than any target of train a hypothesis may be
NEVER_SAID = "\N{REPLACEMENT CHARACTER}"  # a true token that no model can say is right with none


class Transduction(Task):
    """A text is written for each sequence (Graves 2012; Sutskever et al. 2014); cross-entropy.

    BLEU and chrF are sacrebleu's, of the corpus; ``exact_match`` is the share of texts that are
    right to the last token; ``perplexity`` is of the true tokens, each told from those before it.
    """

    metrics: ClassVar = {"bleu": True, "chrf": True, "exact_match": True, "perplexity": False}
    modalities = frozenset({"text"})
    targets = frozenset({"words", "characters"})

    def outputs(self, spec: DataSpec) -> int:
        return len(spec.target_vocabulary)

    def head(
        self,
        variant: Variant,
        width: int,
        attention: Attention | None,
        spec: DataSpec,
        hyperparameters: Mapping[str, Any],
    ) -> Head:
        size, std = hyperparameters["embedding"], hyperparameters["embedding_std"]
        table = embedding_table(self.outputs(spec), size, std)
        dropout = hyperparameters["dropout"]
        return RecurrentDecoder(variant.decoder, width, attention, table, dropout)

    def loss(self, output: Output, batch: Batch) -> tuple[Tensor, int]:
        assert batch.target_lengths is not None
        return _surprise(output, batch).sum(), int(batch.target_lengths.sum())

    def answer(
        self, model: SequenceModel, batch: Batch, spec: DataSpec, decoding: Decoding | None = None
    ) -> Output:
        """Write for a batch, greedily if nothing else is asked for."""
        longest = math.ceil(LONGER * spec.longest_target)
        written = (decoding or Decoding())(Speaker(model), batch, longest)
        said = [best for best, *_ in written]
        more = [others for _, *others in written]
        return Output(torch.empty(0), batch.lengths, None, said, more)

    def examine(self, model: SequenceModel, batch: Batch, spec: DataSpec) -> Output:
        output: Output = model(batch)
        said = self.answer(model, batch, spec).said
        return output._replace(logits=output.logits.float(), said=said)

    def rows(self, output: Output) -> list[Any]:
        assert output.said is not None
        # Without the attention: torch moves the tensors that go to another process, and what
        # `looked` gave is a view of them.
        return [hypothesis._replace(weights=None) for hypothesis in output.said]

    def looked(self, output: Output, place: int) -> Array | None:
        assert output.said is not None
        weights = output.said[place].weights  # (U, S), of what it wrote by itself
        return None if weights is None else weights[None, :, : int(output.lengths[place])].numpy()

    def claim(self, rows: list[Any], batch: Batch) -> Output:
        return Output(torch.empty(0), batch.lengths, None, rows)

    def counts(self, output: Output, batch: Batch, spec: DataSpec) -> Counts:
        said, truth = _texts(output, batch, spec)
        counts = {
            "exact_match": torch.tensor(sum(map(str.__eq__, said, truth))),
            "texts": torch.tensor(len(truth)),
        }
        for name, metric in _metrics(alone=False).items():
            # Its statistics of the sentences, which add up; the sum is scored below.
            statistics = metric._extract_corpus_statistics(said, [truth])
            counts[name] = torch.tensor(statistics).sum(0)
        if output.logits.numel():
            assert batch.target_lengths is not None
            counts["surprise"] = _surprise(output, batch).double().sum()
            counts["tokens"] = batch.target_lengths.sum()
        return counts

    def scores(self, counts: Counts, spec: DataSpec) -> dict[str, float]:
        scores = {
            name: float(metric._compute_score_from_stats(counts[name].tolist()).score)
            for name, metric in _metrics(alone=False).items()
        }
        scores["exact_match"] = float(counts["exact_match"] / counts["texts"])
        if "tokens" in counts:
            scores["perplexity"] = float((counts["surprise"] / counts["tokens"]).exp())
        return scores

    def per_example(self, metric: str, output: Output, batch: Batch, spec: DataSpec) -> Tensor:
        """Sentences are scored alone: their BLEU and chrF do not average to the corpus's."""
        if metric == "perplexity":
            assert batch.target_lengths is not None
            return (_surprise(output, batch).sum(1) / batch.target_lengths).exp()
        pairs = zip(*_texts(output, batch, spec), strict=True)
        if metric == "exact_match":
            return torch.tensor([float(said == truth) for said, truth in pairs])
        scorer = _metrics(alone=True)[metric]
        return torch.tensor([scorer.sentence_score(said, [truth]).score for said, truth in pairs])

    def predict(self, output: Output, spec: DataSpec) -> list[dict[str, Any]]:
        assert output.said is not None
        answers = [_plain(hypothesis, spec) for hypothesis in output.said]
        for answer, others in zip(answers, output.others or (), strict=False):
            if others:
                answer["others"] = [_plain(hypothesis, spec) for hypothesis in others]
        return answers


def _plain(hypothesis: Hypothesis, spec: DataSpec) -> dict[str, Any]:
    return {
        "text": written(hypothesis.tokens, spec),
        "log_probability": hypothesis.log_probability,
        "tokens": [spec.target_vocabulary[token] for token in hypothesis.tokens],
    }


def written(tokens: Sequence[int], spec: DataSpec) -> str:
    """Write tokens of the target vocabulary as a text."""
    return JOINTS[spec.target_unit].join(spec.target_vocabulary[token] for token in tokens)


def _texts(output: Output, batch: Batch, spec: DataSpec) -> tuple[list[str], list[str]]:
    """Return what was said and what was true."""
    assert output.said is not None
    truth = []
    for row in batch.targets.tolist():
        tokens = row[: row.index(END)]
        text = written(tokens, spec)
        truth.append(text.replace(spec.target_vocabulary[UNKNOWN], NEVER_SAID))
    return [written(hypothesis.tokens, spec) for hypothesis in output.said], truth


def _surprise(output: Output, batch: Batch) -> Tensor:
    """Return ``-log P`` of each true token, ``(B, U)``, 0 where there is none."""
    return F.cross_entropy(
        output.logits.transpose(1, 2), batch.targets.long(), ignore_index=PAD, reduction="none"
    )


@lru_cache(maxsize=2)
def _metrics(*, alone: bool) -> dict[str, Any]:
    """Make sacrebleu's metrics, of a corpus or of sentences scored alone."""
    from sacrebleu.metrics.bleu import BLEU  # here: training needs none of it
    from sacrebleu.metrics.chrf import CHRF

    return {"bleu": BLEU(effective_order=alone), "chrf": CHRF()}
