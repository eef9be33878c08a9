"""The ontology as a place: every term on one page and on its own, the files in every format of RDF, fixed versions.

Hash IRIs of terms need no redirect: whoever follows one fetches /ontology, and the fragment is the anchor of the term.
What a term is stands there; how it is checked, used, counted and mapped stands on its own page, so that the page of all
stays within what a phone takes.
The build left in the release what stands here; data without a release is documented by the files of this package.

Source: ontology design, section 1, rule 6, and section 8 (Served, Documentation).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from kg import documentation, telemetry
from kg.catalogue import Catalogue
from kg.documentation import CORE, MODULE, Documentation, Named, Statistics, Term, Use
from kg.errors import ReleaseError, nearest
from kg.release import Release, Releases
from kg.store import TURTLE, Form
from kg.store.canonical import rewritten
from kg.vocab import PREFIXES
from kg.web.diagram import draw
from kg.web.negotiation import DESCRIPTIONS, HTML, OFFERS, content_type
from kg.web.problems import problem
from kg.web.site import Site, choose
from kg.web.terms import web_address

_FORMATS = OFFERS[Form.GRAPH].types
# Below /ontology: the module, a version of either, and the suffix of a format.
_REST = re.compile(r"(?P<dl>dl(?![^/.])/?)?(?P<version>[\w+-]+(?:\.[\w+-]+)*?)?(?:\.(?P<suffix>ttl|nt|rdf|jsonld))?")
# The page of one term, of the current version or of one that is named.
_TERM = re.compile(r"(?:(?P<version>[\w+-]+(?:\.[\w+-]+)*)/)?term/(?P<name>[\w-]+)")
_FOR_EVER = "public, max-age=31536000, immutable"

log = telemetry.logger("web")


@dataclass(frozen=True, slots=True)
class Edition:
    """One version of the ontology: its documents, its files by name, and how a release uses it, where one is served."""

    documentation: Documentation
    files: Mapping[str, bytes]
    statistics: Statistics | None = None


class OntologyPages:
    """The ontology of one served release, and those of the other releases of the same home."""

    def __init__(self, site: Site, catalogue: Catalogue, home: Path) -> None:
        self._site = site
        self._catalogue = catalogue
        self._releases = Releases(home)
        # Files of a release never change, and neither do those of this package while we run.
        self._current = lru_cache(maxsize=1)(self._read_current)
        self._earlier = lru_cache(maxsize=8)(self._read)
        self._spelled = lru_cache(maxsize=32)(rewritten)
        self._page = lru_cache(maxsize=8)(self._render)

    def blueprint(self) -> Blueprint:
        """Give the routes."""
        routes = Blueprint("ontology", __name__)
        routes.add_url_rule("/ontology", view_func=self.ontology)
        routes.add_url_rule("/ontology.<suffix>", view_func=self.ontology)
        routes.add_url_rule("/ontology/<path:rest>", "below", self.below)
        return routes

    def ontology(self, suffix: str | None = None) -> Response:
        """Show every term, or give the core in the format that is asked for or that the suffix names."""
        if suffix is not None and suffix not in DESCRIPTIONS:
            raise problem("not-found", f"the ontology has no format .{suffix}; there is .{', .'.join(DESCRIPTIONS)}")
        return self._answer(self._current(), CORE, suffix=suffix)

    def below(self, rest: str) -> Response:
        """Give the module of axioms for a reasoner (dl), a version of either file, or the page of a term."""
        term = _TERM.fullmatch(rest)
        if term is not None:
            return self._term(term["name"], term["version"])
        found = _REST.fullmatch(rest)
        if found is None:
            raise problem("not-found", f"there is no {rest!r} of the ontology; {self._known()}")
        version = found["version"]
        name = MODULE if found["dl"] else CORE
        return self._answer(self._edition(version), name, suffix=found["suffix"], version=version)

    # --- editions ---------------------------------------------------------------------------------------------------

    def _edition(self, version: str | None) -> Edition:
        current = self._current()
        if version in (None, current.documentation.version):
            return current
        others = self._others()
        if version not in others:
            raise problem("not-found", f"there is no version {version} of the ontology here; {self._known(version)}")
        return self._earlier(others[version].path)

    def _others(self) -> dict[str, Release]:
        """Give the release to read each version from. Looked up anew: releases are sealed while we run."""
        found: dict[str, Release] = {}
        try:
            for release in sorted(self._releases, key=lambda release: release.manifest.created):
                same_base = release.manifest.base == self._site.base
                if same_base and (release.path / documentation.TERMS).is_file():
                    found[release.manifest.ontology] = release
        except ReleaseError as error:
            log.warning("a release cannot be read", why=str(error))
        return found

    def _known(self, version: str | None = None) -> str:
        versions = sorted({*self._others(), self._current().documentation.version})
        return f"versions here are {', '.join(versions)}{nearest(version, versions) if version else ''}"

    def _read_current(self) -> Edition:
        release = self._site.release
        if release is not None and (release.path / documentation.TERMS).is_file():
            return self._read(release.path)
        described = documentation.describe(
            documentation.Files.bundled(self._site.base),
            queries={query.name: query.text for query in self._catalogue},
            base=self._site.base,
        )
        return Edition(described, {name: documentation.turtle(name, self._site.base) for name in (CORE, MODULE)})

    def _read(self, folder: Path) -> Edition:
        described = documentation.read_documentation(folder)
        if described is None:
            raise ReleaseError(f"release {folder.name} holds no {documentation.TERMS}; build it again")
        files = {name: (folder / name).read_bytes() for name in (CORE, MODULE)}
        return Edition(described, files, documentation.read_statistics(folder))

    # --- answers ----------------------------------------------------------------------------------------------------

    def _answer(self, edition: Edition, name: str, *, suffix: str | None, version: str | None = None) -> Response:
        media_type = DESCRIPTIONS[suffix] if suffix else choose(request.headers.get("Accept"), (HTML, *_FORMATS))
        if media_type == HTML:
            page = self._page(self._root(), edition.documentation.version, name)
            response = Response(page, content_type=content_type(HTML))
        else:
            form = _FORMATS[media_type]
            body = edition.files[name]
            if form != TURTLE:
                body = self._spelled(body, form, base=self._site.base)
            response = Response(body, content_type=content_type(media_type))
            if version and edition.documentation.status != "draft":
                response.headers["Cache-Control"] = _FOR_EVER
        if not suffix:
            response.headers["Vary"] = "Accept"
            here = f"{self._root()}/ontology{'/dl' if name == MODULE else ''}{f'/{version}' if version else ''}"
            for ending, other in DESCRIPTIONS.items():
                response.headers.add("Link", f'<{here}.{ending}>; rel="alternate"; type="{other}"')
        return response

    def _render(self, root: str, version: str, name: str) -> bytes:
        """Render the page of one file of one version: what every visitor asks for, in a tenth of a second."""
        edition = self._edition(version)
        return self._render_module(root, edition) if name == MODULE else self._render_core(root, edition)

    def _render_core(self, root: str, edition: Edition) -> bytes:
        terms = edition.documentation.terms
        uses = {use.iri: use for use in edition.statistics.uses} if edition.statistics else {}
        classes = [term for term in terms if term.kind == "class"]
        properties = [term for term in terms if term.kind != "class"]
        current = self._current().documentation.version
        return self._html(
            "ontology.html",
            root,
            edition,
            title=edition.documentation.title,
            kinds=[
                (heading, list(_groups(kind, which)), sorted(which, key=_by_name))
                for kind, heading, which in (("class", "Classes", classes), ("property", "Properties", properties))
            ],
            diagram=draw(classes, {iri: use.count for iri, use in uses.items()}),
            uses=uses,
            whole=partial(_term_address, self._here(root, edition)),
            current=None if edition.documentation.version == current else current,
            files=_files(f"{root}/ontology", edition),
        )

    def _here(self, root: str, edition: Edition) -> str:
        """Give the address of all terms of an edition."""
        version = edition.documentation.version
        return f"{root}/ontology" + ("" if version == self._current().documentation.version else f"/{version}")

    def _term(self, name: str, version: str | None) -> Response:
        """Show one term: what it is, how it is checked and used, how often, and what it is elsewhere."""
        edition, root = self._edition(version), self._root()
        terms = edition.documentation.terms
        term = next((term for term in terms if term.name == name), None)
        if term is None:
            near = nearest(name, [term.name for term in terms])
            raise problem("not-found", f"the ontology has no term {name!r}{near}")
        uses = edition.statistics.uses if edition.statistics else ()
        use = next((use for use in uses if use.iri == term.iri), None)
        here = self._here(root, edition)
        current = self._current().documentation.version
        page = self._html(
            "ontology-term.html",
            root,
            edition,
            anchors=here,
            title=f"{term.label} (osai:{term.name})",
            term=term,
            use=use,
            query=_query_of(root, term, use) if use else None,
            here=here,
            current=None if edition.documentation.version == current else current,
        )
        response = Response(page, content_type=content_type(HTML))
        response.headers.add("Link", f'<{term.iri}>; rel="describes"')
        return response

    def _render_module(self, root: str, edition: Edition) -> bytes:
        marked = [
            (term, [axiom for axiom in term.axioms if axiom.dl])
            for term in edition.documentation.terms
            if any(axiom.dl for axiom in term.axioms)
        ]
        title = edition.documentation.module.text
        files = _files(f"{root}/ontology/dl", edition)
        return self._html(
            "ontology-module.html", root, edition, anchors=f"{root}/ontology", title=title, marked=marked, files=files
        )

    def _html(self, template: str, root: str, edition: Edition, *, anchors: str = "", **context: object) -> bytes:
        href = self._href(root, {term.iri for term in edition.documentation.terms}, anchors)
        return self._site.page(template, root, doc=edition.documentation, href=href, **context)

    def _href(self, root: str, ours: set[str], anchors: str) -> Callable[[Named], str | None]:
        """Make what tells where a name leads: to its anchor (on this page, or on ``anchors``), to its page, or away."""

        def href(named: Named) -> str | None:
            if named.iri in ours:
                return f"{anchors}#{named.iri.rpartition('#')[2]}"
            if named.iri.startswith(PREFIXES["xsd"]):
                return None  # a datatype is known by its name
            if named.iri.startswith(self._site.base):
                return self._site.local(named.iri, root) if self._site.release is not None else None
            return web_address(named.iri)

        return href

    def _root(self) -> str:
        return self._site.root(request.environ)


def _term_address(here: str, term: Term) -> str:
    return f"{here}/term/{term.name}"


def _query_of(root: str, term: Term, use: Use) -> str:
    """Give the address of the query that lists what was counted."""
    pattern = f"?thing a <{term.iri}>" if term.kind == "class" else f"?thing <{term.iri}> ?value"
    if not use.count:
        pattern = f"GRAPH ?graph {{ {pattern} }}"
    return f"{root}/sparql?{urlencode({'query': f'SELECT * WHERE {{ {pattern} }} LIMIT 1000'})}"


def _files(address: str, edition: Edition) -> list[tuple[str, str, str]]:
    here = f"{address}/{edition.documentation.version}"
    return [(suffix, media_type, f"{here}.{suffix}") for suffix, media_type in DESCRIPTIONS.items()]


def _groups(kind: str, terms: Iterable[Term]) -> Iterator[tuple[str, str, list[Term]]]:
    """Give each family of terms with an anchor and a heading. The terms of one stand together."""
    for number, (family, found) in enumerate(itertools.groupby(terms, key=lambda term: term.family), start=1):
        members = list(found)
        yield f"{kind}-group-{number}", members[0].label if kind == "class" else family, members


def _by_name(term: Term) -> str:
    return term.name.lower()
