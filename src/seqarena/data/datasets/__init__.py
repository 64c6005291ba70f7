"""The data sets by name, and the user's own by path."""

from __future__ import annotations

from pathlib import Path
from pkgutil import resolve_name

from seqarena.data.datasets.base import Dataset
from seqarena.data.datasets.own import OwnFiles
from seqarena.errors import InputError, unknown

# Named, not imported: text needs neither the audio nor the video libraries.
DATASETS = {
    "movie_reviews": "seqarena.data.datasets.reviews:MovieReviews",
    "hutto_sentences": "seqarena.data.datasets.hutto:HuttoSentences",
    "pronoun_gaps": "seqarena.data.datasets.pronouns:PronounGaps",
    "spanish_phrases": "seqarena.data.datasets.spanish_phrases:SpanishPhrases",
    "bike_sharing": "seqarena.data.datasets.bike_sharing:BikeSharing",
    "spoken_digits": "seqarena.data.datasets.spoken_digits:SpokenDigits",
    "spoken_phrases": "seqarena.data.datasets.spoken_phrases:SpokenPhrases",
    "free_spoken_digits": "seqarena.data.datasets.spoken_digits:FreeSpokenDigits",
    "moving_digits": "seqarena.data.datasets.moving_digits:MovingDigits",
    "turning_digits": "seqarena.data.datasets.turning_digits:TurningDigits",
    "copy_memory": "seqarena.data.datasets.long_memory:CopyMemory",
    "adding": "seqarena.data.datasets.long_memory:Adding",
    "japanese_vowels": "seqarena.data.datasets.uea:JapaneseVowels",
    "basic_motions": "seqarena.data.datasets.uea:BasicMotions",
    "bach_chorales": "seqarena.data.datasets.chorales:BachChorales",
    "jsb_chorales": "seqarena.data.datasets.chorales:JsbChorales",
    "image_captchas": "seqarena.data.datasets.captchas:ImageCaptchas",
    "captcha_v2": "seqarena.data.datasets.captchas:CaptchaV2",
    "emoji_drawings": "seqarena.data.datasets.drawings:EmojiDrawings",
}


def dataset(name: str, modality: str | None = None, where: str = "data") -> Dataset:
    """Return a data set by name; a name with a slash, or of an existing path, is the user's own.

    Raises `InputError` at the key `where` for a name unknown, and for a modality that is missing
    (the user's own files) or another than the data set's.
    """
    if name in DATASETS:
        found: Dataset = resolve_name(DATASETS[name])()
        if modality not in (None, found.modality):
            raise InputError(f"{where}: '{name}' is {found.modality}, not {modality}")
        return found
    if "/" not in name and not Path(name).exists():
        raise unknown(where, "data set", name, DATASETS)
    return OwnFiles(Path(name), modality, where)
