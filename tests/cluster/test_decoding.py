"""A cluster decodes to the same bytes as this machine, and refuses the same files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from PIL import Image
from ray.cloudpickle import register_pickle_by_value

import seqarena
from seqarena.cluster import decoding
from seqarena.cluster.access import check_token
from seqarena.data import children
from seqarena.data.modalities import modality
from seqarena.data.modalities.base import Modality
from seqarena.data.store import Array
from seqarena.errors import InputError
from seqarena.files import digest_of
from support import ROOT, prepare_raw, script_environment

pytestmark = [pytest.mark.whole, pytest.mark.timeout(400)]
register_pickle_by_value(sys.modules[__name__])  # nobody sends the cluster the tests

COUNT = 70  # files: more than are given to a process at once


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Run a Ray of two nodes with a core each, in a folder of its own: see `servers.ray_head`."""
    from ray.cluster_utils import Cluster

    check_token("", "here")
    node = {"num_cpus": 1, "object_store_memory": 128 << 20}
    home = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", home)
        nodes = Cluster(initialize_head=True, head_node_args=node)
        try:
            nodes.add_node(**node)
            yield nodes.address
        finally:
            nodes.shutdown()
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def joined(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name the cluster in a project, in whose folder the test runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAY_ADDRESS", address)
    return tmp_path


def write_recordings(folder: Path) -> str:
    random = np.random.default_rng(0)
    for number in range(COUNT):
        samples = 0.1 * random.standard_normal(random.integers(800, 4000))
        soundfile.write(folder / f"{number}.wav", samples, 8000)
    return "wav"


def write_pictures(folder: Path) -> str:
    random = np.random.default_rng(0)
    for number in range(COUNT):
        pixels = random.integers(0, 256, (20, 30, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return "png"


WRITE = {"audio": write_recordings, "image": write_pictures}


def raw_of(kind: str, root: Path) -> Path:
    """Write raw data and return its folder as the stages name it."""
    folder = root / "data" / "raw" / kind
    folder.mkdir(parents=True)
    suffix = WRITE[kind](folder)
    rows = [f"{number}.{suffix},{'ab'[number % 2]}\n" for number in range(COUNT)]
    (folder / "labels.csv").write_text("file,label\n" + "".join(rows))
    return folder.relative_to(root)


def digest(kind: Modality, raw: Path, out: Path) -> str:
    prepare_raw(kind, raw, out, kind.Options())
    return digest_of(out)


@pytest.mark.parametrize("kind", WRITE)
def test_the_digest_is_that_of_this_machine(kind: str, joined: Path) -> None:
    raw = raw_of(kind, joined)
    here = digest(modality(kind), raw, joined / "a")
    there = digest(modality(kind, decode_all=decoding.decoded), raw, joined / "b")
    assert there == here


def place_of(path: Path) -> Array:
    """Answer where a file lies, or do what it is named for."""
    if path.stem == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if path.stem == "damaged":
        raise InputError(f"{path}: damaged")
    if path.stem == "mistake":
        raise KeyError("of ours")
    return np.frombuffer(os.fsencode(path), np.uint8)


def meet(path: Path, folder: Path) -> Array:
    """Wait until both nodes decode: a raylet is the parent of the process whose child this is."""
    (folder / str(psutil.Process().parent().parent().pid)).touch()
    while len(list(folder.iterdir())) < 2:
        time.sleep(0.1)
        children.alive()
    return np.zeros(1)


def test_all_machines_decode_what_is_read_here(joined: Path) -> None:
    (joined / "met").mkdir()
    paths = [Path(str(number)) for number in range(200)]
    found = decoding.decoded(partial(meet, folder=joined / "met"), paths)
    assert len(list(found)) == 200


def package_of(path: Path) -> Array:
    """Answer which code decodes."""
    return np.frombuffer(os.fsencode(seqarena.__file__), np.uint8)


def test_this_process_s_code_is_sent(joined: Path) -> None:
    (found,) = decoding.decoded(package_of, [Path("a.wav")])
    package = Path(found.tobytes().decode()).parent
    assert package.name == "seqarena" and package != Path(seqarena.__file__).parent


def places(names: list[str]) -> Iterator[str]:
    for found in decoding.decoded(place_of, map(Path, names)):
        yield found.tobytes().decode()


def test_a_file_is_sent_unless_all_machines_see_it(joined: Path) -> None:
    (joined / "a.wav").write_bytes(b"")
    (sent,) = places(["a.wav"])
    assert sent.endswith("/a.wav") and sent != str(joined / "a.wav")
    assert not Path(sent).exists()
    section = f"experiments: {{}}\ncluster: {{storage: '{joined}'}}\n"
    (joined / "params.yaml").write_text(section)
    assert list(places(["a.wav"])) == [str(joined / "a.wav")]


@pytest.mark.parametrize("name", ["crash", "damaged"])
def test_a_file_is_refused_by_the_line_of_this_machine(name: str, joined: Path) -> None:
    names = [*(f"{number}.wav" for number in range(20)), f"raw/{name}.wav", "last.wav"]
    lines = []
    for decode_all in (children.decoded, decoding.decoded):
        *found, refused, last = decode_all(place_of, map(Path, names))
        assert all(isinstance(each, np.ndarray) for each in (*found, last)), "others are read"
        with pytest.raises(InputError) as caught:
            children.readable(refused)
        lines.append(str(caught.value))
    assert lines[0] == lines[1]
    assert f"raw/{name}.wav: " in lines[1]


def test_what_is_no_recording_is_refused_by_its_own_name(joined: Path) -> None:
    raw = raw_of("audio", joined)
    (raw / "3.wav").write_bytes((raw / "3.wav").read_bytes()[:100])
    (joined / "a").mkdir()
    kind = modality("audio", decode_all=decoding.decoded)
    with pytest.raises(InputError, match=rf"^{raw}/3\.wav: cut short: 100 bytes of \d+$"):
        kind.prepare(raw, joined / "a", kind.Options(), seed=0)
    (raw / "3.wav").unlink()
    (joined / "b").mkdir()
    with pytest.raises(InputError, match=rf"^{raw}/3\.wav: no such recording$"):
        kind.prepare(raw, joined / "b", kind.Options(), seed=0)


def test_a_mistake_of_ours_is_shown_whole(joined: Path) -> None:
    with pytest.raises(RuntimeError, match="KeyError: 'of ours'"):
        list(places(["a.wav", "mistake.wav"]))


def test_storage_that_a_machine_does_not_see_is_told(tmp_path: Path) -> None:
    decoder = decoding.Decoder(place_of, tmp_path, tmp_path / "storage")
    answer = decoder._answer("a.wav", tmp_path / "a.wav")
    assert answer["failed"].startswith(f"cluster.storage: {tmp_path}/storage: not seen from ")


PARAMS = """
experiments:
  text: {data: ./own.csv, modality: text, task: classification, metric: accuracy, variants: [gru]}
  audio: {data: ./own, modality: audio, task: classification, metric: accuracy, variants: [gru]}
"""
# As `python pipelines/prepare.py NAME`, and whether it imported ray.
STAGE = """
import runpy, sys
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
print("ray" in sys.modules)
"""


def stage(name: str, root: Path, **environment: str) -> tuple[str, bool]:
    """Run the stage in a project; return the digest of what it wrote, and whether ray was used."""
    command = [sys.executable, "-c", STAGE, str(ROOT / "pipelines" / "prepare.py"), name]
    done = subprocess.run(
        command, cwd=root, env=script_environment(**environment), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return digest_of(root / "data" / "prepared" / name), done.stdout.endswith("True\n")


def test_the_stage_takes_the_cluster_that_is_named_for_media_alone(
    address: str, tmp_path: Path
) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS)
    raw_of("audio", tmp_path)
    (tmp_path / "data/raw/text").mkdir()
    (tmp_path / "own").mkdir()
    (tmp_path / "own.csv").touch()
    rows = "".join(f"{'good' if n % 2 else 'bad'} film {n},{n % 2}\n" for n in range(100))
    (tmp_path / "data/raw/text/examples.csv").write_text(f"text,label\n{rows}")
    for name in ("text", "audio"):
        here, with_ray = stage(name, tmp_path)
        assert not with_ray
        assert stage(name, tmp_path, RAY_ADDRESS=address) == (here, name == "audio")
        assert stage(name, tmp_path, RAY_ADDRESS=address, SEQARENA_OWN_RAY="1") == (here, False)
