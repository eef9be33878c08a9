"""A record whose values are taken one by one, so that none disappears: each is mapped, ignored by name, or an issue.

Source: house rules, sentence 1. Fields are named by their path in the record: ``extra.accepted``, ``links[].type`` for
what stands in each item of a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kg.model import Evidence
from kg.sources import Issues, Source


class Record:
    """One record of a snapshot: nested mappings, lists and scalars, and which of them were read so far.

    A loader takes what it maps and calls ``close``; what is left then is counted as ignored where the source's
    ``[ignore]`` names the field, and is an issue of kind ``unknown-field`` otherwise. Empty values (none, empty text,
    list or mapping) say nothing and are never left over.
    """

    def __init__(
        self, values: Mapping[str, Any], evidence: Evidence, source: Source, issues: Issues, *, under: str = ""
    ) -> None:
        self.values = values
        self.evidence = evidence
        self._source = source
        self._issues = issues
        self._under = under  # the path of the list that these values are an item of, with a full stop
        self._read: set[str] = set()

    def take(self, path: str) -> Any:
        """Give what stands at a path of mappings, None where nothing does; it and all below it count as read."""
        self._read.add(path)
        found: Any = self.values
        for step in path.split("."):
            if not isinstance(found, Mapping):
                return None
            found = found.get(step)
        return found

    def text(self, path: str) -> str | None:
        """Take a text without blanks around it; None where it is empty. A number is the text it is written as.

        A list, a mapping or a truth value there is an issue of kind ``not-text`` and gives None.
        """
        found = self.take(path)
        if found is None or isinstance(found, str):
            return (found or "").strip() or None
        if isinstance(found, int | float) and not isinstance(found, bool):
            return str(found)
        field = self._under + path
        self.warn(f"{field} is no text but {found!r}", kind="not-text", field=field)
        return None

    def texts(self, path: str) -> list[str]:
        """Take a text or a list of texts; what is neither is an issue of kind ``not-text`` and left out."""
        found = self.take(path)
        if not isinstance(found, list):
            one = self.text(path)
            return [one] if one else []
        kept = []
        for item in found:
            if isinstance(item, str):
                kept += [item.strip()] if item.strip() else []
            elif item is not None:
                field = self._under + path
                self.warn(f"{field} holds {item!r}, which is no text", kind="not-text", field=field)
        return kept

    def items(self, path: str) -> list[Record]:
        """Take a list of mappings: each item is a record of its own, with fields named ``path[].field``, to be closed.

        What is no list, and an item that is no mapping, is an issue of kind ``not-items`` and left out.
        """
        found = self.take(path)
        if found is None or found == "":
            return []
        items = found if isinstance(found, list) else [found]
        under = f"{self._under}{path}[]."
        kept = [Record(i, self.evidence, self._source, self._issues, under=under) for i in items if isinstance(i, dict)]
        if not isinstance(found, list) or len(kept) != len(items):
            field = self._under + path
            self.warn(f"{field} is no list of fields and values: {str(found)[:80]}", kind="not-items", field=field)
        return kept

    def entries(self, path: str) -> list[tuple[str, Record]]:
        """Take a mapping whose keys are values: each key with its record, as ``items`` gives those of a list."""
        found = self.take(path)
        if not isinstance(found, dict):
            self.items(path)
            return []
        under = f"{self._under}{path}[]."
        kept = {key: item for key, item in found.items() if isinstance(item, dict)}
        if len(kept) != len(found):
            self.warn(f"{self._under}{path} holds what is no fields and values", kind="not-items", field=path)
        return [
            (str(key), Record(item, self.evidence, self._source, self._issues, under=under))
            for key, item in kept.items()
        ]

    def lookup(self, path: str, table: str | None = None) -> str | None:
        """Take a text of a categorical field and give what ``[lookups.<table>]`` says it means.

        The table is named as the field unless told (``links[].type`` for what stands in an item of a list). None where
        the field is empty, and where the value is not listed: an issue of kind ``unknown-value``.
        """
        found = self.text(path)
        return None if found is None else self.meaning(path, found, table)

    def meaning(self, path: str, text: str, table: str | None = None) -> str | None:
        """Give what the lookup table of a categorical field says that a text means; None and an issue as ``lookup``."""
        field = self._under + path
        known = self._source.lookups.get(table or field, {})
        if text not in known:
            where = f"[lookups.{table or field}] of {self._source.definition.name}"
            self.warn(
                f"{field} is {text!r}, which {where} does not list", kind="unknown-value", field=field, value=text
            )
        return known.get(text)

    def warn(self, message: str, *, kind: str = "record", **context: object) -> None:
        """Keep an issue that stands at this record."""
        self._issues.warn(message, locator=self.evidence.locator, kind=kind, **context)

    def ignore(self, field: str, count: int = 1) -> None:
        """Count values that the loader read and leaves out under a name of ``[ignore]``."""
        if count:
            self._issues.ignore(field, count)

    def close(self) -> None:
        """Account for every value that was not taken."""
        for below, value in _leaves(self.values, "", self._read):
            path = self._under + below
            if path in self._source.ignore:
                self._issues.ignore(path)
            else:
                self.warn(
                    f"the field {path} is neither mapped nor ignored; map it, or name it in [ignore] of "
                    f"{self._source.definition.name}",
                    kind="unknown-field",
                    field=path,
                    value=str(value)[:80],
                )


def _leaves(value: Any, path: str, read: set[str]) -> Iterator[tuple[str, Any]]:
    """Give each value that is not empty and stands under no path that was read, with its path."""
    if path in read:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key), read)
    elif isinstance(value, list):
        for item in value:
            below = isinstance(item, Mapping | list)
            yield from _leaves(item, f"{path}[]" if below else path, read)
    elif value is not None and value != "":
        yield path, value
