from __future__ import annotations

import io
import secrets
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from captcha import image
from PIL import Image

from seqarena.data.modalities.image import ImageOptions, Images
from seqarena.data.store import Prepared, write_spec
from seqarena.datasets.captchas import ALPHABET, HEIGHT, WIDTH, CaptchaV2, ImageCaptchas
from seqarena.datasets.sources import content_sha256_of
from seqarena.errors import InputError
from seqarena.files import digest_of
from support import rows_of

SOME = {"train": 24, "valid": 4, "test": 6}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    raw = tmp_path_factory.mktemp("captchas")
    ImageCaptchas(**SOME).write(raw)
    return raw


def test_sizes_and_readable_characters(written: Path) -> None:
    rows = rows_of(written)
    assert list(rows[0]) == ["file", "target", "split"]
    assert Counter(row["split"] for row in rows) == SOME
    for row in rows:
        assert 4 <= len(row["target"]) <= 6
        assert set(row["target"]) <= set(ALPHABET)
        with Image.open(written / row["file"]) as picture:
            assert picture.size == (WIDTH, HEIGHT)
            levels = np.asarray(picture.convert("L"), float)
        assert levels.std() > 5  # something is written there
    assert not set(ALPHABET) & set("0O1I")


@pytest.mark.parametrize("seed", range(2))
def test_no_string_twice(seed: int) -> None:
    pictures = ImageCaptchas(seed=seed).plan()
    assert Counter(p.split for p in pictures) == {"train": 4_000, "valid": 500, "test": 500}
    assert len({p.target for p in pictures}) == len({p.file for p in pictures}) == 5_000
    lengths = Counter(len(p.target) for p in pictures)
    assert min(lengths[length] for length in (4, 5, 6)) > 1_400


def test_another_seed_other_strings() -> None:
    one, other = ({p.target for p in ImageCaptchas(**SOME, seed=seed).plan()} for seed in (0, 1))
    assert not one & other


def test_the_same_bytes_again(written: Path, tmp_path: Path) -> None:
    ImageCaptchas(**SOME).write(tmp_path / "again")
    assert digest_of(tmp_path / "again") == digest_of(written)


def test_chance_is_seeded_in_child_processes_alone(written: Path) -> None:
    assert vars(image)["secrets"] is secrets


def test_prepares_as_images(written: Path, tmp_path: Path) -> None:
    options = ImageOptions(
        targets="characters", height=HEIGHT, width=WIDTH, colour=False, regions=(1, 40)
    )
    spec = Images().prepare(written, tmp_path, options, seed=0)
    write_spec(tmp_path / "spec.json", spec)
    assert spec.feature_shape == (1, HEIGHT, WIDTH)
    assert spec.max_target_length == 7
    assert set(spec.target_vocabulary[3:]) <= set(ALPHABET)
    assert len(Images().step_labels(Prepared(tmp_path).split("test").sequence(0), spec)) == 40


def test_real_captchas_are_named_after_their_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = tmp_path / "mirror" / "captcha_v2"
    mirror.mkdir(parents=True)
    texts = [f"{number:02}abc" for number in range(20)]
    with zipfile.ZipFile(mirror / "images.zip", "w") as archive:
        top = f"{CaptchaV2.REPOSITORY}-{CaptchaV2.COMMIT}"
        archive.writestr(f"{top}/LICENSE", "MIT")
        for grey, text in enumerate(texts, 200):
            picture = io.BytesIO()
            Image.new("L", (200, 50), grey).save(picture, "PNG")
            archive.writestr(f"{top}/{CaptchaV2.FOLDER}{text}.png", picture.getvalue())
    monkeypatch.setenv("SEQARENA_MIRROR", str(mirror.parent))
    raw = tmp_path / "raw"
    with pytest.raises(InputError, match=r"images\.zip: sha256 is"):
        CaptchaV2().write(raw)
    assert not raw.exists()
    content = content_sha256_of(mirror / "images.zip", CaptchaV2.FOLDER)
    monkeypatch.setattr(CaptchaV2, "CONTENT", content)
    CaptchaV2().write(raw)
    assert [row["target"] for row in rows_of(raw)] == texts
    spec = Images().prepare(raw, tmp_path / "out", ImageOptions(targets="characters"), seed=0)
    assert spec.sizes == {"train": 16, "valid": 2, "test": 2}
