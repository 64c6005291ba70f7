"""JoeyNMT (Kreutzer et al. 2019) as a contender: our batches and our weights in its own model.

The environment variable ``JOEYNMT`` names a checkout of github.com/joeynmt/joeynmt; what that
imports and we do not have must be installed: `NEEDED`.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.data.tokens import END, PAD, SPECIALS, TARGET_SPECIALS, UNKNOWN
from seqarena.models.model import SequenceModel

CHECKOUT = "JOEYNMT"
NEEDED = "absl-py sentencepiece subword-nmt tensorboard"
SYMBOLS = SimpleNamespace(
    unk_token="<unk>", pad_token="<pad>", bos_token="<s>", eos_token="</s>", sep_token=None,
    unk_id=0, pad_id=1, bos_id=2, eos_id=3, sep_id=None, lang_tags=[],
)  # fmt: skip


def found() -> bool:
    """Return whether there is a checkout; say in one line where there is none."""
    there = Path(os.environ.get(CHECKOUT, ""), "joeynmt", "model.py").is_file()
    if not there:
        print(f"translation: JoeyNMT is left out: {CHECKOUT} names no checkout of it", flush=True)
    return there


class Joey:
    """Its recurrent model, of the sizes given, with what its `TrainManager` does at a step."""

    def __init__(self, spec: DataSpec, h: dict[str, Any]) -> None:
        sys.path.insert(0, os.environ[CHECKOUT])
        logging.disable(logging.INFO)
        try:
            from joeynmt.builders import build_gradient_clipper, build_optimizer
            from joeynmt.model import build_model
            from joeynmt.vocabulary import Vocabulary
        except ImportError as error:
            error.add_note(f"pip install {NEEDED}")
            raise

        source, target = (
            Vocabulary([*tokens], SYMBOLS)
            for tokens in (
                spec.vocabulary[len(SPECIALS) :],
                spec.target_vocabulary[len(TARGET_SPECIALS) :],
            )
        )
        self.source = _places(len(spec.vocabulary), SPECIALS)
        self.target = _places(len(spec.target_vocabulary), TARGET_SPECIALS)
        self.model = build_model(_config(h), source, target)
        self.model.loss_function = ("crossentropy", 0.0)
        settings = {name: h[name] for name in ("learning_rate", "weight_decay")}
        settings |= {"optimizer": "adamw", "adam_betas": (0.9, 0.999)}
        self.optimizer = build_optimizer(settings, self.model.parameters())
        self.clip = build_gradient_clipper({"clip_grad_val": None, "clip_grad_norm": 1.0})

    def batch(self, batch: Batch) -> Any:
        """Say our batch in its tokens; a target stands between its own two marks."""
        from joeynmt.batch import Batch as Theirs

        begin = torch.full((len(batch.targets), 1), SYMBOLS.bos_id)
        return Theirs(
            src=self.source[batch.inputs.long()],
            src_length=batch.lengths,
            src_prompt_mask=None,
            trg=torch.cat([begin, self.target[batch.targets.long()]], dim=1),
            trg_prompt_mask=None,
            indices=torch.arange(len(begin)),
            device=torch.device("cpu"),
            pad_index=SYMBOLS.pad_id,
            eos_index=SYMBOLS.eos_id,
        )

    def step(self, batch: Any) -> float:
        """Train on a batch of its own, as `TrainManager` does, the loss over the tokens."""
        self.model.train()
        batch.sort_by_src_length()
        loss, _, _, correct = self.model(return_type="loss", **vars(batch))
        mean = batch.normalize(loss, normalization="tokens")
        mean.backward()
        value, _ = mean.item(), correct.item()
        self.clip(parameters=self.model.parameters())
        self.optimizer.step()
        self.model.zero_grad()
        return float(value)

    def loss(self, batch: Any) -> float:
        """Return the summed loss of a batch of its own."""
        self.model.eval()
        batch.sort_by_src_length()
        with torch.no_grad():
            return float(self.model(return_type="loss", **vars(batch))[0])

    def write(self, batch: Any, longest: int, width: int, alpha: float) -> list[list[int]]:
        """Search by beam as its `predict` does; the best of each, in our tokens and order."""
        from joeynmt.search import search

        self.model.eval()
        back = batch.sort_by_src_length()
        written, _, _ = search(self.model, batch, longest, width, alpha, n_best=1)
        ours = torch.full((int(self.target.max()) + 1,), END)
        ours[self.target] = torch.arange(len(self.target))
        rows = [ours[torch.from_numpy(row).long()].tolist() for row in written]
        return [_until_end(rows[place]) for place in back]

    @torch.no_grad()
    def learn_from(self, model: SequenceModel) -> None:
        """Take the weights of our model, which has to have been narrowed (see `narrow`)."""
        ours, mine = model.state_dict(), self.model
        mine.src_embed.lut.weight[self.source] = ours["frontend.table.weight"]
        for table, name in (
            (mine.trg_embed.lut, "head.embedding"),
            (mine.decoder.output_layer, "head.output"),
        ):
            table.weight[self.target] = ours[f"{name}.weight"]
        # It begins with a token of its own, and is not asked for it: as unlikely as padding.
        mine.trg_embed.lut.weight[SYMBOLS.bos_id] = ours["head.embedding.weight"][END]
        mine.decoder.output_layer.weight[SYMBOLS.bos_id] = ours["head.output.weight"][PAD]
        for name, tensor in mine.encoder.rnn.named_parameters():
            half = "backwards" if name.endswith("_reverse") else "forwards"
            name = name.removesuffix("_reverse")
            tensor.copy_(ours[f"encoder.layer.{half}.kernel.{name}"])
        for name, tensor in mine.decoder.rnn.named_parameters():
            tensor.copy_(ours[f"head.recurrence.kernel.{name}"])
        for layer in ("query", "key", "energy"):
            weight = ours[f"head.attention.{layer}.weight"]
            getattr(mine.decoder.attention, f"{layer}_layer").weight.copy_(weight)
        bridge, combine = mine.decoder.bridge_layer, mine.decoder.att_vector_layer
        bridge.weight.copy_(ours["head.bridge.weight"].chunk(2)[0])
        bridge.bias.copy_(ours["head.bridge.bias"].chunk(2)[0])
        context, state = ours["head.combine.weight"].chunk(2, dim=1)
        combine.weight.copy_(torch.cat([state, context], dim=1))
        combine.bias.copy_(ours["head.combine.bias"])


@torch.no_grad()
def narrow(model: nn.Module) -> None:
    """Keep our model to what JoeyNMT's can hold: no bias of keys and output, h and c begun alike.

    These weights are then never trained.
    """
    parts = dict(model.named_parameters())
    for name in ("attention.key.bias", "output.bias", "bridge.weight", "bridge.bias"):
        tensor = parts[f"head.{name}"]
        tensor.requires_grad_(False)
        if name.startswith("bridge"):
            tensor.copy_(torch.cat([tensor.chunk(2)[0]] * 2))
        else:
            tensor.zero_()


def mixed(batches: list[Batch]) -> Iterator[Batch]:
    """Yield the same sequences in batches as large, of any lengths: its sampler looks at none."""
    rows = [
        (batch.inputs[row, :steps], batch.targets[row, :tokens])
        for batch in batches
        for row, (steps, tokens) in enumerate(
            zip(batch.lengths.tolist(), batch.target_lengths.tolist(), strict=True)
        )
    ]
    order = np.random.default_rng(0).permutation(len(rows))
    for chosen in np.array_split(order, len(batches)):
        inputs, targets = zip(*(rows[row] for row in chosen), strict=True)
        sides = [
            (pad_sequence(side, batch_first=True), torch.tensor([len(each) for each in side]))
            for side in (inputs, targets)
        ]
        yield Batch(*sides[0], *sides[1])


def _config(h: dict[str, Any]) -> dict[str, Any]:
    """Configure the same model: it has encoders of both directions only."""
    embeddings = {"embedding_dim": h["embedding"], "dropout": h["dropout"]}
    both = {"type": "recurrent", "rnn_type": "lstm", "num_layers": 1, "embeddings": embeddings}
    decoder = {
        "hidden_size": 2 * h["width"],
        "hidden_dropout": h["dropout"],
        "input_feeding": False,
        "init_hidden": "bridge",
        "attention": "bahdanau",
        "activation": "tanh",
    }
    encoder = {"hidden_size": h["width"], "bidirectional": True}
    return {"encoder": both | encoder, "decoder": both | decoder}


def _places(count: int, specials: Sequence[str]) -> Tensor:
    """Return its number of each of our tokens."""
    own = {PAD: SYMBOLS.pad_id, UNKNOWN: SYMBOLS.unk_id, END: SYMBOLS.eos_id}
    shift = 4 - len(specials)
    return torch.tensor([own[n] if n < len(specials) else n + shift for n in range(count)])


def _until_end(tokens: list[int]) -> list[int]:
    return tokens[: tokens.index(END)] if END in tokens else [t for t in tokens if t != PAD]
