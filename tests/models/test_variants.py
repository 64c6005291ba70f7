"""Contracts of the variants, in every modality that each takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from seqarena.data.batches import Batch, collate
from seqarena.data.store import Array, DataSpec, Prepared
from seqarena.errors import InputError
from seqarena.models.attention import steps as self_attention
from seqarena.models.attention.memory import Attention
from seqarena.models.attention.steps import MEMORY
from seqarena.models.contracts import broken_contract
from seqarena.models.frontends import FrameScale, Patches
from seqarena.models.heads import PooledHead
from seqarena.models.model import SequenceModel, count_parameters
from seqarena.models.regularisation.dropout import Dropout
from seqarena.models.variants import (
    VARIANTS,
    Variant,
    added_space,
    attends,
    build_model,
    variant_for,
)
from seqarena.models.writing.decoders import DECODERS, decoder_for
from seqarena.spaces import COMMON
from seqarena.tasks import TASKS

PAIRS = [(name, modality) for name, v in VARIANTS.items() for modality in sorted(v.modalities)]
every_pair = pytest.mark.parametrize(("variant", "modality"), PAIRS)
Choose = Callable[..., dict[str, Any]]


def pooled(outputs: int) -> Callable[[Variant, int, Attention | None], PooledHead]:
    return lambda variant, width, attention: PooledHead(width, attention, outputs, 0.1)


def sequences(spec: DataSpec, lengths: tuple[int, ...]) -> list[Array]:
    random = np.random.default_rng(0)
    if spec.modality == "series":  # a window is never shorter than a patch
        lengths = tuple(length + 4 for length in lengths)
    if spec.modality == "text":
        return [random.integers(1, len(spec.vocabulary), n).astype(np.int32) for n in lengths]
    if spec.modality == "image":
        lengths = (1,) * len(lengths)
    if spec.modality in ("video", "image"):
        return [random.integers(0, 256, (n, *spec.feature_shape)).astype(np.uint8) for n in lengths]
    return [random.normal(size=(n, *spec.feature_shape)).astype(np.float32) for n in lengths]


def build(variant: str, spec: DataSpec, choose: Choose) -> SequenceModel:
    torch.manual_seed(0)
    model = build_model(variant, spec, choose(variant, spec.modality), pooled(3))
    for parameter in model.parameters():  # larger than at the start, so that a leak would show
        parameter.data.mul_(1.5)
    return model.eval()


@every_pair
def test_padding_never_changes_an_output(
    variant: str, modality: str, specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    spec = specs[modality]
    model, items = build(variant, spec, hyperparameters), sequences(spec, (2, 12, 5, 1))
    together = model(collate(items))
    for row, item in enumerate(items):
        alone = model(collate([item]))
        torch.testing.assert_close(together.logits[row : row + 1], alone.logits)
        if alone.weights is not None:
            mine = together.weights[row : row + 1, ..., : int(alone.lengths)]
            torch.testing.assert_close(mine, alone.weights)


@every_pair
def test_it_keeps_the_contracts_that_ones_own_are_held_to(
    variant: str, modality: str, specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    spec = specs[modality]
    model, batch = build(variant, spec, hyperparameters), collate(sequences(spec, (2, 12, 5, 1)))
    causal = VARIANTS[variant].context == "causal"
    assert broken_contract(model, batch, causal=causal) is None


@every_pair
def test_what_stands_in_padding_is_never_read(
    variant: str, modality: str, specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    spec = specs[modality]
    model, batch = build(variant, spec, hyperparameters), collate(sequences(spec, (2, 6, 4)))
    wanted = model(batch)
    filled = batch.inputs.clone()
    for row, length in enumerate(batch.lengths.tolist()):
        filled[row, length:] = 3
    torch.testing.assert_close(model(batch._replace(inputs=filled)).logits, wanted.logits)


@every_pair
def test_attention_looks_at_real_steps_only(
    variant: str, modality: str, specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    spec = specs[modality]
    batch = collate(sequences(spec, (2, 6, 4)))
    output = build(variant, spec, hyperparameters)(batch)
    weights = output.weights
    assert (weights is not None) == attends(VARIANTS[variant])
    if weights is not None:
        torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))
        for row, length in enumerate(output.lengths.tolist()):
            assert not weights[row, ..., length:].any()


@every_pair
def test_every_parameter_is_trained(
    variant: str, modality: str, prepared: dict[str, Path], hyperparameters: Choose
) -> None:
    data = Prepared(prepared[modality])
    model = build(variant, data.spec, hyperparameters).train()
    train = data.split("train")
    batch = collate([train.sequence(index) for index in range(len(train))])
    model(batch).logits.square().sum().backward()
    dead = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert dead == []
    assert count_parameters(model) == sum(p.numel() for p in model.parameters())


@every_pair
def test_its_space_holds_all_that_building_needs(
    variant: str, modality: str, specs: dict[str, DataSpec]
) -> None:
    """Only what the search draws is there in a trial: a variant must ask for nothing else."""
    space = {**COMMON, **added_space(variant, modality)}
    for end in (0, -1):
        drawn = {
            name: choice[end]
            if isinstance(choice, list)
            else (choice.low, choice.high)[end]
            if hasattr(choice, "low")
            else choice
            for name, choice in space.items()
        }
        model = build_model(variant, specs[modality], drawn, pooled(2))
        output = model.eval()(collate(sequences(specs[modality], (13, 15))))
        assert output.logits.shape == (2, 2)


CAUSAL = [name for name, variant in VARIANTS.items() if variant.context == "causal"]
every_causal = pytest.mark.parametrize("variant", CAUSAL)
WINDOWS = [(12,), (7, 5), (1,) * 12, (3, 1, 8)]
every_memory = pytest.mark.parametrize("memory", [3, MEMORY])


OVER_STEPS = {"music": "music_modelling", "video": "labelling", "text": "language_modelling"}


def over_steps(
    variant: str, prepared: dict[str, Path], choose: Choose
) -> tuple[SequenceModel, Batch]:
    """Build a causal variant for what comes next or, of clips, for a label per frame."""
    modality = next(kind for kind in OVER_STEPS if kind in VARIANTS[variant].modalities)
    data = Prepared(prepared[modality])
    torch.manual_seed(0)
    model = TASKS[OVER_STEPS[modality]].model(variant, data.spec, choose(variant, modality))
    for parameter in model.parameters():  # larger than at the start, so that a leak would show
        parameter.data.mul_(1.5)
    return model.eval(), collate(sequences(data.spec, (12, 12, 12)))


def in_windows(model: SequenceModel, batch: Batch, sizes: tuple[int, ...]) -> Tensor:
    """Return the logits of each step, of windows that go on from one another."""
    state, found = None, []
    with torch.no_grad():
        for window in batch.inputs.split(sizes, dim=1):
            lengths = torch.full_like(batch.lengths, window.shape[1])
            output = model(batch._replace(inputs=window, lengths=lengths), state)
            state = output.state
            found.append(output.logits)
    return torch.cat(found, dim=1)


@every_causal
@every_memory
def test_windows_and_single_steps_come_to_what_the_whole_does(
    variant: str, memory: int, prepared: dict[str, Path], hyperparameters: Choose,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A window goes on from the state after the one before: training and generating rest on it."""
    monkeypatch.setattr(self_attention, "MEMORY", memory)
    model, batch = over_steps(variant, prepared, hyperparameters)
    whole = in_windows(model, batch, (12,))
    for sizes in WINDOWS[1:]:
        found = in_windows(model, batch, sizes)
        torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-5)


