"""Answers of the public queries found a second way: from the files of the sources, by plain Python.

No loader, no resolution and no store of ours takes part. ``ANSWERS`` gives, by query, the function that finds its
answer over the shared data; a full pin (``queries/*/*.full.csv``) holds what that gives, and never the program's own
word. So a pin that the release misses is a fault of the release, or of this package. ``python -m tests.second_way``
writes the pins.

What the raw files cannot say is said in the open:

- ``*`` stands for an IRI that is minted from a key, and for what depends on merging 40,000 organizations; things that
  the ledger of IRIs names have their IRI.
- What is one project, ``projects.one_thing`` decides: equal names or addresses, never two that one list names apart.
- What is one organization, its plain name decides, without the legal form, and the host of its page.
- Tables in capitals hold what a reader of the files knows and the files do not say: a name in another source, a part of
  a firm whose page is the firm's. Which items of one landscape are funds is our judgement in its settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tests.second_way import disagreements, elsewhere, giving, hosting
from tests.second_way.projects import World
from tests.second_way.raw import Row

ANSWERS: Mapping[str, Callable[[World], Iterable[Row]]] = {
    "ai-projects-accepted-by-year": hosting.ai_projects_accepted_by_year,
    "cq04-umbrella-foundations": hosting.umbrella_foundations,
    "cq06-projects-by-governance": hosting.projects_by_governance,
    "cq07-stewards-ever": hosting.stewards_ever,
    "cq09-donations": hosting.donations,
    "cq10-events-in-a-period": hosting.events_of_a_month,
    "cq11-events-the-article-states": hosting.events_the_article_states,
    "cq23-graphs-loads-and-hashes": elsewhere.graphs_loads_and_hashes,
    "cq24-monthly-commits": giving.monthly_commits,
    "cq25-shares-before-and-after": giving.shares_before_and_after,
    "cq27-identifiers-elsewhere": elsewhere.identifiers_elsewhere,
    "disagreements": disagreements.disagreements,
    "disagreements-by-kind": disagreements.disagreements_by_kind,
    "members-that-give": giving.members_that_give,
    "models-judged-differently": elsewhere.models_judged_differently,
    "organizations-that-bridge-foundations": giving.organizations_that_bridge_foundations,
    "paths-through-foundations": hosting.paths_through_foundations,
    "who-gives-to-a-project": giving.who_gives_to_a_project,
}

__all__ = ["ANSWERS", "World"]
