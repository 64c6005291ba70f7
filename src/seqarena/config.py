"""params.yaml to frozen, validated objects; a mistake is told by key and nearest right name."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args, get_origin

import yaml
from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from seqarena.errors import InputError, in_one_line, nearest, unknown
from seqarena.files import read_json, write_json

PARAMS = Path("params.yaml")
NO_PROJECT = "not found; run seqarena from the project's root; `seqarena init DIR` makes a project"
NAME = re.compile(r"[A-Za-z0-9_-]+")  # of an experiment


class Strict(BaseModel):
    """A section of the configuration: no unknown keys, no change after it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


S = TypeVar("S", bound=Strict)


class Range(Strict):
    """A continuous or integer dimension of a search space, on a linear or logarithmic scale."""

    low: float
    high: float
    log: bool = False
    integer: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range starts above 0, not at {self.low}")
        return self


Scalar = float | int | str
Dimension = Range | list[Scalar] | Scalar  # a range, a choice, or a fixed value


RENAMED = {  # keys of a protocol that are no longer there -> what says it now
    "seeds": "`repetitions`: how often search and final are repeated, each from a fresh seed",
    "trial_epochs": "`epochs`: trials are given the schedule of finals",
}


class Protocol(Strict):
    """The budget and the rules that every variant of an experiment gets alike.

    A repetition is one search of `trials` and one final from fresh seeds: the whole procedure
    repeated, as Bouthillier et al. (2021) ask for.
    """

    name: str | None = None  # of an entry of `protocols`, whose keys hold where none is given here
    seed: Annotated[int, Field(ge=0, lt=2**31 - 10_000)] = 0  # repetition r has the seed + r
    repetitions: Annotated[int, Field(ge=2, le=10_000)] = 3
    trials: Annotated[int, Field(ge=1)] = 4  # configurations tried per variant and repetition
    search: Literal["repeated", "shared"] = "repeated"  # shared: the first repetition's, for all
    epochs: Annotated[int, Field(ge=1)] = 8  # at most
    batch_size: Annotated[int, Field(ge=1)] = 64
    epoch_examples: Annotated[int, Field(ge=1)] | None = None  # drawn per epoch; all when null
    # Classes that learn alike: by what each counts in the loss, or by how often it is drawn.
    balance: Literal["none", "weights", "sampling"] = "none"
    patience: Annotated[int, Field(ge=1)] = 3  # epochs without a better validation score
    clip: Annotated[float, Field(gt=0)] = 1.0  # largest gradient norm
    truncate: Annotated[int, Field(ge=1)] | None = None  # steps that gradients reach back; all
    grace: Annotated[int, Field(ge=1)] = 2  # epochs before a trial may be pruned
    reduction: Annotated[int, Field(ge=2)] = 2  # then the best one in so many goes on
    match_parameters: Annotated[int, Field(ge=1)] | None = None  # the width that has so many
    timeout: Annotated[float, Field(gt=0)] | None = None  # seconds of one trial
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    deterministic: bool = False  # bit-for-bit on CUDA too, slower

    @property
    def searches(self) -> int:
        """How often each variant is searched."""
        return self.repetitions if self.search == "repeated" else 1

    @model_validator(mode="before")
    @classmethod
    def _refuse_renamed(cls, raw: Any) -> Any:
        for key, now in RENAMED.items():
            if isinstance(raw, dict) and key in raw:
                raise ValueError(f"'{key}' is no key any more; expected {now}")
        return raw


class Resources(Strict):
    """What one training is given, and all together; fractions of a GPU are shared between them."""

    cpus: Annotated[float, Field(gt=0)] | None = None  # one, or a GPU's share of the cores
    gpus: Annotated[float, Field(ge=0)] | None = None  # one where the cluster has any
    workers: Annotated[int, Field(ge=1)] = 1  # each with these, that train one model together
    disk: ByteSize | None = None  # bytes that the checkpoints of all may take, as 2 GB; no bound

    @field_validator("disk", mode="wrap")
    @classmethod
    def _size(cls, raw: Any, parsed: ValidatorFunctionWrapHandler) -> ByteSize | None:
        try:
            size: ByteSize | None = parsed(raw)
        except ValidationError as error:
            raise ValueError("expected a size, such as 500 MB or 2 GiB") from error
        if size == 0:
            raise ValueError("expected more than nothing, such as 500 MB or 2 GiB")
        return size

    @model_validator(mode="after")
    def _whole_devices(self) -> Resources:
        if self.workers > 1 and self.gpus is not None and self.gpus % 1:
            raise ValueError(
                f"gpus: {self.gpus:g}, but {self.workers} workers need whole ones each"
            )
        return self


KNOWN_COLUMNS = ("id", "text", "file", "label", "labels", "target", "split", "group")


