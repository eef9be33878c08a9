"""The command line: few nouns, plain verbs. Reads the configuration and hands values down; holds no logic."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from kg import __version__
from kg.config import Config, read_config
from kg.errors import CatalogueError, ConfigError, FetchError, KgError, ReleaseError

if TYPE_CHECKING:
    from rdflib.term import Node

    from kg.build import Built
    from kg.export import Format, Packing
    from kg.release import Release
    from kg.resolution.review import Candidate
    from kg.sources import Source
    from kg.sources.fetch import Fetched
    from kg.store import Store
    from kg.web.server import Supply

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@dataclass(frozen=True)
class Session:
    """What every command is given: the effective configuration and where each value came from.

    Read by the first command that wants it: a file of settings that is broken stops no ``--help``.
    """

    flags: Mapping[str, Any]

    @cached_property
    def _read(self) -> tuple[Config, Mapping[str, str]]:
        return read_config(self.flags)

    @property
    def config(self) -> Config:
        """The effective configuration. Raises ConfigError."""
        return self._read[0]

    @property
    def origin(self) -> Mapping[str, str]:
        """Where each value of it came from."""
        return self._read[1]


class _Group(click.Group):
    """A group whose errors are one line that a person can act on, and whose unknown commands name the nearest."""

    def invoke(self, ctx: click.Context) -> Any:
        """Turn our errors into a message and exit status 1."""
        try:
            return super().invoke(ctx)
        except KgError as error:
            _fail(str(error))
        except BrokenPipeError:
            # The reader of our output left (head, less); say nothing and leave stdout unflushed.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Add the nearest command to click's message for an unknown one."""
        from kg.errors import nearest

        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            said = error.message.rstrip(".") + nearest(args[0], self.list_commands(ctx))
            raise click.UsageError(said, ctx) from error


def _fail(message: str) -> NoReturn:
    click.echo(f"kg: {message}", err=True)
    sys.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="kg")
@click.option("--home", type=click.Path(path_type=Path), help="Directory of snapshots and releases (or KG_HOME).")
@click.option("--base", help="Base IRI of all data (or KG_BASE).")
@click.pass_context
def main(context: click.Context, home: Path | None, base: str | None) -> None:
    """Build, check, query and serve the knowledge graph of open source AI.

    Start with `kg demo`: it builds the bundled sources and serves them on this machine.
    """
    context.obj = Session({"home": home, "base": base})


# --- build ---------------------------------------------------------------------------------------------------------


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 picks a free one."
)
@click.pass_obj
def demo(session: Session, host: str, port: int) -> None:
    """Build the bundled sources (offline) and serve them."""
    _check_port(host, port)
    built = _build(session.config, (), None)
    _summarise(built)
    from kg.web.server import ReleaseSupply

    _serve(session.config, ReleaseSupply(session.config, lambda: built.release, follow=False), host, port)


@main.command()
@click.argument("names", nargs=-1, metavar="[SOURCE | git:PATH_OR_ADDRESS]...")
@click.option(
    "--from",
    "directories",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Directory that holds the files, as DIR/SOURCE/FILE or DIR/FILE; may be given several times.",
)
@click.option("--project", metavar="NAME", help="With git:…: the project whose history it is, in lower case.")
@click.option("--repository", metavar="ADDRESS", help="With git:…: the public address, where git does not know it.")
@click.pass_obj
def fetch(
    session: Session,
    names: tuple[str, ...],
    directories: tuple[Path, ...],
    project: str | None,
    repository: str | None,
) -> None:
    """Take snapshots of sources: from their address, from directories, or counted from a git history.

    `kg fetch NAME` takes what the source's upstream address holds; with --from, what directories hold, of all sources
    where none is named. `kg fetch git:. --project NAME` counts the commits of a repository by month and organization
    into a source git-NAME, without any person. Bundled files need no fetching. The last snapshot stays until the next
    is whole.
    """
    from kg.sources import choose
    from kg.sources.fetch import History, fetch_from, fetch_history, fetch_upstream, history_of

    config = session.config
    histories = [name.removeprefix("git:") for name in names if name.startswith("git:")]
    named = tuple(name for name in names if not name.startswith("git:"))
    if histories and (len(histories) > 1 or named or directories or not project):
        raise ConfigError("one history at a time, with the project that it is of: kg fetch git:PATH --project NAME")
    if (project or repository) and not histories:
        raise ConfigError("--project and --repository say whose history it is: kg fetch git:PATH --project NAME")
    if not directories and not names:
        raise ConfigError(
            "say where the files are: kg fetch --from DIR (a directory that holds documents or data sets), or "
            "kg fetch NAME for a source that has an address; kg sources lists them"
        )
    sources = _registry(config)

    def counted(history: History) -> Fetched:
        today = datetime.now(UTC).date()
        return fetch_history(
            history, config.home, like=sources["contributions"], known=_known_domains(config), today=today
        )

    if histories and project:
        _say_fetched(counted(History.of(histories[0], project, repository)))
        return
    taken = 0
    for source in choose(sources, named):
        if directories:
            if not (source.files or source.documents):
                continue
            result = fetch_from(source, directories, config.home)
        else:
            history = history_of(source)
            result = counted(history) if history else fetch_upstream(source, config.home)
        taken += result.snapshot is not None
        _say_fetched(result)
    if not taken:
        raise ConfigError("none of the files that sources want is in " + ", ".join(str(path) for path in directories))


