"""Finds and parses what is bundled: ``ontology/`` and ``queries/``, in a checkout or inside an installed wheel."""

from __future__ import annotations

import re
from pathlib import Path

from rdflib import Graph

from kg.errors import ConfigError, ModelError

_PACKAGE = Path(__file__).resolve().parent


def directory(name: str) -> Path:
    """Give the directory of bundled files called ``name`` ("ontology" or "queries").

    A wheel carries them under ``_bundled``, which a checkout never has; so a stranger's package called ``queries`` that
    is installed beside ours is never taken for it. Raises ConfigError when neither is there.
    """
    for candidate in (_PACKAGE / "_bundled" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise ConfigError(f"the bundled directory {name!r} is missing from {_PACKAGE}; install the package again")


def ontology() -> Path:
    """Give the directory of ontology, schemes and shapes."""
    return directory("ontology")


def queries() -> Path:
    """Give the directory of the query catalogue."""
    return directory("queries")


def curated() -> Path:
    """Give the directory of curated sources and the ledger of slugs."""
    return _PACKAGE / "sources" / "curated"


def vocabulary_files() -> tuple[Path, ...]:
    """Give the files that a release carries in ``graph/ontology``: the core and every concept scheme, in order."""
    root = ontology()
    return (root / "osai.ttl", *sorted((root / "schemes").glob("*.ttl")))


def alignment_files() -> tuple[Path, ...]:
    """Give the files that a release carries in ``graph/align``: one for each vocabulary our terms match, in order."""
    return tuple(sorted((ontology() / "align").glob("*.ttl")))


def read_turtle(path: Path, base: str) -> Graph:
    """Parse one Turtle file, with relative IRIs below ``base``. Raises ModelError with file and line."""
    graph = Graph()
    try:
        graph.parse(data=path.read_bytes(), format="turtle", publicID=base)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # rdflib's parser has no common base for what it raises
        line = re.search(r"at line (\d+)", str(error))
        place = f"{path.name}:{line[1]}" if line else path.name
        why = " ".join(str(error).split())[:300]
        raise ModelError(f"{place}: not Turtle: {why}") from error
    return graph
