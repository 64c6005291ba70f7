"""The data sets by name, and the user's own by path."""

from __future__ import annotations

from pathlib import Path
from pkgutil import resolve_name

from seqarena.config import Experiment, OwnData
from seqarena.datasets.base import Dataset
from seqarena.datasets.own import OwnFiles
from seqarena.errors import InputError, unknown
from seqarena.registry import OWN, imported

# Named, not imported: text needs neither the audio nor the video libraries.
DATASETS = {
    "movie_reviews": "seqarena.datasets.reviews:MovieReviews",
    "hutto_sentences": "seqarena.datasets.hutto:HuttoSentences",
    "pronoun_gaps": "seqarena.datasets.pronouns:PronounGaps",
    "spanish_phrases": "seqarena.datasets.spanish_phrases:SpanishPhrases",
    "bike_sharing": "seqarena.datasets.bike_sharing:BikeSharing",
    "spoken_digits": "seqarena.datasets.spoken_digits:SpokenDigits",
    "spoken_phrases": "seqarena.datasets.spoken_phrases:SpokenPhrases",
    "free_spoken_digits": "seqarena.datasets.spoken_digits:FreeSpokenDigits",
    "moving_digits": "seqarena.datasets.moving_digits:MovingDigits",
    "turning_digits": "seqarena.datasets.turning_digits:TurningDigits",
    "copy_memory": "seqarena.datasets.long_memory:CopyMemory",
    "adding": "seqarena.datasets.long_memory:Adding",
    "japanese_vowels": "seqarena.datasets.uea:JapaneseVowels",
    "basic_motions": "seqarena.datasets.uea:BasicMotions",
    "bach_chorales": "seqarena.datasets.chorales:BachChorales",
    "jsb_chorales": "seqarena.datasets.chorales:JsbChorales",
    "image_captchas": "seqarena.datasets.captchas:ImageCaptchas",
    "captcha_v2": "seqarena.datasets.captchas:CaptchaV2",
    "emoji_drawings": "seqarena.datasets.drawings:EmojiDrawings",
}


def dataset_of(config: Experiment, where: str = "params.yaml") -> Dataset:
    """Return the data set of an experiment, whose section is at `where`; see `dataset`."""
    targets = str(config.prepare.get("targets", "label"))
    return dataset(config.own, config.modality, f"{where}.data", targets)


def dataset(
    asked: str | OwnData,
    modality: str | None = None,
    where: str = "data",
    targets: str = "label",
) -> Dataset:
    """Return a data set by name; a name with a slash, or of an existing path, is the user's own.

    The user's own have such targets.

    Raises `InputError` at the key `where` for a name unknown, a package that is not installed, and
    a modality that is missing (the user's own files) or another than the data set's.
    """
    own = OwnData(path=asked) if isinstance(asked, str) else asked
    name = own.path
    if name in DATASETS or OWN.fullmatch(name):
        found = _imported(name, where)()
        if modality not in (None, found.modality):
            raise InputError(f"{where}: '{name}' is {found.modality}, not {modality}")
        return found
    if "/" not in name and not Path(name).exists():
        raise unknown(where, "data set", name, DATASETS)
    return OwnFiles(own, modality, where, targets)


def _imported(name: str, where: str) -> type[Dataset]:
    if OWN.fullmatch(name):
        own = imported(name)
        if isinstance(own, type) and issubclass(own, Dataset):
            return own
        raise InputError(f"{where}: '{name}' is no subclass of Dataset")
    try:
        found: type[Dataset] = resolve_name(DATASETS[name])
    except ModuleNotFoundError as error:
        fix = "pip install 'seqarena[datasets]'"
        raise InputError(f"{where}: '{name}' needs the package {error.name}; {fix}") from error
    return found
