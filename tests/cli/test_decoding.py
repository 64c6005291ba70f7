"""The options of decoding are the fields of its record, and commands share one list of them."""

from __future__ import annotations

from inspect import signature
from typing import get_args, get_type_hints

import pytest

from seqarena.cli.decoding import OPTIONS, decoding_of
from seqarena.cli.predict import generate, predict
from seqarena.decode import Decoding
from seqarena.errors import InputError


def test_an_option_is_a_field_of_the_record_and_of_its_type() -> None:
    fields = get_type_hints(Decoding)
    methods = get_args(fields.pop("method"))
    for name, option in OPTIONS.items():
        assert get_args(option.annotation)[0] in (fields[name], fields[name] | None)
        assert set(option.methods) <= set(methods)
    assert fields.keys() - OPTIONS == {"coverage_penalty"}


def test_both_commands_take_every_option_and_nothing_else() -> None:
    for command, method in ((predict, None), (generate, "sample")):
        taken = signature(command).parameters
        assert list(taken)[-1 - len(OPTIONS) :] == ["method", *OPTIONS]
        assert taken["method"].default == method
        assert all(taken[name].default is None for name in OPTIONS)


def test_what_is_not_given_stays_as_the_record_has_it() -> None:
    assert decoding_of(None, beam=None) is None
    assert decoding_of("beam", length_penalty=None) == Decoding(method="beam")
    assert decoding_of("sample", top_k=3, seed=2) == Decoding(method="sample", top_k=3, seed=2)
    with pytest.raises(InputError, match="--length-penalty: goes with --decoding beam"):
        decoding_of("sample", length_penalty=0.5)
