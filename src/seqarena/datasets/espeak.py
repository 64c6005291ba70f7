"""The child process that speaks, run by the path of this file.

Reads jobs from standard input, one JSON object a line with ``voice`` ("en-us+f1"), ``text``,
``rate`` (words per minute), ``pitch`` (0 to 99) and ``file``; writes each as a 16-bit mono WAV at
espeak-ng's own rate, then says the file's name on standard output. espeak-ng is GPL-3: nothing
but this process ever loads it, and this module imports nothing of seqarena.

The synthesiser draws breath and flutter from one random state that it seeds by the clock and
carries from one utterance to the next, so the same jobs in the same order in a fresh process give
the same samples only because the state is seeded here.
"""

from __future__ import annotations

import ctypes
import json
import sys
import wave
from collections.abc import Callable
from typing import Any

import espeakng_loader

RETRIEVAL = 2  # AUDIO_OUTPUT_SYNCHRONOUS: samples go to the callback, in 16 bits, to no device
RATE, PITCH = 1, 3  # espeak_PARAMETER
UTF8 = 1
SEED = 1
SAMPLES = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


def open_synthesiser() -> tuple[int, Callable[[dict[str, Any]], bytes]]:
    """Load espeak-ng; return its sample rate and a function from a job to 16-bit samples.

    Raises `OSError` when the library finds no data, `ValueError` when a job names no voice.
    """
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = espeakng_loader.get_data_path().encode()
    rate = library.espeak_Initialize(RETRIEVAL, 0, data, 0)
    if rate <= 0:
        raise OSError(f"espeak-ng cannot read its data in {data.decode()}")
    library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
    library.espeak_ng_SetRandSeed(SEED)
    chunks: list[bytes] = []

    def collect(samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            chunks.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = SAMPLES(collect)
    library.espeak_SetSynthCallback(callback)

    def speak(job: dict[str, Any], _keep_alive: Any = callback) -> bytes:
        chunks.clear()
        if library.espeak_SetVoiceByName(job["voice"].encode()) != 0:
            raise ValueError(f"espeak-ng has no voice '{job['voice']}'")
        library.espeak_SetParameter(RATE, job["rate"], 0)
        library.espeak_SetParameter(PITCH, job["pitch"], 0)
        text = job["text"].encode()
        library.espeak_Synth(text, len(text) + 1, 0, 1, 0, UTF8, None, None)
        library.espeak_Synchronize()
        return b"".join(chunks)

    return rate, speak


def main() -> None:
    """Speak every job on standard input, in order."""
    rate, speak = open_synthesiser()
    for line in sys.stdin:
        job = json.loads(line)
        samples = speak(job)
        with wave.open(job["file"], "wb") as file:
            file.setparams((1, 2, rate, 0, "NONE", ""))
            file.writeframes(samples)
        print(job["file"], flush=True)


if __name__ == "__main__":
    main()
