"""The modalities by name."""

from __future__ import annotations

from pkgutil import resolve_name

from seqarena.config import Experiment, Strict, parse
from seqarena.data.children import DecodeAll, decoded
from seqarena.data.modalities.base import Modality
from seqarena.errors import unknown

# Named, not imported: text needs neither the audio nor the video libraries.
MODALITIES = {
    "text": "seqarena.data.modalities.text:Text",
    "series": "seqarena.data.modalities.series:Series",
    "audio": "seqarena.data.modalities.audio:Audio",
    "video": "seqarena.data.modalities.video:Video",
    "signal": "seqarena.data.modalities.signal:Signal",
    "music": "seqarena.data.modalities.music:Music",
    "image": "seqarena.data.modalities.image:Images",
}


def modality(name: str, where: str = "modality", *, decode_all: DecodeAll = decoded) -> Modality:
    """Return a modality by name, whose `prepare` has media decoded by `decode_all`.

    Raises `InputError` at the key `where` for one unknown.
    """
    if name not in MODALITIES:
        raise unknown(where, "modality", name, MODALITIES)
    found: Modality = resolve_name(MODALITIES[name])(decode_all)
    return found


def options_of(config: Experiment, where: str) -> Strict:
    """Return the modality's options of an experiment, every default in place.

    Raises `InputError` for a mistake in the experiment's `prepare`, which stands at `where`.
    """
    return parse(modality(config.modality).Options, config.prepare, f"{where}.prepare")
