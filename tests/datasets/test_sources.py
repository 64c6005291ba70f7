"""Sources over real pip, a real HTTP server on loopback, and real archives."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from seqarena.datasets import sources
from seqarena.errors import InputError
from seqarena.files import sha256_of

METADATA = "Metadata-Version: 2.1\nName: tinydata\nVersion: 1.0\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEQARENA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SEQARENA_MIRROR", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a wheel that pip finds, and nothing else."""
    folder = tmp_path / "index"
    folder.mkdir()
    path = folder / "tinydata-1.0-py3-none-any.whl"
    write_zip(
        path,
        {
            "tinydata/table.csv": b"a,b\n1,2\n",
            "tinydata-1.0.dist-info/METADATA": METADATA.encode(),
            "tinydata-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
            "tinydata-1.0.dist-info/RECORD": b"",
        },
    )
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return path


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Serve a folder; yield it and its address."""
    folder = tmp_path / "site"
    folder.mkdir()
    handler = partial(QuietHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def write_zip(path: Path, files: dict[str, bytes], level: int = 6) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def leftovers(cache: Path) -> list[Path]:
    return list(cache.glob(".partial-*"))


def test_pypi_is_fetched_once_and_mended_when_the_cache_is_corrupt(wheel: Path) -> None:
    digest = sha256_of(wheel)
    first = sources.pypi("tinydata", "1.0", digest)
    hidden = wheel.rename(wheel.with_suffix(".away"))
    assert sources.pypi("tinydata", "1.0", digest) == first  # no pip could have found it
    assert sources.members(first, "tinydata/table.csv") == {"tinydata/table.csv": b"a,b\n1,2\n"}
    hidden.rename(wheel)
    first.write_bytes(b"rotten")
    assert sha256_of(sources.pypi("tinydata", "1.0", digest)) == digest


def test_pypi_refuses_another_sha256_and_keeps_nothing(wheel: Path, cache: Path) -> None:
    with pytest.raises(InputError, match=rf"tinydata.*{sha256_of(wheel)}, expected 0000"):
        sources.pypi("tinydata", "1.0", "0" * 64)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


@pytest.mark.usefixtures("wheel")
def test_pypi_tells_in_one_line_what_pip_said() -> None:
    with pytest.raises(InputError, match=r"^nosuchdata==9: pip: No matching .* pip mirror\?$"):
        sources.pypi("nosuchdata", "9", "0" * 64)


def test_url_is_downloaded_once(site: tuple[Path, str], cache: Path) -> None:
    folder, address = site
    (folder / "a.bin").write_bytes(b"12345")
    digest = sha256_of(folder / "a.bin")
    path = sources.url("set", "a.bin", f"{address}/a.bin", sha256=digest)
    (folder / "a.bin").unlink()
    assert sources.url("set", "a.bin", f"{address}/a.bin", sha256=digest) == path
    assert path.read_bytes() == b"12345"
    assert leftovers(cache) == []


def test_url_with_a_wrong_digest_leaves_the_cache_as_it_was(
    site: tuple[Path, str], cache: Path
) -> None:
    folder, address = site
    (folder / "a.bin").write_bytes(b"good")
    kept = sources.url("set", "a.bin", f"{address}/a.bin", sha256=sha256_of(folder / "a.bin"))
    found = hashlib.sha256(b"evil").hexdigest()
    (folder / "a.bin").write_bytes(b"evil")
    with pytest.raises(InputError, match=rf"a\.bin: sha256 is {found}, expected 1111"):
        sources.url("set", "a.bin", f"{address}/a.bin", sha256="1" * 64)
    assert kept.read_bytes() == b"good"
    assert leftovers(cache) == []


def test_url_that_cannot_be_had_names_the_mirror(site: tuple[Path, str]) -> None:
    with pytest.raises(InputError, match=r"gone\.zip: .*404.*\$SEQARENA_MIRROR/set/gone\.zip"):
        sources.url("set", "gone.zip", f"{site[1]}/gone.zip", sha256="0" * 64)


def test_mirror_comes_first_and_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirrored = tmp_path / "mirror" / "set" / "a.bin"
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes(b"12345")
    monkeypatch.setenv("SEQARENA_MIRROR", str(tmp_path / "mirror"))
    nowhere = "http://127.0.0.1:9/a.bin"
    assert sources.url("set", "a.bin", nowhere, sha256=sha256_of(mirrored)) == mirrored
    with pytest.raises(InputError, match=r"mirror/set/a\.bin: sha256 is"):
        sources.url("set", "a.bin", nowhere, sha256="0" * 64)


def test_content_digest_ignores_packing_and_the_top_folder(tmp_path: Path) -> None:
    one = write_zip(tmp_path / "1.zip", {"repo-1/b": b"B" * 999, "repo-1/a": b"A"}, level=9)
    two = write_zip(tmp_path / "2.zip", {"repo-2/a": b"A", "repo-2/b": b"B" * 999}, level=0)
    other = write_zip(tmp_path / "3.zip", {"repo-1/a": b"A", "repo-1/b": b"C" * 999})
    assert sha256_of(one) != sha256_of(two)
    digest = sources.content_sha256_of(one)
    lines = "".join(
        f"{name}\0{hashlib.sha256(content).hexdigest()}\n"
        for name, content in (("a", b"A"), ("b", b"B" * 999))
    )
    assert digest == hashlib.sha256(lines.encode()).hexdigest()
    assert sources.content_sha256_of(two) == digest
    assert sources.content_sha256_of(other) != digest


def test_url_pinned_by_content_survives_another_packing(site: tuple[Path, str]) -> None:
    folder, address = site
    pin = sources.content_sha256_of(write_zip(folder / "z.zip", {"r-1/a": b"A" * 99}, level=9))
    write_zip(folder / "z.zip", {"r-2/a": b"A" * 99}, level=0)
    path = sources.url("set", "z.zip", f"{address}/z.zip", content_sha256=pin)
    path.write_bytes(b"rotten")
    path = sources.url("set", "z.zip", f"{address}/z.zip", content_sha256=pin)
    assert sources.members(path, "r-2/") == {"r-2/a": b"A" * 99}


def test_installed_file_is_found_and_checked() -> None:
    path = sources.installed("pytest", "pytest/__init__.py", sha256_of(Path(pytest.__file__)))
    assert path.samefile(pytest.__file__)
    with pytest.raises(InputError, match="sha256 is"):
        sources.installed("pytest", "pytest/__init__.py", "0" * 64)
    with pytest.raises(InputError, match="no file 'pytest/data'"):
        sources.installed("pytest", "pytest/data", "0" * 64)
    with pytest.raises(InputError, match=r"^nosuchdata: not installed; pip install"):
        sources.installed("nosuchdata", "x", "0" * 64)


def write_tar(path: Path, name: str, content: bytes) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return path


def test_tar_is_read_and_unpacked(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "a.tar.gz", "top/x.txt", b"x")
    assert sources.members(archive, "top/") == {"top/x.txt": b"x"}
    sources.unpack(archive, tmp_path / "out")
    assert (tmp_path / "out/top/x.txt").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "a/../../escaped"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_no_archive_writes_outside(tmp_path: Path, kind: str, name: str) -> None:
    path = tmp_path / f"a.{kind}"
    write_zip(path, {name: b""}) if kind == "zip" else write_tar(path, name, b"")
    with pytest.raises(InputError, match="outside the archive"):
        sources.unpack(path, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_what_is_neither_file_nor_folder_is_not_unpacked(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("top/x"), io.BytesIO())
        info = tarfile.TarInfo("top/odd")
        info.type, info.linkname = kind, "top/x"
        archive.addfile(info)
    with pytest.raises(InputError, match=r"^a\.tar: refused, 'top/odd' is no file"):
        sources.unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_bomb_is_refused_for_its_density(tmp_path: Path, kind: str) -> None:
    zeros, path = bytes(64 << 20), tmp_path / f"a.{kind}"
    write_zip(path, {"top/x": zeros}) if kind == "zip" else write_tar(path, "top/x", zeros)
    with pytest.raises(InputError, match="refused, unpacks to more than"):
        sources.members(path, "top/")


def test_a_download_is_bounded(site: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, address = site
    (folder / "a.zip").write_bytes(bytes(3 << 20))
    monkeypatch.setattr(sources, "LARGEST", 1 << 20)
    with pytest.raises(InputError, match="not downloaded"):
        sources.url("toy", "a.zip", f"{address}/a.zip", sha256="0" * 64)


def test_bombs_and_broken_archives_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = write_zip(tmp_path / "a.zip", {"top/zeros": bytes(100_000)})
    with monkeypatch.context() as patched:
        patched.setattr(sources, "LARGEST", 99_999)
        with pytest.raises(InputError, match="unpacks to more than"):
            sources.unpack(archive, tmp_path / "out")
    archive.write_bytes(archive.read_bytes()[:-30])
    for broken in (archive, tmp_path / "missing.zip"):
        with pytest.raises(InputError, match=rf"^{broken.name}: cannot be unpacked"):
            sources.members(broken, "top/")
    with pytest.raises(InputError, match="no file 'side/'"):
        sources.members(write_zip(archive, {"top/a": b""}), "side/")