def _say_fetched(result: Fetched) -> None:
    if result.snapshot is not None:
        state = "new" if result.new else "unchanged"
        click.echo(
            f"{result.source.name:32} {state:10} {len(result.snapshot.files)} files  sha256:{result.snapshot.sha12}…"
        )
    for path in result.missing:
        click.echo(f"{result.source.name:32} not there   {path}", err=True)


def _known_domains(config: Config) -> frozenset[str]:
    """Give the e-mail domains of organizations, where that source has a snapshot."""
    from kg.sources.fetch import known_domains, snapshot_of

    source = _registry(config).get("org-domains")
    return known_domains(snapshot_of(source, config.home) if source else None)


@main.command()
@click.argument("names", nargs=-1, metavar="[SOURCE]...")
@click.option(
    "--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Date that 'current' means; default: latest of the sources."
)
@click.option("--no-promote", is_flag=True, help="Seal the release, but go on serving the one that is current.")
@click.option(
    "--processes", type=click.IntRange(0, 64), default=0, help="Sources loaded at a time; default: one a core."
)
@click.pass_obj
def build(session: Session, names: tuple[str, ...], as_of: datetime | None, no_promote: bool, processes: int) -> None:
    """Build a sealed release from the snapshots at hand, and make it the current one."""
    day = as_of.date() if as_of else None
    built = _build(session.config, names, day, promote=not no_promote, processes=processes)
    _summarise(built)


def _registry(config: Config) -> Mapping[str, Source]:
    from kg.sources import registry

    return registry(config.home / "sources")


def _build(
    config: Config, names: tuple[str, ...], as_of: date | None, *, promote: bool = True, processes: int = 0
) -> Built:
    from kg.build import build as run
    from kg.build import fitting_pins
    from kg.release import Releases
    from kg.sources import choose
    from kg.sources.fetch import snapshot_of

    sources = _registry(config)
    taken = [(source, snapshot_of(source, config.home)) for source in choose(sources, names)]
    chosen = [(source, snapshot) for source, snapshot in taken if snapshot is not None]
    if waiting := [source.name for source, snapshot in taken if snapshot is None]:
        click.echo(
            f"no snapshot yet of {', '.join(waiting)}; kg fetch NAME takes one from its address, --from DIR from files",
            err=True,
        )
    everything = {source.name for source, _ in chosen} >= {s.name for s in sources.values() if s.bundled() is not None}
    releases = Releases(config.home)
    with _Bars(len(chosen)) as bars:
        built = run(
            chosen,
            base=config.base,
            releases=releases,
            created=datetime.now(UTC).replace(microsecond=0),
            as_of=as_of,
            pins=fitting_pins(chosen) if everything and as_of is None else (),
            work=config.home / "work",
            judgements=config.home / "judgements.csv",
            processes=processes or os.cpu_count() or 1,
            progress=bars.load,
            report=bars.step,
        )
    if promote:
        releases.promote(built.release.version)
    return built


