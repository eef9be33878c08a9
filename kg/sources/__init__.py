"""Sources: where records come from, what is known of them, and the pure loaders that turn a snapshot into assertions.

A source is a TOML file and a loader. The TOML says what it is (``[source]``), how many entities it must yield
(``[expect]``), what its odd values mean (``[lookups.<field>]``) and which fields are left out on purpose
(``[ignore]``); curated sources keep their records in it too. Loaders know no store, no network and no clock.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path, PurePosixPath
from typing import Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from kg import resources
from kg.errors import SourceError, nearest
from kg.model import Assertion, File, Mint, Snapshot
from kg.vocab import OSAI

_Model = TypeVar("_Model", bound=BaseModel)
_HERE = Path(__file__).resolve().parent
_CLASSES = frozenset(name for name in OSAI.__annotations__ if name[0].isupper()) | {"Concept"}  # of SKOS


class Issues(Protocol):
    """Where a loader says what it could not map. An issue never stops a load; a build lists all of them."""

    def warn(self, message: str, *, locator: str, kind: str = "record", **context: object) -> None:
        """Keep one issue. ``kind`` groups issues of one cause; ``context`` holds the values at hand."""
        ...

    def ignore(self, field: str, count: int = 1) -> None:
        """Count values of a field that the source's ``[ignore]`` names."""
        ...


@dataclass(frozen=True, slots=True)
class Issue:
    """Something in a snapshot that was not mapped, and where it stands."""

    source: str
    kind: str
    locator: str
    message: str
    context: Mapping[str, object]


@dataclass(slots=True)
class IssueList:
    """Issues of one load, in the order met."""

    source: str
    issues: list[Issue] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)

    def warn(self, message: str, *, locator: str, kind: str = "record", **context: object) -> None:
        """Keep one issue."""
        self.issues.append(Issue(self.source, kind, locator, message, context))

    def ignore(self, field: str, count: int = 1) -> None:
        """Count values that are left out by name."""
        self.ignored[field] += count


