"""The service over HTTP: SPARQL, pages for people, descriptions for programs. It reads a release, it builds none."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask, Response, request
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException, NotFound

from kg import resources
from kg.catalogue import Catalogue
from kg.config import Config, read_config
from kg.errors import ReleaseError
from kg.model import Ledger
from kg.release import Release, Releases
from kg.search import Index
from kg.store import Store, Workspace
from kg.store.oxigraph import OxigraphStore
from kg.store.remote import RemoteStore
from kg.web.admission import Bounds
from kg.web.browse import Browse
from kg.web.dataset import DatasetPages
from kg.web.diagnosis import DiagnosisPages
from kg.web.editor import EditorWords
from kg.web.front import Front
from kg.web.graphs import GraphStore
from kg.web.lookup import Lookup
from kg.web.negotiation import HTML
from kg.web.ontology import OntologyPages
from kg.web.pages import Pages
from kg.web.reconcile import Reconciliation
from kg.web.site import DATA_HEADERS, HTML_HEADERS, KEEP, PREFLIGHT, Site
from kg.web.sparql import Endpoint
from kg.web.tokens import Private, Tokens
from kg.web.update import UpdateEndpoint
from kg.web.why import WhyPages

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["create_app"]


def create_app(
    config: Config | None = None,
    *,
    store: Store | None = None,
    release: Release | None = None,
    catalogue: Catalogue | None = None,
    tokens: Tokens | None = None,
) -> Flask:
    """Make the service as a WSGI application.

    Without ``store``, the release (the current one of the home, unless ``release`` is given) is loaded into this
    process: for tests and one's own queries; ``kg serve`` hands the store of its query workers. A store that is a
    Workspace can be written to by who has one of ``tokens``; a private service asks readers for one too. A store
    without a release serves data as it is, without catalogue. Raises ReleaseError when there is nothing to serve or the
    base is another one.
    """
    # Its library reads from the environment, when it is imported, whether there are several HTTP processes.
    from kg.web import metrics  # noqa: PLC0415

    config = config or read_config()[0]
    if store is None:
        release = release or Releases(config.home).current()
        if release is None:
            raise ReleaseError("there is no release to serve yet; kg build makes one")
        store = OxigraphStore.load([(release.quads, None, None)])
    if release is not None and release.manifest.base != config.base:
        raise ReleaseError(
            f"release {release.version} was built with base {release.manifest.base}, the setting is {config.base}; "
            "build again, or set the base of the release"
        )
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = config.query_bytes
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # an IRI is what it is, letter by letter
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    site = Site(
        base=config.base,
        release=release,
        templates=app.jinja_env,
        public_url=config.public_url,
        refused=metrics.refused,
    )
    rules = release.rules() if release is not None else ()
    catalogue = catalogue or Catalogue.read(resources.queries(), base=config.base)
    pages = Pages(store, site, catalogue, limits=config.limits, rules=rules, known=_known(config.home))
    app.register_blueprint(pages.blueprint())
    dataset = DatasetPages(store, site, catalogue, config.home, limits=config.limits)
    app.register_blueprint(dataset.blueprint())
    app.jinja_env.globals["dataset_json_ld"] = dataset.json_ld  # asked for while a page is rendered, at its address
    app.register_blueprint(OntologyPages(site, catalogue, config.home).blueprint())
    app.register_blueprint(WhyPages(store, site, rules, limits=config.limits).blueprint())
    app.register_blueprint(EditorWords(store, site, catalogue, limits=config.limits).blueprint())
    index = Index.open(release.path, base=config.base) if release is not None else None
    if release is not None:
        app.register_blueprint(Browse(pages.asking, index).blueprint())
    diagnoses = DiagnosisPages(store, site, index, limits=config.limits, query_bytes=config.query_bytes)
    app.register_blueprint(diagnoses.blueprint())
    if index is not None:
        app.register_blueprint(Reconciliation(index, store, site, catalogue, limits=config.limits).blueprint())
        app.register_blueprint(Lookup(index, site).blueprint())
    _serve_static(app)
    app.add_url_rule("/-/metrics", "metrics", partial(_counted, lambda: metrics.exposition(store, release)))
    app.after_request(lambda response: _finish(response, release))

    def refuse(error: Exception) -> Response:
        status, headers, body = site.refuse(error, request.environ)
        return Response(body, status=status, headers=headers)

    app.register_error_handler(Exception, refuse)
    app.register_error_handler(HTTPException, refuse)
    tokens = tokens or Tokens()
    front = Front(
        _mount(_endpoints(store, site, tokens, config), app.wsgi_app),
        refuse=site.refuse,
        version=_state(store, release, config.remote_kept),
        bounds=Bounds.share(
            processes=config.servers,
            workers=config.workers,
            cores=os.cpu_count() or 1,
            queue=config.queue,
            client_queue=config.client_queue,
        ),
        patience=config.seconds,
        cache_bytes=config.cache_bytes if config.remote_kept or not isinstance(store, RemoteStore) else 0,
        body_bytes=config.query_bytes,
        proxies=config.proxy_addresses,
    )
    app.extensions["kg.front"] = front  # for who counts what it does
    private = Private(front, tokens, site.refuse) if config.private else None
    app.wsgi_app = metrics.Observed(front, private)  # type: ignore[method-assign]  # the way Flask documents
    return app


def _state(store: Store, release: Release | None, seconds: float) -> Callable[[], Hashable]:
    """Give what names the state of the data: answers are kept as long as it stays.

    An endpoint of somebody else's does not say when its data changes, unless it is said to hold a release.
    """
    if release is None and isinstance(store, RemoteStore) and seconds:
        return lambda: int(time.monotonic() / seconds)
    return lambda: store.version


def _counted(write: Callable[[], bytes]) -> Response:
    """Answer a scrape. Source: Prometheus text exposition format 0.0.4."""
    headers = {"Cache-Control": "no-store"}
    return Response(write(), content_type="text/plain; version=0.0.4; charset=utf-8", headers=headers)


def _known(home: Path) -> Callable[[str], bool]:
    """Make what tells whether a path below the base ever named a thing: in a release of this home, or in the ledger."""
    releases, ledger = Releases(home), Ledger.read(resources.curated() / "ledger.csv")
    slugs = {f"id/{row.kind}/{row.slug}" for row in ledger.rows}
    return lambda path: path in slugs or releases.remembers(path)


_STATIC_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


def _serve_static(app: Flask) -> None:
    """Serve our few files from memory: no file is left open when a browser leaves in the midst of one.

    The editor's script is there when the build could bundle it (``kg.web.assets.build``); pages work without it.
    """
    files = (Path(__file__).parent / "static").iterdir()
    held = {path.name: path.read_bytes() for path in files if path.suffix in _STATIC_TYPES}
    app.jinja_env.globals["editor_script"] = "editor.js" if "editor.js" in held else None

    @app.get("/static/<name>")
    def static(name: str) -> Response:
        if name not in held:
            raise NotFound
        return Response(held[name], content_type=_STATIC_TYPES[Path(name).suffix])


def _endpoints(store: Store, site: Site, tokens: Tokens, config: Config) -> Mapping[str, WSGIApplication]:
    """Make the applications of the SPARQL protocols, by the first segment of their paths."""
    endpoints: dict[str, WSGIApplication] = {
        "sparql": Endpoint(store, site, limits=config.limits, query_bytes=config.query_bytes),
        "graphs": GraphStore(
            store,
            site,
            tokens,
            limits=config.limits,
            write_limits=config.write_limits,
            body_bytes=config.upload_bytes,
        ),
    }
    if isinstance(store, Workspace):
        limits, most = config.write_limits, config.upload_bytes
        endpoints["update"] = UpdateEndpoint(store, site, tokens, limits=limits, body_bytes=most)
    return endpoints


def _mount(endpoints: Mapping[str, WSGIApplication], pages: WSGIApplication) -> WSGIApplication:
    """Send the addresses of the SPARQL protocols past Flask, and everything else to it."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        first, slash, _ = environ.get("PATH_INFO", "")[1:].partition("/")
        # A graph may be named below its endpoint; the others are one address each.
        chosen = endpoints.get(first, pages) if not slash or first == "graphs" else pages
        return chosen(environ, start_response)

    return application


def _finish(response: Response, release: Release | None) -> Response:
    """Give a page the headers that every answer has, and a validator."""
    headers = HTML_HEADERS if response.mimetype == HTML else DATA_HEADERS
    for name, value in headers:
        response.headers.setdefault(name, value)  # a preview for frames has a policy of its own
    if release is not None:
        response.headers["KG-Release"] = release.version
    if request.method == "OPTIONS":
        for name, value in PREFLIGHT:
            response.headers[name] = value
        response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "GET")
    elif response.status_code == 200 and not response.is_streamed and request.method in ("GET", "HEAD"):
        response.headers.setdefault("Cache-Control", "no-cache")
        if "no-store" not in response.headers["Cache-Control"]:
            request.environ[KEEP] = True
            response.vary.add("Accept-Encoding")
            response.add_etag()
            response.make_conditional(request)
    return response