class _Bars:
    """How far a build is: a bar for each source that loads, one for the steps after; nothing where nobody looks."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

        self._bars = Progress(
            TextColumn("{task.description:28}"),
            BarColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._whole = self._bars.add_task("build", total=total + 9, rate="")
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, float] = {}

    def __enter__(self) -> _Bars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def load(self, source: str, assertions: int, done: bool) -> None:
        """Show how many assertions a source gave so far, and how fast."""
        if source not in self._tasks:
            self._began[source] = time.monotonic()
            self._tasks[source] = self._bars.add_task(source, total=None, rate="")
        rate = assertions / max(time.monotonic() - self._began[source], 0.001)
        said = f"{assertions:>9,} assertions {rate:>8,.0f}/s"
        self._bars.update(self._tasks[source], completed=assertions, rate=said)
        if done:
            self._bars.update(self._tasks[source], visible=False)

    def step(self, event: str, values: Mapping[str, object]) -> None:
        """Show the step that ended."""
        self._bars.update(self._whole, advance=1, description=str(values.get("source", event)))


def _summarise(built: Built) -> None:
    """Print what was built. Every number was counted by a query on the sealed release."""
    manifest = built.release.manifest
    counts, seconds = manifest.counts, built.seconds
    issues = sum(source.issues for source in manifest.sources)
    waiting = counts["spans"] - counts["spans_with_words"]
    wait = f"; {waiting} wait for their document (kg fetch --from DIR)" if waiting else ""
    pinned, as_pinned = manifest.answers["pinned"], manifest.answers["as_pinned"]
    lines = [
        ("loaded", f"{counts['loads']:,} sources", f"{counts['loaded']:,} quads", seconds.get("load")),
        ("checked", f"{counts['findings']:,} findings",
         f"{counts['spans_with_words']} of {counts['spans']} spans proved{wait}", None),
        ("resolved", f"{counts['organizations']:,} organizations",
         f"{_many(counts['projects'], 'project')}, {_many(counts['governance_events'], 'governance event')}", None),
        ("reasoned", f"{counts['inferred']:,} inferred", "each with its rule", seconds.get("reason")),
        ("validated", "0 violations",
         f"{_many(counts['warnings'], 'warning')} (kg check --list); {_many(issues, 'issue')} (kg releases issues)",
         seconds["shapes"] + seconds["validate"] if seconds else None),
    ]  # fmt: skip
    if pinned:
        lines.append(("queries", f"{as_pinned} of {pinned}", "answers as pinned", seconds.get("ask")))
    for verb, what, detail, took in lines:
        click.echo(f"{verb:10} {what:22} {detail:52} {f'{took:.1f} s' if took is not None else ''}".rstrip())
    _list_issues(built)
    if not seconds:
        click.echo(f"{'unchanged':10} nothing changed since this release was built")
    click.echo(f"{'release':10} {manifest.version:22} sha256:{manifest.sha256[:12]}…")
    for name, differences in built.differences.items():
        for difference in differences[:5]:
            click.echo(f"kg: {name} is not as pinned: {difference}", err=True)


def _list_issues(built: Built) -> None:
    """Print what was not mapped: issues by source and kind, and how many values were left out by name."""
    counted = Counter((str(row["source"]), str(row["kind"])) for row in built.release.issues())
    ignored = {source.name: sum(source.ignored.values()) for source in built.release.manifest.sources}
    for name, values in ignored.items():
        if values:
            counted[name, "(ignored by name)"] = values
    if counted:
        click.echo(f"{'issues':10} {'source':22} {'kind':30} {'values':>9}")
    for (name, kind), number in sorted(counted.items()):
        click.echo(f"{'':10} {name:22} {kind:30} {number:>9,}")


def _many(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


# --- releases and sources ----------------------------------------------------------------------------------------


@main.group(cls=_Group, invoke_without_command=True)
@click.pass_context
def releases(context: click.Context) -> None:
    """List sealed releases; promote, verify or prune them."""
    if context.invoked_subcommand is None:
        context.invoke(releases_list)


@releases.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@click.pass_obj
def releases_list(session: Session, as_json: bool = False) -> None:
    """List sealed releases; the one that is served is marked."""
    from kg.release import Releases

    found = Releases(session.config.home)
    current = found.current()
    rows = [
        {
            "version": release.version,
            "current": current is not None and current.version == release.version,
            "created": release.manifest.created.isoformat(),
            "quads": release.manifest.counts["default_triples"] + release.manifest.counts["named_triples"],
            "sha256": release.manifest.sha256,
        }
        for release in found
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    elif rows:
        _table(["", "version", "created", "quads", "sha256"],
               [["→" if row["current"] else "", row["version"], row["created"], f"{row['quads']:,}",
                 str(row["sha256"])[:16]] for row in rows])  # fmt: skip
    else:
        click.echo("no release is sealed yet; kg build makes one")


@releases.command("promote")
@click.argument("version")
@click.pass_obj
def releases_promote(session: Session, version: str) -> None:
    """Make a sealed release the current one. Rolling back is promoting an older one."""
    from kg.release import Releases

    click.echo(f"current is {Releases(session.config.home).promote(version).version}")


@releases.command("verify")
@click.argument("version", default="current")
@click.pass_obj
def releases_verify(session: Session, version: str) -> None:
    """Prove the bytes of a release against its manifest."""
    release = _release(session.config, version)
    release.verify()
    click.echo(f"{release.version} is as it was sealed: sha256:{release.manifest.sha256}")


@releases.command("issues")
@click.argument("version", default="current")
@click.option("--json", "as_json", is_flag=True, help="JSON lines, as they stand in the release.")
@click.pass_obj
def releases_issues(session: Session, version: str, as_json: bool) -> None:
    """Show what loaders could not map."""
    from kg.telemetry import visible

    for issue in _release(session.config, version).issues():
        if as_json:
            click.echo(json.dumps(issue, ensure_ascii=False))
        else:
            click.echo(visible(f"{issue['source']}: {issue['locator']}: {issue['message']}"))


@releases.command("prune")
@click.option("--keep", default=3, show_default=True, type=click.IntRange(0), help="How many of the newest to keep.")
@click.pass_obj
def releases_prune(session: Session, keep: int) -> None:
    """Remove old releases; never the current one."""
    from kg import dumps
    from kg.release import Releases

    removed = Releases(session.config.home).prune(keep)
    dumps.remove(session.config.home, removed)
    click.echo("removed " + (", ".join(removed) if removed else "nothing"))


@releases.command("dump")
@click.argument("version", default="current")
@click.pass_obj
def releases_dump(session: Session, version: str) -> None:
    """Write a release as whole files to offer for download: N-Quads, TriG, JSON-LD, Turtle; gzip and zstd."""
    from kg import dumps

    release = _release(session.config, version)
    for dump in dumps.make(release, session.config.home):
        click.echo(f"{dump.size:>15,} {dump.sha256} {dumps.place(session.config.home, release.version) / dump.name}")


def _release(config: Config, version: str = "current") -> Release:
    from kg.release import Releases

    releases_ = Releases(config.home)
    if version == "current":
        release = releases_.current()
        if release is None:
            raise ReleaseError(
                f"no release is sealed in {config.home}; kg build makes one, kg demo builds and serves it"
            )
    else:
        release = releases_.get(version)
    if release.manifest.base != config.base:
        raise ReleaseError(
            f"release {release.version} was built with base {release.manifest.base}, the setting is {config.base}; "
            "build again, or set KG_BASE to the base of the release"
        )
    return release


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@click.pass_obj
def sources(session: Session, as_json: bool) -> None:
    """List the sources: licence, date, where they come from, and whether a snapshot is at hand."""
    from kg.release import Releases
    from kg.sources.fetch import missing_documents, snapshot_of

    release = Releases(session.config.home).current()
    records = {entry.name: entry.records for entry in release.manifest.sources} if release else {}
    rows: list[dict[str, object]] = []
    for source in _registry(session.config).values():
        try:
            snapshot, damage = snapshot_of(source, session.config.home), None
        except FetchError as error:
            snapshot, damage = None, str(error)
        rows.append(
            {
                "name": source.name,
                "title": source.title,
                "licence": source.licence,
                "as_of": source.as_of.isoformat(),
                "loader": source.loader,
                "upstream": source.upstream,
                "snapshot": snapshot.sha12 if snapshot else None,
                "damage": damage,
                "records": records.get(source.name),
                "missing_documents": list(missing_documents(source, snapshot)) if snapshot else list(source.documents),
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        _table(["source", "as of", "licence", "loader", "snapshot", "records", "upstream", "what it is"],
               [[row["name"], row["as_of"], row["licence"], row["loader"],
                 row["snapshot"] or ("damaged" if row["damage"] else "to be fetched"),
                 "" if row["records"] is None else f"{row['records']:,}", row["upstream"],
                 f"{row['title']}{' (its words are not at hand)' if row['missing_documents'] else ''}"]
                for row in rows])  # fmt: skip


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def config(session: Session, as_json: bool) -> None:
    """Print the effective settings and where each value is from."""
    values = session.config.model_dump(mode="json")
    if as_json:
        click.echo(json.dumps({name: {"value": value, "from": session.origin[name]} for name, value in values.items()}))
    else:
        fields = Config.model_fields
        _table(["setting", "value", "from", "what it is"],
               [[name, _shown(value), session.origin[name], fields[name].description or ""]
                for name, value in values.items()])  # fmt: skip


def _shown(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


# --- query -----------------------------------------------------------------------------------------------------------

_FORMATS = {
    "json": "application/sparql-results+json",
    "xml": "application/sparql-results+xml",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "turtle": "text/turtle",
    "ntriples": "application/n-triples",
    "rdfxml": "application/rdf+xml",
    "jsonld": "application/ld+json",
}


@main.command()
@click.argument("query", required=False, metavar="[NAME|FILE]")
@click.option("-e", "text", help="The query itself.")
@click.option("--list", "listing", is_flag=True, help="List the queries of the catalogue.")
@click.option(
    "-p", "--param", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter of a catalogue query."
)
@click.option(
    "-f",
    "--format",
    "media",
    type=click.Choice(["table", *_FORMATS]),
    help="Default: a table on a terminal; elsewhere CSV, or Turtle for graphs.",
)
@click.option("--release", "version", default="current", show_default=True, help="Which release to ask.")
@click.option("--data", "files", multiple=True, type=_FILE, metavar="FILE",
              help="Ask these RDF files instead of a release.")  # fmt: skip
@click.pass_obj
def query(
    session: Session,
    query: str | None,
    text: str | None,
    listing: bool,
    parameters: tuple[str, ...],
    media: str | None,
    version: str,
    files: tuple[Path, ...],
) -> None:
    """Run a catalogue query by name (cq21), a query file, or the text given with -e.

    The query runs in this process, without the limits of the service. Ctrl-C ends it.
    """
    from kg import resources
    from kg.catalogue import Catalogue

    catalogue = Catalogue.read(resources.queries(), base=session.config.base)
    if listing:
        _table(["query", "question"], [[entry.name, entry.summary] for entry in catalogue])
        return
    if (query is None) == (text is None):
        raise click.UsageError(
            "give the name of a catalogue query, a file, or -e TEXT; kg query --list shows the names"
        )
    if text is None:
        text = _text_of(catalogue, query or "", parameters)
    elif parameters:
        raise click.UsageError("-p sets parameters of a catalogue query; the text of -e has none")
    _print_answer(_open_store(session.config, version, files), text, media, session.config.base)


@main.command()
@click.argument("query", metavar="NAME|FILE|TEXT")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--release", "version", default="current", show_default=True, help="Whose counts to hold it against.")
@click.pass_obj
def explain(session: Session, query: str, as_json: bool, version: str) -> None:
    """Say what a query asks, without running it: its patterns with estimated rows, and its size against the limits.

    A text with braces is the query itself; any other is a query of the catalogue, or a file.
    """
    from kg import resources
    from kg.catalogue import Catalogue
    from kg.diagnosis import NOTE
    from kg.diagnosis import explain as explained
    from kg.web.diagnosis import read_terms

    catalogue = Catalogue.read(resources.queries(), base=session.config.base)
    release = _release(session.config, version)
    text = query if "{" in query else _text_of(catalogue, query, ())
    told = explained(text, base=session.config.base, terms=read_terms(release))
    if as_json:
        click.echo(json.dumps({"release": release.version, **told.as_json()}, indent=1, ensure_ascii=False))
        return
    rows = [[pattern, "?" if most is None else f"{most:,}"] for pattern, most in told.patterns or ()]
    _table(["pattern", "rows at most"], rows)
    click.echo()
    _table(["of the text", "found", "limit"],
           [[name, f"{found:,}", f"{limit:,}"] for name, (found, limit) in told.counts.items()])  # fmt: skip
    click.echo(f"\n{NOTE}")


@main.command()
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a key.")
@click.option("--release", "version", default="current", show_default=True, help="Which release to ask.")
@click.pass_obj
def lookup(session: Session, keys: tuple[str, ...], as_json: bool, version: str) -> None:
    """Tell what keys mean: addresses, identifiers, domains, CURIEs, IRIs of ours, or names; - reads them from stdin.

    The same as /lookup of the service, without one. Exit status 1 where a key finds nothing.
    """
    from kg.search import Index

    release = _release(session.config, version)
    index = Index.open(release.path, base=session.config.base)
    if index is None:
        raise ReleaseError(f"release {release.version} has no index of names and keys; kg build makes one that has")
    wanted = [line.strip() for key in keys for line in (sys.stdin if key == "-" else (key,)) if line.strip()]
    rows = []
    missing = False
    for answer in map(index.lookup, wanted):
        missing |= not answer.found
        if as_json:
            click.echo(json.dumps(answer.as_json(), ensure_ascii=False))
            continue
        for said, found in (("", answer.found), ("near", () if answer.found else answer.near)):
            rows += [
                [answer.key, said, one.name, one.iri.removeprefix(session.config.base), f"{one.score:g}", one.why]
                for one in found
            ]
        if not answer.found and not answer.near:
            rows.append([answer.key, "nothing", "", "", "", ""])
    if not as_json:
        _table(["key", "", "name", "thing", "strength", "why"], rows)
    if missing:
        sys.exit(1)


def _text_of(catalogue: Any, name: str, parameters: Sequence[str]) -> str:
    """Give the text of a catalogue query with its parameters bound, or of a file."""
    path = Path(name)
    if path.suffix in (".rq", ".sparql") or os.sep in name:
        if parameters:
            raise click.UsageError("-p sets parameters of a catalogue query, not of a file")
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CatalogueError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    entry = catalogue.get(name)
    values: dict[str, list[Node]] = {}
    for given in parameters:
        key, equals, value = given.partition("=")
        if not equals:
            raise click.UsageError(f"-p {given}: write NAME=VALUE")
        values.setdefault(key, []).append(entry.parse(key, value))
    return str(entry.bind(**values))


def _open_store(config: Config, version: str, files: Sequence[Path]) -> Store:
    from kg.store.oxigraph import OxigraphStore

    if files:
        return OxigraphStore.load([(path, config.base, None) for path in files])
    return OxigraphStore.load([(_release(config, version).quads, None, None)])


def _print_answer(store: Store, text: str, media: str | None, base: str) -> None:
    from kg.store import Form, Limits
    from kg.store.guard import read

    form = read(text, base=base).form
    limits = Limits(seconds=86_400, bytes=1 << 34, memory=1 << 40)
    if media is None:
        media = "turtle" if form is Form.GRAPH else "table" if sys.stdout.isatty() else "csv"
    if media == "table" and form is not Form.GRAPH:
        media_type = _FORMATS["json"]
    elif media == "table":
        media_type = _FORMATS["turtle"]
    else:
        media_type = _FORMATS[media]
    graph_type = media in ("turtle", "ntriples", "rdfxml", "jsonld")
    if media != "table" and graph_type != (form is Form.GRAPH):
        raise click.UsageError(
            f"-f {media} does not fit a query whose answer is {'a graph' if form is Form.GRAPH else 'a table'}"
        )
    if form is Form.ASK and media_type in ("text/csv", "text/tab-separated-values"):
        media_type = _FORMATS["json"]
    with store.answer(text, media_type, limits=limits, base=base, trusted=True) as answer:
        body = answer.read()
    if media == "table" and form is Form.SELECT:
        _result_table(json.loads(body), base)
    elif form is Form.ASK and media in ("table", "csv", "tsv"):
        click.echo("yes" if json.loads(body)["boolean"] else "no")
    else:
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()


def _result_table(result: Mapping[str, Any], base: str) -> None:
    """Print SELECT results as a table, IRIs below the base without it."""
    from kg.vocab import PREFIXES

    def shown(term: Mapping[str, str] | None) -> str:
        if term is None:
            return ""
        value = term["value"]
        if term["type"] == "uri":
            for prefix, namespace in PREFIXES.items():
                if value.startswith(namespace):
                    return f"{prefix}:{value[len(namespace) :]}"
            return value.removeprefix(base) if value.startswith(base) else f"<{value}>"
        return value

    names = result["head"]["vars"]
    rows = [[shown(row.get(name)) for name in names] for row in result["results"]["bindings"]]
    _table(names, rows)
    click.echo(f"{len(rows)} rows", err=True)


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a readable table: fitted to the terminal, or at full width where output is not a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from kg.telemetry import visible

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
    table = Table(*header, box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for row in rows:
        lines = ["\n".join(map(visible, str(value).split("\n"))) for value in row]
        table.add_row(*[Text(text, overflow="fold") for text in lines])
    console = Console(width=width, file=sys.stdout, highlight=False, no_color=not sys.stdout.isatty())
    with console.capture() as captured:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


@main.command()
@click.argument("subject", metavar="S")
@click.argument("predicate", required=False, metavar="[P]")
@click.argument("object_", required=False, metavar="[O]")
@click.option("--release", "version", default="current", show_default=True, help="Which release to ask.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def why(
    session: Session, subject: str, predicate: str | None, object_: str | None, version: str, as_json: bool
) -> None:
    """Say why a triple is there: the rules and premises it follows from, down to the records that were read.

    Without O, or without P and O, list what was inferred about S.

    Terms may be IRIs, short (osai:currentHost, or currentHost alone), paths below the base (id/org/meta), "a", and
    literals as N-Triples spell them: '"PyTorch"', '"0.2"^^xsd:decimal'.
    """
    from kg.why import Explainer

    release = _release(session.config, version)
    rules = release.rules()
    if not rules:
        raise ReleaseError(f"release {release.version} does not hold the rules it was built with; kg build makes one")
    store = _open_store(session.config, version, ())
    explainer = Explainer(lambda text: store.rows(text, trusted=True), rules, release.manifest.base)
    told: dict[str, object] = {"release": release.version}
    if predicate is not None and object_ is not None:
        triple = (explainer.subject(subject), explainer.predicate(predicate), explainer.object(object_))
        proof = explainer.proof(triple)
        words = explainer.words(proof)
        if not as_json:
            from kg.telemetry import visible

            click.echo("\n".join(map(visible, words.lines(proof))))
            return
        told["proof"] = words.to_json(proof)
    else:
        asked = None if predicate is None else explainer.predicate(predicate)
        inferred = explainer.inferred(explainer.subject(subject), asked)
        words = explainer.words_of(triple for triple, _ in inferred)
        if not as_json:
            _table(["inferred", "by rule", "P", "O"],
                   [[words.sentence(triple), rule.name, words.path(triple[1]), words.path(triple[2])]
                    for triple, rule in inferred])  # fmt: skip
            return
        told["inferred"] = [words.head_to_json(triple, rule) for triple, rule in inferred]
    click.echo(json.dumps(told, indent=1, ensure_ascii=False))


# --- check -----------------------------------------------------------------------------------------------------------


@main.command()
@click.option("--strict", is_flag=True, help="What cannot run here (no document, no Java) fails too.")
@click.option("--list", "listing", is_flag=True, help="Show warnings and notes too, not errors only.")
@click.option("--json", "form", flag_value="json", help="One JSON object, with every finding.")
@click.option("--markdown", "form", flag_value="markdown", help="A report in Markdown, with every finding.")
@click.option("--ontology", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR",
              help="Check another copy of the ontology directory, such as one that is being edited.")  # fmt: skip
@click.pass_obj
def check(session: Session, strict: bool, listing: bool, form: str | None, ontology: Path | None) -> None:
    """Check the sources, the ontology, the rules and the pinned answers, without touching what is served.

    Ends with status 1 when a section has an error. Each finding says where it stands and how to mend it.
    """
    from kg.check import markdown, run_checks

    config, sections = session.config, []
    for section in run_checks(_registry(config), config.home, config.base, ontology=ontology):
        sections.append(section)
        if form is None:  # as they come: the last ones take a while
            click.echo("\n".join(section.lines(everything=listing)))
    failed = sum(section.fails(strict=strict) for section in sections)
    if form == "json":
        report = {"passed": not failed, "checks": [section.as_json() for section in sections]}
        click.echo(json.dumps(report, indent=1, ensure_ascii=False))
    elif form == "markdown":
        click.echo(markdown(sections, strict=strict), nl=False)
    if failed:
        _fail(f"{failed} of {len(sections)} checks failed")


# --- review ----------------------------------------------------------------------------------------------------------

_ANSWERS = {"s": "same", "d": "different", "r": "related", "k": "skip", "q": "quit"}


@main.command()
@click.argument("names", nargs=-1, metavar="[SOURCE]...")
@click.option("--kind", type=click.Choice(["org", "project", "model"]), help="Only pairs of this kind.")
@click.option("--about", default="", metavar="TEXT", help="Only pairs of which a name or IRI holds TEXT.")
@click.option("--limit", type=click.IntRange(1), help="At most so many pairs.")
@click.option("--list", "listing", is_flag=True, help="Print the pairs and ask nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the pairs as one JSON array and ask nothing.")
@click.option(
    "--judge",
    nargs=3,
    metavar="LEFT RIGHT VERDICT",
    help="Record one judgement and ask nothing: two IRIs below the base (id/org/a) and same, different or related.",
)
@click.option("--reason", default="judged from the records", show_default=True, help="Why, in a few words.")
@click.option("--by", default="editor", show_default=True, help="Who judges: a role, no person's name.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of judgements; default: judgements.csv in the home directory.",
)
@click.pass_obj
def review(
    session: Session,
    names: tuple[str, ...],
    kind: str | None,
    about: str,
    limit: int | None,
    listing: bool,
    as_json: bool,
    judge: tuple[str, str, str] | None,
    reason: str,
    by: str,
    into: Path | None,
) -> None:
    """Judge pairs of which no rule is sure that they are one thing.

    Shows what speaks for and against, and both descriptions beside each other; asks for each pair whether the two are
    the same, different, related (a part, a subsidiary, a record of one country) or to be skipped. Judgements win over
    every rule; the next `kg build` reads them. The file is a table that can be edited by hand.
    """
    from kg.resolution import Verdict
    from kg.resolution.judgements import FILE, Judgement, parse, record
    from kg.resolution.review import lines

    target = into or session.config.home / FILE
    today = datetime.now(UTC).date()
    if judge:
        judgement = parse((*judge, reason, by, today.isoformat()), "--judge")
        record(target, judgement)
        click.echo(f"{judgement.verdict}: {judgement.left} {judgement.right} → {target}")
        return
    found = _candidates(session.config, names, kind, about, target)[:limit]
    if as_json:
        click.echo(json.dumps([one.as_json() for one in found], ensure_ascii=False, indent=2))
        return
    judged = 0
    width = shutil.get_terminal_size().columns
    for number, candidate in enumerate(found, start=1):
        click.echo("\n".join([f"— {number} of {len(found)} —", *lines(candidate, width), ""]))
        if listing:
            continue
        said = click.prompt("[s]ame, [d]ifferent, [r]elated, s[k]ip, [q]uit", type=click.Choice(list(_ANSWERS)))
        if said == "q":
            break
        if said != "k":
            why = click.prompt("because", default=reason)
            verdict = Verdict(_ANSWERS[said])
            record(target, Judgement.of(candidate.left.iri, candidate.right.iri, verdict, why, by, today))
            judged += 1
    if not listing:
        click.echo(f"{_many(judged, 'judgement')} → {target}" if judged else "nothing was judged")
    elif not found:
        click.echo("no pair waits for a judgement")


def _candidates(config: Config, names: tuple[str, ...], kind: str | None, about: str, own: Path) -> list[Candidate]:
    from kg.build import judgement_files, resolve_sources
    from kg.resolution.review import candidates
    from kg.sources import choose
    from kg.sources.fetch import snapshot_of

    chosen = [
        (source, snapshot)
        for source in choose(_registry(config), names)
        if (snapshot := snapshot_of(source, config.home)) is not None
    ]
    with _Bars(len(chosen)) as bars:
        known, resolution = resolve_sources(
            chosen,
            base=config.base,
            work=config.home / "work",
            judgements=judgement_files(own),
            processes=os.cpu_count() or 1,
            progress=bars.load,
        )
    return candidates(known, resolution, config.base, kind=kind, about=about)


# --- elsewhere -------------------------------------------------------------------------------------------------------


@main.command()
@click.argument("target", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option("--release", "version", default="current", show_default=True, help="Which release to export.")
@click.option("--graphs", multiple=True, metavar="GRAPH",
              help="Only this graph: its IRI or the path below the base, such as graph/ontology; with a slash at its "
              "end all below it; default is the default graph. May be given several times.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["nq", "nt", "ttl"]), default="nq", show_default=True,
              help="N-Quads; or N-Triples or Turtle, each graph in files of its own.")  # fmt: skip
@click.option("--compress", type=click.Choice(["gz", "zst", "none"]), default="gz", show_default=True, help="Packing.")
@click.option("--part", type=click.IntRange(1), default=1_000_000, show_default=True, help="Quads of one file at most.")
@click.option("--default-graph", metavar="IRI", help="A name for the default graph, for engines that have none.")
@click.option("--words", is_flag=True, help="With the words of documents, which are others' and stay out by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest.")
@click.pass_obj
def export(
    session: Session,
    target: Path,
    version: str,
    graphs: tuple[str, ...],
    form: Format,
    compress: Packing,
    part: int,
    default_graph: str | None,
    words: bool,
    as_json: bool,
) -> None:
    """Write a release as sorted parts with a manifest, for the bulk loaders of other engines."""
    from kg.export import MANIFEST
    from kg.export import export as run

    release = _release(session.config, version)
    release.verify()
    made = run(
        release,
        target,
        form=form,
        packing=compress,
        part=part,
        graphs=graphs,
        words=words,
        default_graph=default_graph,
    )
    if as_json:
        click.echo((target / MANIFEST).read_text(encoding="utf-8"), nl=False)
    else:
        click.echo(f"{'exported':10} {made.release:22} {made.quads:,} quads of {_many(len(made.graphs), 'graph')} "
                   f"in {_many(len(made.files), 'file')} → {target / MANIFEST}")  # fmt: skip


@main.command()
@click.argument("url", metavar="URL")
@click.option("--release", "version", default="current", show_default=True, help="Which release is held there.")
@click.option("--default-graph", metavar="IRI", help="Where the default graph stands there, in an engine without one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def conform(session: Session, url: str, version: str, default_graph: str | None, as_json: bool) -> None:
    """Ask the pinned queries of another SPARQL endpoint, and compare its answers with those of the release.

    Ends with status 1 when one differs or fails.
    """
    from kg import resources
    from kg.catalogue import Catalogue
    from kg.conform import conform as run
    from kg.store.remote import RemoteStore

    config = session.config
    catalogue, there = Catalogue.read(resources.queries(), base=config.base), RemoteStore(url, base=config.base)
    release = _release(config, version)
    here = _open_store(config, release.version, ())
    compared = []
    for one in run(here, there, catalogue, limits=config.limits, default_graph=default_graph):
        compared.append(one)
        if not as_json:
            click.echo(f"{one.state:8} {one.query}{'  ' + one.error if one.error else ''}")
            for difference in one.differences[:5]:
                click.echo(f"{'':8} {difference}")
    same = sum(one.state == "same" for one in compared)
    if as_json:
        told = {"release": release.version, "url": url, "same": same, "asked": len(compared),
                "queries": [one.as_json() for one in compared]}  # fmt: skip
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        click.echo(f"{same} of {len(compared)} answers are those of release {release.version}")
    if same < len(compared):
        sys.exit(1)


@main.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to look at.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@click.pass_obj
def doctor(session: Session, port: int, as_json: bool) -> None:
    """Look at this machine and this home: what works, what is missing, and how to mend it.

    Ends with status 1 when something that the service needs is broken; what only some commands need is a note.
    """
    from kg.doctor import examine

    try:
        config: Config | ConfigError = session.config
    except ConfigError as error:
        config = error
    found = list(examine(config, port))
    if as_json:
        click.echo(json.dumps([one.as_json() for one in found], indent=1, ensure_ascii=False))
    else:
        for one in found:
            click.echo(f"{one.state:8} {one.name:12} {one.found}")
            if one.mend:
                click.echo(f"{'':21} {one.mend}")
    if any(one.state == "broken" for one in found):
        sys.exit(1)


# --- serve -----------------------------------------------------------------------------------------------------------


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 picks a free one."
)
@click.option("--release", "version", metavar="R", help="Which release to serve; default: always the current one. "
              "With --store: the release that the store holds.")  # fmt: skip
@click.option("--store", "url", metavar="URL", help="Serve a SPARQL 1.1 endpoint of another engine.")
@click.option("--data", "files", multiple=True, type=_FILE, metavar="FILE",
              help="Serve RDF files (Turtle, TriG, N-Triples, N-Quads, RDF/XML, JSON-LD), not a release.")  # fmt: skip
@click.option("--writable", "workspace", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Serve a workspace, which takes SPARQL Update and graphs; made where there is none.")  # fmt: skip
@click.option("--tokens", type=_FILE, metavar="FILE",
              help="Who may write, and read where that is private, as lines of kg token. "
              "KG_TOKEN in the environment is an admin's token.")  # fmt: skip
@click.option("--private", is_flag=True, default=None, help="Answer only who has a token with the right to read.")
@click.option("--service", "services", multiple=True, metavar="IRI",
              help="An endpoint that queries may call with SERVICE, by its exact IRI; may be given again. "
              "Default: none. Private addresses stay closed, unless the IRI holds the address itself.")  # fmt: skip
@click.pass_obj
def serve(
    session: Session,
    host: str,
    port: int,
    version: str | None,
    url: str | None,
    files: tuple[Path, ...],
    workspace: Path | None,
    tokens: Path | None,
    private: bool | None,
    services: tuple[str, ...],
) -> None:
    """Serve a release, RDF files as they are, another engine's store, or a workspace that can be written to, over HTTP.

    Another release that becomes current is served within seconds, or at once on SIGHUP, and no request fails.
    """
    from kg.web.server import FilesSupply, ReleaseSupply, RemoteSupply, WorkspaceSupply

    config = Session({**session.flags, "services": services or None, "private": private}).config
    if workspace is None and tokens is not None and not config.private:
        raise ConfigError(
            "--tokens says who may write, or read; a service that can be written to is started with --writable DIR, "
            "one that not everybody may read with --private"
        )
    if sum((workspace is not None, bool(files), url is not None)) > 1:
        raise ConfigError("--writable, --data and --store are each a thing to serve; choose one")
    if version is not None and (workspace is not None or files):
        raise ConfigError("--release names a sealed release; a workspace and files are none")
    _check_port(host, port)
    if workspace is not None or config.private:
        _check_tokens(tokens)
    if workspace is not None:
        _serve(config, WorkspaceSupply(config, workspace), host, port, tokens=tokens, writable=True)
    elif url is not None:
        held = (lambda: _release(config, version or "current")) if version is not None else None
        _serve(config, RemoteSupply(url, held), host, port, tokens=tokens)
    elif files:
        _serve(config, FilesSupply(config, files), host, port, tokens=tokens)
    else:
        named = version or "current"
        supply = ReleaseSupply(config, lambda: _release(config, named), follow=named == "current")
        _serve(config, supply, host, port, tokens=tokens)


@main.command()
@click.argument("name")
@click.argument("rights", nargs=-1, metavar="[read | write | admin]...")
def token(name: str, rights: tuple[str, ...]) -> None:
    """Make a token: the token on stderr, its line for the file of tokens on stdout.

    Only its hash stands in the line; the token itself is shown once. Without rights, it may write to a workspace. The
    right to read is what a service asks for that is started with --private; who may write may read.

    Example: kg token nightly-load write >> tokens
    """
    from kg.web.tokens import make_token

    try:
        made, line = make_token(name, rights or ("write",))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    click.echo(made, err=True)
    click.echo(line)


@main.command()
@click.argument("workspace", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Date that names the release; default: today.")
@click.option("--promote", is_flag=True, help="Make it the current release.")
@click.pass_obj
def seal(session: Session, workspace: Path, as_of: datetime | None, promote: bool) -> None:
    """Make a release of what a workspace holds. Its service must be stopped. Blank nodes become IRIs."""
    from kg.release import Releases

    releases = Releases(session.config.home)
    now = datetime.now(UTC).replace(microsecond=0)
    sealed = releases.seal_workspace(workspace, base=session.config.base, as_of=(as_of or now).date(), created=now)
    if promote:
        releases.promote(sealed.version)
    click.echo(f"{'release':10} {sealed.version:22} sha256:{sealed.manifest.sha256[:12]}…")


def _check_port(host: str, port: int) -> None:
    """Fail early and clearly when the address cannot be listened on."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another with --port (0 picks a free one)"
        ) from error


def _check_tokens(tokens: Path | None) -> None:
    """Fail where nobody could do what a token is asked for."""
    from kg.web.server import TOKEN_VARIABLE
    from kg.web.tokens import Tokens

    if not Tokens.read(tokens, os.environ.get(TOKEN_VARIABLE) or None).known:
        raise ConfigError(
            f"nobody could write, or read where that is private: name a file of tokens with --tokens (kg token makes a "
            f"line), or set {TOKEN_VARIABLE}"
        )


def _serve(
    config: Config, supply: Supply, host: str, port: int, *, tokens: Path | None = None, writable: bool = False
) -> None:
    from kg.web.server import serve as run

    def announce(address: str) -> None:
        writes = f"   updates at {address}/update   graphs at {address}/graphs" if writable else ""
        click.echo(f"{'serving':10} {address}/   SPARQL at {address}/sparql{writes}   (Ctrl-C stops)")

    run(supply, config, host, port, announce=announce, tokens=tokens)


if __name__ == "__main__":
    main()