class Loader(Protocol):
    """A pure function from the bytes of a snapshot to what they say."""

    def __call__(self, source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
        """Yield assertions in file order.

        Raises DriftError when the bytes are not what the source says they are: the build stops. A single record that
        cannot be read becomes an issue.
        """
        ...


class _SourceTable(BaseModel):
    """The ``[source]`` table."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str
    loader: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    upstream: str  # an address, "derived: …" or "ours"
    licence: str  # an SPDX expression, or words where there is none
    as_of: date = Field(alias="as-of")
    files: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    order: int = 200
    note: str | None = None

    @field_validator("files", "documents")
    @classmethod
    def _inside(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for path in paths:
            parts = PurePosixPath(path).parts
            if not parts or PurePosixPath(path).is_absolute() or ".." in parts or "\\" in path:
                raise ValueError(f"{path!r} must be a path inside the source")
        return paths


@dataclass(frozen=True, slots=True)
class Source:
    """One source: what it is and how it is read.

    ``files`` must be in a snapshot; ``documents`` may be (their words enter the graph only where they are at hand).
    ``order`` ranks sources in fusion: the lowest names a thing. ``expect`` bounds the entities of each class, by local
    name; outside them the build stops. ``ignore`` names the fields that are left out on purpose, and why. ``settings``
    is what else the loader must know of this one source; the loader checks its keys (``settings_of``). ``paths`` says
    where a file stands upstream when that is not under its own name, ``hashes`` what its SHA-256 must be.
    ``definition`` is the TOML file.
    """

    name: str
    title: str
    loader: str
    upstream: str
    licence: str
    as_of: date
    files: tuple[str, ...]
    documents: tuple[str, ...]
    order: int
    note: str | None
    curated: bool
    definition: Path
    lookups: Mapping[str, Mapping[str, str]]
    expect: Mapping[str, tuple[int, int]]
    ignore: Mapping[str, str]
    settings: Mapping[str, object] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)

    @property
    def shipped(self) -> bool:
        """Tell whether the source comes with this package, and is none that a user added."""
        return self.definition.resolve().is_relative_to(_HERE)

    def settings_of(self, model: type[_Model]) -> _Model:
        """Read ``[settings]`` as the loader's model of them. Raises SourceError that names file, key and mend."""
        try:
            return model.model_validate(self.settings)
        except ValidationError as error:
            raise SourceError(f"{self.definition.name}: [settings]{_first_fault(error, model)}") from error

    def load(self) -> Loader:
        """Import the loader: the file beside a user's definition, or a module of this package.

        A user's file runs with the rights of whoever builds. Raises SourceError when there is no such loader, it has no
        ``load``, or it cannot be imported.
        """
        beside = None if self.shipped else self.loader_file()
        if beside is not None:
            return _loader_of(beside)
        try:
            loader = import_module(f"kg.sources.{self.loader}").load
        except (ModuleNotFoundError, AttributeError) as error:
            beside_it = "" if self.shipped else f", and no {self.loader}.py stands beside the definition"
            raise SourceError(
                f"{self.definition.name}: there is no loader kg.sources.{self.loader}.load{beside_it}"
            ) from error
        return loader  # type: ignore[no-any-return]  # a module attribute has no static type

    def loader_file(self) -> Path | None:
        """Give the file of a loader that stands beside the definition, None for those of this package."""
        place = self.definition.parent / f"{self.loader}.py"
        return place if place.is_file() else None

    def bundled(self) -> Snapshot | None:
        """Give the snapshot of what is bundled, or None when the source must be fetched."""
        here = self.definition.parent
        if self.curated:
            return Snapshot.of(self.name, [File.of(self.definition.name, self.definition), *self._ours()], curated=True)
        if self.files and all((here / path).is_file() for path in self.files):
            return Snapshot.of(self.name, [File.of(path, here / path) for path in self.files])
        return None

    def _ours(self) -> Iterator[File]:
        """Give the documents that are bundled because we wrote them."""
        for path in self.documents:
            location = self.definition.parent / path
            if location.is_file():
                yield File.of(path, location)


def read_source(definition: Path) -> Source:
    """Read one TOML file. Raises SourceError that names file, key and mend."""
    try:
        content = tomllib.loads(definition.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SourceError(f"{definition.name}: {error}") from error
    if "source" not in content:
        raise SourceError(f"{definition.name}: the table [source] is missing; it says what the source is")
    try:
        table = _SourceTable.model_validate(content["source"])
    except ValidationError as error:
        raise SourceError(f"{definition.name}: [source]{_first_fault(error, _SourceTable)}") from error
    if table.name != definition.stem:
        raise SourceError(f"{definition.name}: [source] name is {table.name!r}; it must be the name of the file")
    curated = definition.parent.name == "curated"
    for name in ("expect", "lookups", "ignore", "settings"):
        if not isinstance(content.get(name, {}), dict):
            raise SourceError(f"{definition.name}: {name} must be a table, not {content[name]!r}")
    expect: dict[str, tuple[int, int]] = {}
    for kind, bounds in content.get("expect", {}).items():
        if kind not in _CLASSES:
            unknown = f"{kind} is no class of the ontology{nearest(kind, _CLASSES)}"
            raise SourceError(f"{definition.name}: [expect] {unknown}")
        match bounds:
            case [int(least), int(most)] if 0 <= least <= most:
                expect[kind] = (least, most)
            case _:
                raise SourceError(f"{definition.name}: [expect] {kind} must be [least, most], not {bounds!r}")
    return Source(
        **table.model_dump(),
        curated=curated,
        definition=definition,
        lookups=content.get("lookups", {}),
        expect=expect,
        ignore=_ignored(definition, content.get("ignore", {})),
        # The table loader's mapping stands at the top: it is what its file is about.
        settings=content.get("settings", {}) | {name: content[name] for name in ("entity",) if name in content},
        paths=_texts_of(definition, "paths", content, table),
        hashes=_texts_of(definition, "sha256", content, table),
    )


def _texts_of(definition: Path, name: str, content: Mapping[str, object], table: _SourceTable) -> dict[str, str]:
    """Read ``[paths]`` or ``[sha256]``: a text for some of the files."""
    found = content.get(name, {})
    if not isinstance(found, dict) or not all(isinstance(text, str) and text for text in found.values()):
        raise SourceError(f"{definition.name}: [{name}] must be a table of texts, one for each file")
    files = (*table.files, *table.documents)
    for path, text in found.items():
        if path not in files:
            raise SourceError(f"{definition.name}: [{name}] {path!r} is no file of [source]{nearest(path, files)}")
        if name == "sha256" and not re.fullmatch(r"[0-9a-f]{64}", text):
            raise SourceError(f"{definition.name}: [sha256] {path!r} must be 64 digits of lower-case hexadecimal")
    return dict(found)


def _loader_of(path: Path) -> Loader:
    """Import a user's file as a module of its own name, which no other file shares."""
    name = f"kg_user_loader_{path.stem}_{sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SourceError(f"{path} is no Python file")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a stranger's module does when it is imported
        del sys.modules[name]
        raise SourceError(f"{path.name} cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(loader := getattr(module, "load", None)):
        raise SourceError(f"{path.name} has no function load(source, snapshot, mint, issues)")
    return loader  # type: ignore[no-any-return]  # a module attribute has no static type


def _first_fault(error: ValidationError, model: type[BaseModel]) -> str:
    """Say where in a table the first fault stands and what is wrong there."""
    first = error.errors()[0]
    place = "".join(f" {part}" for part in first["loc"])
    said = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        known = (field.alias or name for name, field in model.model_fields.items())
        said = f"the key is unknown{nearest(str(first['loc'][-1]), known)}"
    return f"{place}: {said}"


def _ignored(definition: Path, table: Mapping[str, object]) -> dict[str, str]:
    """Read ``[ignore]``: the path of a field, and why it is left out. No wildcards."""
    found: dict[str, str] = {}
    for name, why in table.items():
        if not isinstance(why, str) or not why.strip():
            raise SourceError(f"{definition.name}: [ignore] {name!r} must say in words why the field is left out")
        if "*" in name:
            raise SourceError(f"{definition.name}: [ignore] {name!r}: name each field; there are no wildcards")
        found[name] = why
    return found


def registry(extra: Path | None = None) -> dict[str, Source]:
    """Give every source by name: curated, bundled, and those in ``extra`` (``KG_HOME/sources``), in order of fusion."""
    folders: list[Path] = [resources.curated(), Path(__file__).parent]
    if extra is not None and extra.is_dir():
        folders.append(extra)
    found: dict[str, Source] = {}
    for folder in folders:
        for definition in sorted(folder.glob("*.toml")):
            source = read_source(definition)
            if source.name in found:
                raise SourceError(
                    f"{definition}: the source {source.name!r} exists already at {found[source.name].definition}"
                )
            found[source.name] = source
    return dict(sorted(found.items(), key=lambda item: (item[1].order, item[0])))


def choose(sources: Mapping[str, Source], names: tuple[str, ...]) -> list[Source]:
    """Give the sources called ``names``, all when none is named. Raises SourceError with the nearest name."""
    for name in names:
        if name not in sources:
            raise SourceError(f"there is no source {name!r}{nearest(name, sources)}; kg sources lists them")
    return [source for name, source in sources.items() if not names or name in names]
