"""The device that computes: which, in what precision, and how memory is kept."""

from __future__ import annotations

import ctypes
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from seqarena.errors import InputError, InputWarning

if TYPE_CHECKING:  # so that a GPU machine with only torch can train
    from seqarena.config import Protocol

NOT_DETERMINISTIC = re.compile(r"(\S+) does not have a deterministic implementation")


def autocast(device: torch.device, protocol: Protocol) -> torch.autocast:
    """Compute in bfloat16 where asked, or on a GPU that does it in hardware ("auto").

    Raises `InputError` where it is asked of a device that cannot: oneDNN then has no LSTM.
    """
    on_gpu, able = device.type == "cuda", _computes_bfloat16(device)
    if protocol.precision == "bfloat16" and not able:
        found = f"this {device.type} does not compute it in hardware; use 'auto' or 'float32'"
        raise InputError(f"protocol.precision: bfloat16, but {found}")
    enabled = protocol.precision == "bfloat16" or (protocol.precision == "auto" and on_gpu and able)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


def computable(protocol: Protocol, device: torch.device) -> Protocol:
    """Return the protocol in a precision that the device has, and warn where it is another.

    Its models may come from a GPU: what they learned in bfloat16 there is float32 anyway.
    """
    if protocol.precision != "bfloat16" or _computes_bfloat16(device):
        return protocol
    reason = f"this {device.type} does not compute it in hardware; float32 is used"
    warnings.warn(f"protocol.precision: bfloat16, but {reason}", InputWarning, stacklevel=2)
    return protocol.model_copy(update={"precision": "float32"})


def _computes_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@contextmanager
def deterministic(asked: bool, device: torch.device) -> Iterator[None]:
    """Compute the same to the last bit each time, if asked.

    Raises `InputError` that names the operation which cannot, of which torch tells amid a step.
    """
    if not asked:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # which cuBLAS asks for then
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    except RuntimeError as error:
        found = NOT_DETERMINISTIC.match(str(error))
        if found is None:
            raise
        what = f"{found[1]} comes out the same each time on no {device.type}"
        fix = "set it to false, or leave out the variants that need it"
        raise InputError(f"protocol.deterministic: true, but {what}; {fix}") from error
    finally:
        torch.use_deterministic_algorithms(before)


def default_device() -> torch.device:
    """Return the first GPU that this process may use, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def keep_freed_memory() -> None:
    """Tell glibc to keep large freed buffers instead of returning them to the kernel.

    oneDNN's LSTM allocates and frees large buffers at every step; the page faults of getting them
    anew cost a third of the time. Does nothing where there is no glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # musl, macOS, Windows
        return
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # <malloc.h>
    for option, value in ((trim_threshold, 1 << 30), (top_pad, 1 << 26), (mmap_threshold, 1 << 30)):
        mallopt(option, value)
