"""Raw data from where it is published: pinned by sha256, fetched once, whole or not at all.

Everything fetched lies under ``$SEQARENA_CACHE`` (else ``~/.cache/seqarena``), outside any project,
so that a fresh clone downloads nothing twice.
"""

from __future__ import annotations

import hashlib
import http.client
import lzma
import os
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import metadata
from pathlib import Path, PurePosixPath

from seqarena.errors import InputError, in_one_line
from seqarena.files import sha256_of

TIMEOUT = 60.0  # seconds without a byte
LARGEST = 2 << 30  # bytes that may be downloaded, and that an archive may unpack to
DENSEST = 100  # times its own size that an archive may unpack to; those that are read reach 8
SMALL = 1 << 20  # bytes that any archive may unpack to
HEADER = 512  # bytes that an entry counts for beside its content
# What zipfile and tarfile raise at damaged archives.
UNREADABLE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error,
    OSError, EOFError, RuntimeError, ValueError, LookupError, ArithmeticError,
)  # fmt: skip


def pypi(name: str, version: str, sha256: str, *, sdist: bool = False) -> Path:
    """Return the archive of one release of a Python package, fetched by pip but not installed.

    pip's own configuration (index, mirror, proxy, certificates) holds. Raises `InputError` when
    pip cannot get the release or its sha256 is another.
    """
    folder = _cache() / "pypi" / sha256
    for path in folder.glob("*") if folder.is_dir() else ():
        if sha256_of(path) == sha256:
            return path
    with _workplace() as temporary:
        _pip_download(f"{name}=={version}", temporary, sdist)
        (path,) = temporary.iterdir()
        _check(path, sha256, sha256_of(path))
        return _keep(path, folder / path.name)


def url(
    dataset: str,
    file: str,
    address: str,
    *,
    sha256: str | None = None,
    content_sha256: str | None = None,
    within: str = "",
) -> Path:
    """Return a file from ``$SEQARENA_MIRROR/<dataset>/<file>`` if it is there, else its address.

    Pin the bytes (`sha256`), or what an archive holds (`content_sha256` of its folder `within`, see
    `content_sha256_of`) where it is packed anew for each download. Raises `InputError` when the
    file cannot be had or its digest is another; what was cached before stays.
    """
    if (sha256 is None) == (content_sha256 is None):
        raise ValueError("pin either sha256 or content_sha256")
    expected = sha256 or content_sha256 or ""
    digest = sha256_of if sha256 else partial(content_sha256_of, within=within)
    mirrored = Path(os.environ.get("SEQARENA_MIRROR", ""), dataset, file)
    if os.environ.get("SEQARENA_MIRROR") and mirrored.is_file():
        _check(mirrored, expected, digest(mirrored))
        return mirrored
    cached = _cache() / "url" / dataset / file
    if cached.is_file() and _has_digest(cached, expected, digest):
        return cached
    with _workplace() as temporary:
        path = temporary / Path(file).name
        _download(address, path, f"put it at $SEQARENA_MIRROR/{dataset}/{file}")
        _check(path, expected, digest(path))
        return _keep(path, cached)


def installed(distribution: str, path: str, sha256: str) -> Path:
    """Return a data file that an installed distribution carries.

    Raises `InputError` when the distribution is missing or the file is not the pinned one.
    """
    try:
        found = Path(str(metadata.distribution(distribution).locate_file(path)))
    except metadata.PackageNotFoundError as error:
        fix = f"pip install '{_extra_with(distribution) or distribution}'"
        raise InputError(f"{distribution}: not installed; {fix}") from error
    if not found.is_file():
        raise InputError(f"{distribution}: the installed version has no file '{path}'")
    _check(found, sha256, sha256_of(found))
    return found


def members(archive: Path, prefix: str) -> dict[str, bytes]:
    """Return the files of a zip, wheel or tar whose full name starts with `prefix`, in memory.

    Keys are the full member names. Raises `InputError` when the archive is corrupt, too large,
    or has no such file.
    """
    with _opened(archive) as opened:
        files = {n: read() for n, read in _files(opened, archive) if n.startswith(prefix)}
    if not files:
        raise InputError(f"{archive.name}: no file '{prefix}' in this archive")
    return files


def unpack(archive: Path, into: Path) -> None:
    """Unpack a zip, wheel or tar into a folder.

    Raises `InputError` when it is corrupt, too large, would write outside the folder, or holds
    anything but files and folders.
    """
    with _opened(archive) as opened:
        if isinstance(opened, tarfile.TarFile):
            for member in opened.getmembers():
                if not (member.isfile() or member.isdir()):
                    raise InputError(f"{archive.name}: refused, '{member.name}' is no file")
        files = list(_files(opened, archive))  # all are checked before the first is written
        for name, read in files:
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            (into / name).write_bytes(read())


