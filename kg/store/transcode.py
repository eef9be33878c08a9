"""Quads from one format of RDF into another, one at a time: nothing is held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import pyoxigraph as ox

from kg.store import TURTLE
from kg.vocab import PREFIXES


def transcode(quads: IO[bytes], target: IO[bytes], media_type: str, *, without: str) -> None:
    """Write N-Quads in another format, leaving out the graphs whose name begins with ``without``.

    A format of triples takes the default graph alone. About a second for 400,000 quads.
    """
    form = ox.RdfFormat.from_media_type(media_type)
    if form is None:
        raise ValueError(f"{media_type} is no format of RDF")

    def chosen() -> Iterator[ox.Quad]:
        for quad in ox.parse(quads, ox.RdfFormat.N_QUADS):
            graph = quad.graph_name
            if not (isinstance(graph, ox.NamedNode) and graph.value.startswith(without)):
                yield quad

    if form.supports_datasets:
        ox.serialize(chosen(), target, form, prefixes=PREFIXES)
    else:
        default = (quad.triple for quad in chosen() if isinstance(quad.graph_name, ox.DefaultGraph))
        ox.serialize(default, target, form, prefixes=PREFIXES if media_type == TURTLE else None)
