"""Look-up by any key: what an identifier, an address, a domain, a CURIE, one of our IRIs or a name means here.

One key in the address, or up to a thousand in a body; a page, JSON or CSV. Of an e-mail address only the domain is
looked at, and nothing of it is kept.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence

from flask import Blueprint, Response, request

from kg.search import Answer, Candidate, Index
from kg.store import CSV_RESULTS
from kg.web.negotiation import HTML, JSON, content_type
from kg.web.problems import problem
from kg.web.site import Site, choose

KEYS = 1000
_LONGEST = 2000
_OFFERS = (JSON, CSV_RESULTS, HTML)
_FORMATS = {"json": JSON, "csv": CSV_RESULTS, "html": HTML}
_BODIES = (JSON, "text/csv", "text/plain", "application/x-www-form-urlencoded")
_COLUMNS = ("key", "iri", "name", "kind", "strength", "why", "found")


class Lookup:
    """The address /lookup over one index."""

    def __init__(self, index: Index, site: Site) -> None:
        self._index, self._site = index, site

    def blueprint(self) -> Blueprint:
        """Give the route."""
        routes = Blueprint("lookup", __name__)
        routes.add_url_rule("/lookup", view_func=self.lookup, methods=["GET", "POST"])
        return routes

    def lookup(self) -> Response:
        """Look up the keys of the address or of the body, in order, one result for each."""
        wanted = request.args.get("format")
        if wanted is not None and wanted not in _FORMATS:
            raise problem("bad-parameter", f"format is one of {', '.join(_FORMATS)}")
        chosen = _FORMATS[wanted] if wanted else choose(request.headers.get("Accept"), _OFFERS)
        keys = [*request.args.getlist("key"), *(_keys_of_body() if request.method == "POST" else ())]
        if len(keys) > KEYS:
            raise problem("request-too-large", f"a request may hold {KEYS:,} keys, this one has {len(keys):,}")
        if any(len(key) > _LONGEST for key in keys):
            raise problem("bad-parameter", f"a key may have {_LONGEST:,} characters")
        if not any(key.strip() for key in keys) and chosen != HTML:
            raise problem("bad-parameter", "say what to look up: /lookup?key=…, or a body of keys")
        answers = [self._index.lookup(key) for key in keys if key.strip() or chosen != HTML]
        if chosen == CSV_RESULTS:
            response = Response(self._csv(answers), content_type=content_type(CSV_RESULTS))
        elif chosen == HTML:
            response = Response(self._page(answers), content_type=content_type(HTML))
        else:
            told = {"release": self._site.release.version if self._site.release else None,
                    "results": [answer.as_json() for answer in answers]}  # fmt: skip
            response = Response(json.dumps(told, ensure_ascii=False).encode(), content_type=JSON)
        response.vary.add("Accept")
        if any("@" in key for key in keys):
            response.headers["Cache-Control"] = "no-store"  # the address of a person is not ours to keep
        return response

    def _kinds(self, one: Candidate) -> list[str]:
        return [self._index.classes[kind].name if kind in self._index.classes else kind for kind in one.types]

    def _csv(self, answers: Iterable[Answer]) -> bytes:
        """Write a row for each thing found, or one with the key alone."""
        out = io.StringIO(newline="")
        rows = csv.writer(out, lineterminator="\r\n")
        rows.writerow(_COLUMNS)
        for answer in answers:
            for one in answer.found or (None,):
                said = (one.iri, one.name, "; ".join(self._kinds(one)), one.score, one.why) if one else ("",) * 5
                rows.writerow((answer.key, *said, len(answer.found)))
        return out.getvalue().encode()

    def _page(self, answers: Sequence[Answer]) -> bytes:
        root = self._site.root(request.environ)

        def shown(one: Candidate) -> dict[str, object]:
            return one.as_json() | {"kind": self._kinds(one), "href": self._site.local(one.iri, root)}

        return self._site.page(
            "lookup.html",
            root,
            title="Look up",
            asked=request.args.get("key", ""),
            answers=[
                (answer.key, [shown(one) for one in answer.found], [shown(one) for one in answer.near])
                for answer in answers
            ],
        )


def _keys_of_body() -> list[str]:
    """Read keys from JSON (a list, or an object with one), CSV (the column key, or the first), text or a form."""
    kind = request.mimetype
    if kind not in _BODIES:
        raise problem("unsupported-media-type", f"send keys as one of {', '.join(_BODIES)}", accepted=list(_BODIES))
    if kind == "application/x-www-form-urlencoded":
        return [line for text in request.form.getlist("key") for line in text.splitlines()]
    try:
        text = request.get_data().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise problem("bad-encoding", "the keys are not UTF-8") from error
    if kind == "text/plain":
        return [line for line in text.splitlines() if line.strip()]
    if kind == "text/csv":
        try:
            rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
        except csv.Error as error:
            raise problem("bad-parameter", f"the body is no CSV: {error}") from error
        head = [name.strip().casefold() for name in rows[0]] if rows else []
        at = head.index("key") if "key" in head else 0
        return [row[at] if at < len(row) else "" for row in (rows[1:] if "key" in head else rows)]
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise problem("bad-parameter", f"the body is no JSON: {error}") from error
    keys = found.get("keys") if isinstance(found, dict) else found
    if not isinstance(keys, list) or any(not isinstance(key, str) for key in keys):
        raise problem("bad-parameter", 'the body is a JSON list of texts, or an object {"keys": […]}')
    return keys