@every_causal
@every_memory
@pytest.mark.parametrize("sizes", WINDOWS)
def test_a_step_changes_nothing_before_it(
    variant: str, memory: int, sizes: tuple[int, ...], prepared: dict[str, Path],
    hyperparameters: Choose, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(self_attention, "MEMORY", memory)
    model, batch = over_steps(variant, prepared, hyperparameters)
    before = in_windows(model, batch, sizes)
    for step in (1, 6, 11):
        inputs = batch.inputs.clone()
        inputs[:, step] = inputs[:, step].roll(1, 0)
        after = in_windows(model, batch._replace(inputs=inputs), sizes)
        torch.testing.assert_close(after[:, :step], before[:, :step])
        assert not torch.allclose(after[:, step], before[:, step])


def test_order_matters_to_the_recurrent_ones(
    specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    (steps,) = sequences(specs["audio"], (6,))
    for variant in VARIANTS:
        if "audio" in VARIANTS[variant].modalities:
            model = build(variant, specs["audio"], hyperparameters)
            ahead, behind = (model(collate([x])).logits for x in (steps, steps[::-1].copy()))
            assert not torch.allclose(ahead, behind, atol=1e-3), variant


def test_what_a_variational_encoder_drops_its_frontend_keeps(
    specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    for modality in ("text", "video"):
        chosen = hyperparameters("variational_lstm", modality, dropout=0.5)
        model = build_model("variational_lstm", specs[modality], chosen, pooled(2))
        left = [m.p for m in model.frontend.modules() if isinstance(m, Dropout)]
        assert left == [0.0] and model.encoder.layer.layers[0].dropout.p == 0.5


def test_the_dense_window_sees_the_end_of_a_long_sequence(
    specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    spec = specs["audio"]
    model = build("window_mlp", spec, hyperparameters)
    (steps,) = sequences(spec, (20,))
    whole = model(collate([steps])).logits
    torch.testing.assert_close(whole, model(collate([steps[-spec.max_length :]])).logits)


def test_frames_are_scaled_channel_by_channel(specs: dict[str, DataSpec]) -> None:
    train = {"mean": [10.0, 20.0], "std": [2.0, 5.0]}
    spec = replace(specs["video"], feature_shape=(2, 1, 1), pixel_stats=train)
    frames = torch.tensor([[14, 10]], dtype=torch.uint8).view(1, 1, 2, 1, 1)
    scaled = FrameScale(spec)(frames)
    assert scaled.flatten().tolist() == [2.0, -2.0] and scaled.dtype == torch.float32


def test_patches_end_where_the_sequence_ends(specs: dict[str, DataSpec]) -> None:
    frontend = Patches(specs["series"], 3)
    first, second = sequences(specs["series"], (4, 2))  # 8 and 6 steps
    features, lengths = frontend(*collate([first, second])[:2])
    assert lengths.tolist() == [2, 2] and frontend.steps(8) == 2
    torch.testing.assert_close(features[0], torch.from_numpy(first[2:].reshape(2, 9)))
    torch.testing.assert_close(features[1], torch.from_numpy(second.reshape(2, 9)))


PATCHED = [(name, modality) for name, modality in PAIRS if modality in ("audio", "series")]
SHORT = (2, 12, 3, 1)  # all but one are shorter than a patch of 4


def shorter_than_a_patch(spec: DataSpec) -> list[Array]:
    random = np.random.default_rng(0)
    return [random.normal(size=(n, *spec.feature_shape)).astype(np.float32) for n in SHORT]


@pytest.mark.parametrize(("variant", "modality"), PATCHED)
def test_a_sequence_shorter_than_a_patch_is_read(
    variant: str, modality: str, specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    def choose(variant: str, modality: str) -> dict[str, Any]:
        return hyperparameters(variant, modality, patch=4)

    spec = specs[modality]
    model, items = build(variant, spec, choose), shorter_than_a_patch(spec)
    together = model(collate(items))
    made = model.encoder.states_of(torch.tensor([1, 3, 1, 1]))
    assert together.lengths.tolist() == made.tolist()
    for row, item in enumerate(items):
        torch.testing.assert_close(together.logits[row : row + 1], model(collate([item])).logits)
        assert not torch.allclose(together.logits[row], model(collate([item + 1])).logits[0])


@pytest.mark.parametrize(("variant", "modality"), PATCHED)
def test_a_sequence_shorter_than_a_patch_is_learned_from(
    variant: str, modality: str, specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    spec, truth = specs[modality], torch.tensor([0, 1, 1, 2])
    torch.manual_seed(0)
    chosen = hyperparameters(variant, modality, patch=4)
    model = build_model(variant, spec, chosen, pooled(3))
    batch = collate(shorter_than_a_patch(spec))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    losses = []
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(model(batch).logits, truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_a_short_sequence_ends_its_patch_with_zeros_in_front(specs: dict[str, DataSpec]) -> None:
    frontend, items = Patches(specs["series"], 4), shorter_than_a_patch(specs["series"])
    features, lengths = frontend(*collate(items[2:])[:2])  # 3 steps and 1
    assert lengths.tolist() == [1, 1] and frontend.steps(3) == 1
    for row, item in zip(features, items[2:], strict=True):
        steps = row.view(4, 3).numpy()
        np.testing.assert_array_equal(steps[4 - len(item) :], item)
        assert not steps[: 4 - len(item)].any()


def test_a_patch_longer_than_all_of_train_is_refused(
    specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    chosen = hyperparameters("gru", "audio", patch=8)
    with pytest.raises(InputError, match="patch: 8 steps, but the longest of train has 7"):
        build_model("gru", specs["audio"], chosen, pooled(2))


def test_an_unknown_variant_names_the_nearest() -> None:
    with pytest.raises(InputError, match="here: no variant named 'lstm_atention'.*lstm_attention"):
        variant_for("lstm_atention", "text", "here")
    with pytest.raises(InputError, match="'conv_lstm' takes video, not text"):
        variant_for("conv_lstm", "text", "here")


def test_every_variant_names_a_decoder() -> None:
    assert {variant.decoder for variant in VARIANTS.values()} == DECODERS.keys()


def test_an_unknown_decoder_names_the_nearest() -> None:
    variant = replace(VARIANTS["gru"], decoder="gruu")
    with pytest.raises(InputError, match="models.decoders: no decoder named 'gruu'.*gru"):
        decoder_for(variant, 8, None, 5, {"dropout": 0.0})