def content_sha256_of(archive: Path, within: str = "") -> str:
    """Digest what an archive holds below a folder: sorted ``name NUL sha256 LF`` of its files.

    Names are without the top folder's, which tells only how the archive was asked for.
    """
    with _opened(archive) as opened:
        lines = sorted(
            f"{name.partition('/')[2]}\0{hashlib.sha256(read()).hexdigest()}\n"
            for name, read in _files(opened, archive)
            if name.partition("/")[2].startswith(within)
        )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile | tarfile.TarFile]:
    try:
        is_zip = zipfile.is_zipfile(archive)
        with zipfile.ZipFile(archive) if is_zip else tarfile.open(archive) as opened:
            yield opened
    except UNREADABLE as error:
        raise InputError(f"{archive.name}: cannot be unpacked: {in_one_line(error)}") from error


def _files(
    opened: zipfile.ZipFile | tarfile.TarFile, archive: Path
) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Walk the regular files of an archive; bounds come before any content is unpacked."""
    total, most = 0, min(LARGEST, max(SMALL, DENSEST * archive.stat().st_size))
    for name, size, is_file, read in _entries(opened):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
            raise InputError(f"{archive.name}: refused, '{name}' points outside the archive")
        total += size + HEADER
        if total > most:
            raise InputError(f"{archive.name}: refused, unpacks to more than {most >> 20} MiB")
        if is_file:
            yield name, read


def _entries(
    opened: zipfile.ZipFile | tarfile.TarFile,
) -> Iterator[tuple[str, int, bool, Callable[[], bytes]]]:
    if isinstance(opened, zipfile.ZipFile):
        for info in opened.infolist():
            yield info.filename, info.file_size, not info.is_dir(), partial(opened.read, info)
    else:
        for member in opened:
            yield member.name, member.size, member.isfile(), partial(_tar_read, opened, member)


def _tar_read(opened: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = opened.extractfile(member)
    return file.read() if file else b""


def _pip_download(requirement: str, into: Path, sdist: bool) -> None:
    kind = "--no-binary" if sdist else "--only-binary"
    # The release is data here, so whether this Python could run it does not matter.
    options = ["--no-deps", "--ignore-requires-python", "--disable-pip-version-check", "--no-input"]
    command = [sys.executable, "-m", "pip", "download", *options, kind, ":all:"]
    done = subprocess.run(
        [*command, "--dest", str(into), requirement], capture_output=True, text=True
    )
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR:")] or lines or ["no message"]
        reason = errors[-1].removeprefix("ERROR:").strip()
        raise InputError(f"{requirement}: pip: {reason}; is there a network or a pip mirror?")


def _download(address: str, path: Path, otherwise: str) -> None:
    # Addresses stand in the code of the data sets, beside their digests: hence the noqa.
    request = urllib.request.Request(address, headers={"User-Agent": "seqarena"})  # noqa: S310
    try:
        with (
            urllib.request.urlopen(request, timeout=TIMEOUT) as source,  # noqa: S310
            path.open("wb") as file,
        ):
            while piece := source.read(1 << 20):
                file.write(piece)
                if file.tell() > LARGEST:
                    raise InputError(f"{address}: more than {LARGEST >> 30} GiB; not downloaded")
    except (OSError, http.client.HTTPException) as error:
        raise InputError(f"{address}: cannot be downloaded ({error}); {otherwise}") from error


def _has_digest(path: Path, expected: str, digest: Callable[[Path], str]) -> bool:
    try:
        return digest(path) == expected
    except InputError:  # no archive any more: as good as a wrong digest
        return False


def _check(path: Path, expected: str, found: str) -> None:
    if found != expected:
        raise InputError(f"{path}: sha256 is {found}, expected {expected}; not used")


def _extra_with(distribution: str) -> str | None:
    """Name the extra of seqarena that installs a distribution."""
    try:
        requirements = metadata.requires("seqarena") or []
    except metadata.PackageNotFoundError:  # run from a source tree
        return None
    pattern = re.compile(re.escape(distribution) + r"\b.*extra == ['\"]([\w-]+)['\"]")
    extras = [match[1] for line in requirements if (match := pattern.match(line))]
    return f"seqarena[{extras[0]}]" if extras else None


def _cache() -> Path:
    folder = os.environ.get("SEQARENA_CACHE") or "~/.cache/seqarena"
    return Path(folder).expanduser().absolute()


@contextmanager
def _workplace() -> Iterator[Path]:
    """Yield a folder of this process alone, on the cache's disk, so that moving is atomic."""
    try:
        _cache().mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=_cache(), prefix=".partial-")
    except OSError as error:
        raise InputError(f"{_cache()}: cannot be written ({error.strerror})") from error
    with folder as path:
        yield Path(path)


def _keep(fetched: Path, cached: Path) -> Path:
    cached.parent.mkdir(parents=True, exist_ok=True)
    return fetched.replace(cached)