TIME = "time"  # of a series, where it stands in columns of other names


class Reading(Strict):
    """How the user's own tables are read."""

    # One of `KNOWN_COLUMNS`, or the time: theirs; of the time several, which are read as one.
    columns: dict[str, str | int | tuple[str, ...]] = Field(default_factory=dict)
    encoding: str = "utf-8"
    header: bool = True  # the first row names the columns; else they are "1", "2", …
    quotes: bool = True  # a cell in quotes may hold what separates cells; else a quote is a letter

    @field_validator("encoding")
    @classmethod
    def _encoding(cls, encoding: str) -> str:
        try:
            return codecs.lookup(encoding).name
        except LookupError as error:
            raise ValueError("expected an encoding such as utf-8 or cp1252") from error

    @field_validator("columns")
    @classmethod
    def _known(cls, columns: dict[str, Any]) -> dict[str, Any]:
        for name, theirs in columns.items():
            if name not in (known := (*KNOWN_COLUMNS, TIME)):
                raise ValueError(f"no column '{name}' is read; {nearest(name, known)}")
            if isinstance(theirs, tuple) and name != TIME:
                raise ValueError(f"'{name}' is one column; '{TIME}' alone may stand in several")
        return columns

    @property
    def theirs(self) -> dict[str, tuple[str, ...]]:
        """The columns of the user's own tables that each of `columns` is read from."""
        return {
            ours: theirs if isinstance(theirs, tuple) else (str(theirs),)
            for ours, theirs in self.columns.items()
        }


DIGEST = r"^[0-9a-f]{64}$"  # sha256 in hexadecimal
NAMED = ("label", "labels", "target", "group", "split")  # what the name of a file may say


class OwnData(Reading):
    """The user's own files, where more is to be said of them than their path."""

    path: str
    files: str | None = None  # the folder of the files that a table lists, if not the table's own
    names: str | None = None  # what the names of files in a folder say: {label}_{group}_*
    in_rows: tuple[str, ...] = ()  # each row of a table is a signal of these channels: t0..t139
    sha256: Annotated[str, Field(pattern=DIGEST)] | None = (
        None  # of all that it holds; written by `seqarena add` and `run`
    )

    @field_validator("names")
    @classmethod
    def _fields(cls, names: str | None) -> str | None:
        for field in re.findall(r"\{(.*?)\}", names or ""):
            if field not in NAMED:
                raise ValueError(f"no part '{field}' is read; {nearest(field, NAMED)}")
        return names


class Experiment(Strict):
    """One entry of `experiments`: what data, which variants, under which protocol."""

    data: str | OwnData  # a data set by name, or a path to the user's own files
    modality: str
    task: str
    metric: str
    margin: Annotated[float, Field(gt=0)] | None = None  # the smallest difference that matters
    variants: Annotated[tuple[str, ...], Field(min_length=1)]
    baselines: tuple[str, ...] = ()
    prepare: dict[str, Any] = Field(default_factory=dict)  # the modality's options
    space: dict[str, Dimension] = Field(default_factory=dict)  # over the default search space
    protocol: Protocol = Protocol()
    resources: Resources = Resources()

    @property
    def own(self) -> OwnData:
        """Its data as if they were the user's own: a path alone, where no more is said."""
        return OwnData(path=self.data) if isinstance(self.data, str) else self.data

    @model_validator(mode="after")
    def _no_repeats(self) -> Experiment:
        for key in ("variants", "baselines"):
            names = getattr(self, key)
            repeated = sorted({name for name in names if names.count(name) > 1})
            if repeated:
                raise ValueError(f"{key}: '{repeated[0]}' is listed twice")
        return self


def read_yaml(path: Path) -> Any:
    """Read a YAML file as plain data; raises what PyYAML raises where it is none."""
    return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)


def read_params(path: Path = PARAMS) -> dict[str, Any]:
    """Read params.yaml as plain data."""
    if not path.is_file():
        raise InputError(f"{path}: {NO_PROJECT}")
    try:
        params = read_yaml(path)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # 2020-13-01 is a ValueError
        raise InputError(f"{path}: not YAML: {in_one_line(error)}") from error
    if not isinstance(params, dict) or not isinstance(params.get("experiments"), dict):
        raise InputError(f"{path}: expected a mapping with the key 'experiments'")
    for name in params["experiments"]:
        if not isinstance(name, str):
            raise InputError(
                f"{path}: experiments: expected names, found {name!r}; put it in quotes"
            )
        if not NAME.fullmatch(name):  # DVC, folders and a shell know experiments by it
            rule = "expected letters, digits, '-' and '_'"
            raise InputError(f"{path}: experiments: {rule} as a name, found {name!r}")
    return params


