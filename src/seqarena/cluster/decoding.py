"""Media decoded on the cluster by Ray Data, each file confined to a child process there as here."""

from __future__ import annotations

import logging
import socket
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, DataContext, TaskPoolStrategy

from seqarena.cluster.session import cluster
from seqarena.config import read_cluster
from seqarena.data.children import Decode, decoders
from seqarena.data.store import Array
from seqarena.errors import InputError

READERS = 2  # processes that read files to be sent
FILES = 64  # that a process is given at once
TOGETHER = 16 << 20  # bytes of content or of arrays that are passed on at once
FILE = pa.schema([("name", pa.string()), ("content", pa.large_binary())])
# What comes of a file: an array, or why there is none.
ANSWER = pa.schema(
    [
        ("numbers", pa.large_binary()),
        ("dtype", pa.string()),
        ("shape", pa.list_(pa.int64())),
        ("refused", pa.string()),
        ("failed", pa.string()),  # at all files
    ]
)


def decoded(decode: Decode, paths: Iterable[Path]) -> Generator[Array | InputError]:
    """Decode files on the cluster that the project names; see `seqarena.data.children.decoded`.

    Those below `cluster.storage` are read by the machine that decodes them, others here, and sent.
    Only a few are in memory at a time, here and there.
    """
    with cluster(), closing(_answers(decode, [str(path) for path in paths])) as answers:
        for answer in answers:
            if answer["failed"] is not None:
                raise InputError(answer["failed"])
            if answer["refused"] is not None:
                yield InputError(answer["refused"])
            else:
                numbers = np.frombuffer(answer["numbers"], answer["dtype"])
                yield numbers.reshape(answer["shape"])


def _answers(decode: Decode, names: list[str]) -> Generator[dict[str, Any]]:
    _keep_order_and_quiet()
    here, storage = Path.cwd(), read_cluster().storage
    blocks = [pa.table({"name": names[n : n + FILES]}) for n in range(0, len(names), FILES)]
    files: ray.data.Dataset = ray.data.from_arrow(blocks)
    if storage is None or not all((here / name).is_relative_to(storage) for name in names):
        storage = None
        files = files.map_batches(
            partial(read, folder=here),
            batch_format="pyarrow",
            num_cpus=0,
            compute=TaskPoolStrategy(size=READERS),
            label_selector={"ray.io/node-id": ray.get_runtime_context().get_node_id()},
        )
    processes = max(1, min(len(blocks), int(ray.cluster_resources().get("CPU", 1))))
    arrays = files.map_batches(
        Decoder,
        fn_constructor_args=(decode, here, storage),
        batch_format="pyarrow",
        num_cpus=1,  # not as `read`, or both became one operator, on one machine
        compute=ActorPoolStrategy(size=processes),
    )
    for batch in arrays.iter_batches(batch_size=None, batch_format="pyarrow"):
        table: Any = batch
        for number in range(len(table)):
            yield table.slice(number, 1).to_pylist()[0]


def _keep_order_and_quiet() -> None:
    context = DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def read(files: pa.Table, folder: Path) -> Iterator[pa.Table]:
    """Add their content to files by name, null where there is none; runs where they lie."""
    paths = {name: folder / name for name in files["name"].to_pylist()}
    found = (
        {"name": name, "content": path.read_bytes() if path.is_file() else None}
        for name, path in paths.items()
    )
    yield from _together(found, FILE, "content")


def _together(rows: Iterable[dict[str, Any]], schema: pa.Schema, column: str) -> Iterator[pa.Table]:
    """Make tables of rows, of a few megabytes of a column each: every table has its price."""
    held, size = list[dict[str, Any]](), 0
    for row in rows:
        held.append(row)
        size += len(row.get(column) or b"")
        if size > TOGETHER:
            yield pa.Table.from_pylist(held, schema)
            held, size = [], 0
    if held:
        yield pa.Table.from_pylist(held, schema)


class Decoder:
    """A process of Ray Data's on some machine, with a child that decodes one file at a time."""

    def __init__(self, decode: Decode, folder: Path, storage: Path | None) -> None:
        """Files are named as in `folder`, and seen there unless they are sent."""
        self.folder, self.storage = folder, storage
        self.lasting = ExitStack()  # the child ends with this process
        self.submit = self.lasting.enter_context(decoders(decode, 1))

    def __call__(self, files: pa.Table) -> Iterator[pa.Table]:
        """Decode files by name, and by content where it was sent."""
        yield from _together(self._answers(files), ANSWER, "numbers")

    def _answers(self, files: pa.Table) -> Iterator[dict[str, Any]]:
        for number in range(len(files)):
            (file,) = files.slice(number, 1).to_pylist()
            with self._place(**file) as place:
                yield self._answer(file["name"], place)

    def _answer(self, name: str, place: Path) -> dict[str, Any]:
        if self.storage is not None and not self.storage.is_dir():
            machine = socket.gethostname()
            return {"failed": f"cluster.storage: {self.storage}: not seen from {machine}"}
        try:
            array = self.submit(place).result()
        except InputError as error:
            return {"refused": str(error).replace(str(place), name)}
        return {"numbers": array.tobytes(), "dtype": str(array.dtype), "shape": array.shape}

    @contextmanager
    def _place(self, name: str, **sent: bytes | None) -> Iterator[Path]:
        """Yield where a file lies while it is decoded."""
        if not sent:
            yield self.folder / name
            return
        with TemporaryDirectory(prefix="seqarena-") as folder:
            place = Path(folder) / Path(name).name
            if (content := sent["content"]) is not None:
                place.write_bytes(content)
            yield place
