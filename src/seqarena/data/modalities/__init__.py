"""The modalities by name."""

from __future__ import annotations

from pkgutil import resolve_name

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


def modality(name: str, where: str = "modality") -> Modality:
    """Return a modality by name; raises `InputError` at the key `where` for one unknown."""
    if name not in MODALITIES:
        raise unknown(where, "modality", name, MODALITIES)
    found: Modality = resolve_name(MODALITIES[name])()
    return found