class Cluster(Strict):
    """The Ray cluster that experiments run on; without an address one that starts and ends here."""

    address: str | None = None  # HEAD:6379; the environment's RAY_ADDRESS comes first
    jobs: str | None = None  # http://HEAD:8265, where `seqarena submit` goes
    storage: Path | None = None  # a folder that all its machines see: data is not sent to each

    @field_validator("storage")
    @classmethod
    def _anywhere(cls, storage: Path | None) -> Path | None:
        if storage is not None and not storage.is_absolute():
            raise ValueError(f"{storage}: expected an absolute path, which all machines see alike")
        return storage


def read_cluster(path: Path = PARAMS) -> Cluster:
    """Read the section `cluster` of params.yaml; all of it may be missing."""
    section = read_params(path).get("cluster") if path.is_file() else None
    return parse(Cluster, section or {}, f"{path}: cluster")


def with_named_protocol(section: Any, protocols: Any, path: Path, where: str) -> Any:
    """Return the section of an experiment with all keys of the protocol that it names.

    Raises `InputError` for a name that `protocols` lacks, and for a protocol that is not one.
    """
    own = section.get("protocol") if isinstance(section, dict) else None
    if not isinstance(own, dict) or own.get("name") is None:
        return section
    name, known = own["name"], protocols if isinstance(protocols, dict) else {}
    if not isinstance(name, str) or name not in known:
        raise unknown(f"{where}.protocol.name", "protocol", str(name), known)
    parse(Protocol, known[name], f"{path}: protocols.{name}")
    for key in ("name", "seed"):  # DVC looks for an experiment's seed in its own section
        if key in known[name]:
            raise InputError(f"{path}: protocols.{name}.{key}: expected in experiments alone")
    return {**section, "protocol": {**known[name], **own}}


def experiment_names(path: Path = PARAMS) -> list[str]:
    """List the experiments of params.yaml, in order."""
    return list(read_params(path)["experiments"])


def parse(schema: type[S], raw: Any, where: str | Path) -> S:
    """Validate one section, or a whole file where `where` is its path.

    Raises `InputError` naming the first key that is wrong.
    """
    if not isinstance(raw, dict):
        raise InputError(f"{where}: expected a mapping, found {type(raw).__name__}")
    try:
        return schema.model_validate(raw)
    except ValidationError as error:
        raise InputError(_one_line(error, schema, where)) from error


def _one_line(error: ValidationError, schema: type[Strict], where: str | Path) -> str:
    # pydantic lists a mistake in a union once per member; the longest path is the most telling.
    first = max(error.errors(), key=lambda e: (e["type"] == "extra_forbidden", len(e["loc"])))
    keys = [str(part) for part in first["loc"] if _is_key(part)]
    extra = first["type"] == "extra_forbidden"
    if extra and not _is_key(first["loc"][-1]):  # it is one, be it called like a part of a type
        keys.append(str(first["loc"][-1]))
    separator = ": " if isinstance(where, Path) else "."
    place = separator.join(filter(None, [str(where), ".".join(keys)]))
    if extra:
        return f"{place}: no such key; {nearest(keys[-1], _fields_at(schema, keys[:-1]))}"
    if first["type"] == "missing":
        return f"{place}: missing"
    message = first["msg"].removeprefix("Value error, ")
    found = first["input"]
    shown = "" if isinstance(found, dict) else f", found {found!r}"
    return f"{place}: {message[0].lower()}{message[1:]}{shown}"


def _is_key(part: int | str) -> bool:
    return isinstance(part, int) or (
        not any(mark in part for mark in "[]()")
        and part not in {"OwnData", "Range", "float", "int", "str"}
    )


def _fields_at(schema: type[Strict], keys: list[str]) -> list[str]:
    """Follow keys through sections, mappings and lists to the schema whose fields were meant."""
    at: Any = schema
    for key in keys:
        section = _section_in(at)
        if section:
            at = section.model_fields[key].annotation
        else:
            at = next((inner for inner in get_args(at)[::-1] if inner is not Ellipsis), None)
    section = _section_in(at)
    return list(section.model_fields) if section else []


def _section_in(annotation: Any) -> type[Strict] | None:
    """Return the section that an annotation is, alone or in a union."""
    if get_origin(annotation) in (dict, list, tuple):
        return None
    members = [annotation, *get_args(annotation)]
    return next((m for m in members if isinstance(m, type) and issubclass(m, Strict)), None)


class Record(Strict):
    """The content of one JSON file."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file; raises `InputError` naming the file and the first key that is wrong."""
        return parse(cls, read_json(path), path)

    def write(self, path: Path) -> None:
        """Write a file; a key that was not given is not written."""
        write_json(path, self.model_dump(mode="json", exclude_unset=True))
