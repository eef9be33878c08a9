"""How alike two names are: forms of a name, and laws that say what a difference is worth.

Pure functions of text; ``plain_name`` of ``kg.keys`` folds case, accents, punctuation and legal forms. The laws:

1. A name is compared as a whole, without what stands in brackets, and as that alone: "X (Y)" may be called X or Y.
   Each step away from the whole costs, on either side.
2. Equal words in order are worth most, then equal letters (spaces moved), equal words in another order, and equal words
   without the general ones at the end ("Foundation", "Project").
3. A slip of the pen changes one letter in six or more, two in eight or more; never the first, never a figure (a version
   or a size is another thing), and never one known word into another.
4. What only shares words is a candidate, and never a match.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from rapidfuzz.distance import OSA

from kg.keys import plain_name

# What a landscape writes behind the name of a member.
_ROLE = re.compile(r"\s*\((?:member|hosting|supporter)\)", re.IGNORECASE)
_BRACKETED = re.compile(r"\(([^()]*)\)")
_FIGURE = re.compile(r"\d+")
# Words at the end of a name that are often left out, and say more of the kind of a thing than of which one it is.
_GENERAL = frozenset(
    {
        *("foundation", "initiative", "project", "proposal", "working", "group"),
        *("lab", "labs", "platforms", "software", "systems", "technologies", "technology"),
        *("aisbl", "association", "company", "holdings", "ev", "eingetragener", "verein"),
    }
)
# Who says "Mistral" means "Mistral AI"; who says "Google AI" means more than Google.
_LEFT_OUT = frozenset({"ai"})
# The same for legal forms, as far as a slip in one can be told.
_LEGAL = frozenset({"company", "corp", "corporation", "gmbh", "inc", "incorporated", "limited", "llc", "ltd"})
_SHORTEST_SLIP, _SHORTEST_TWO_SLIPS = 6, 8


class Part(IntEnum):
    """Which part of a name a form is; the number is the steps away from the whole."""

    WHOLE = 0
    OUTSIDE = 1  # without brackets
    INSIDE = 2  # what stands in brackets


@dataclass(frozen=True, slots=True)
class Form:
    """One way to say a name: its words in order, folded."""

    words: tuple[str, ...]
    part: Part = Part.WHOLE

    @property
    def spelled(self) -> str:
        """The words with a space between them."""
        return " ".join(self.words)

    @property
    def joined(self) -> str:
        """The letters alone."""
        return "".join(self.words)

    @property
    def ordered(self) -> str:
        """The words in order of the alphabet."""
        return " ".join(sorted(self.words))

    @property
    def core(self) -> str:
        """The letters without general words at the end; one word always stays."""
        return self._without(_GENERAL)

    @property
    def shortened(self) -> str:
        """The letters without what people leave out of a name, and would not add to one."""
        return self._without(_GENERAL | _LEFT_OUT)

    def _without(self, words: frozenset[str]) -> str:
        end = len(self.words)
        while end > 1 and self.words[end - 1] in words:
            end -= 1
        return "".join(self.words[:end])


def forms(name: str) -> tuple[Form, ...]:
    """Give the forms of a name, the whole first, no two with the same words; none where it has no letter or figure.

    >>> [(form.spelled, form.part.name) for form in forms("Visual Object Tagging Tool (VoTT) (member)")]
    [('visual object tagging tool vott', 'WHOLE'), ('visual object tagging tool', 'OUTSIDE'), ('vott', 'INSIDE')]
    """
    name = _ROLE.sub("", name).replace("_", " ")
    said = [(_BRACKETED.sub(r" \1 ", name), Part.WHOLE)]
    if "(" in name:
        said.append((_BRACKETED.sub(" ", name), Part.OUTSIDE))
        said += [(inside, Part.INSIDE) for inside in _BRACKETED.findall(name)]
    found: dict[tuple[str, ...], Form] = {}
    for text, part in said:
        words = tuple(plain_name(text).split())
        while len(words) > 2 and words[-2] + words[-1] in _LEGAL:  # "In.c" is a legal form that slipped
            words = words[:-2]
        if words:
            found.setdefault(words, Form(words, part))
    return tuple(found.values())


def without_slipped_end(form: Form, known: Callable[[str], bool]) -> Form | None:
    """Give a form without its last word where that is a general word or legal form with a slip; else None.

    >>> without_slipped_end(Form(("google", "llb")), lambda word: False)
    Form(words=('google',), part=<Part.WHOLE: 0>)
    """
    *words, last = form.words
    if not words or len(last) < 3 or last in _GENERAL or known(last):
        return None
    most = max(1, slips_allowed(last))
    near = any(OSA.distance(last, word, score_cutoff=most) <= most for word in _GENERAL | _LEGAL)
    return Form(tuple(words), form.part) if near else None


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a pair of forms is worth, out of 100, and why."""

    score: float
    why: str


_SAME, _JOINED, _ORDERED, _CORE, _SLIP = 100.0, 97.0, 95.0, 88.0, 90.0
_EACH_SLIP, _EACH_STEP = 4.0, 5.0
# From here on a candidate may be a match; what only shares words stays below.
SURE = 75.0
SHARED = 70.0


def likeness(query: Form, label: Form) -> Likeness | None:
    """Compare by what is equal; None where nothing is."""
    steps = _EACH_STEP * (query.part + label.part)
    if query.words == label.words:
        return Likeness(_SAME - steps, "same name" if not steps else "same name but for brackets")
    if query.joined == label.joined:
        return Likeness(_JOINED - steps, "same letters, other spaces")
    if query.ordered == label.ordered:
        return Likeness(_ORDERED - steps, "same words in another order")
    if query.core in (label.joined, label.core, label.shortened) or query.joined == label.shortened:
        return Likeness(_CORE - steps, "same name but for a general word")
    return None


def slips_allowed(letters: str) -> int:
    """Give how many letters of a name may be wrong: none in a short one, whose neighbours are names themselves."""
    return 0 if len(letters) < _SHORTEST_SLIP else 1 if len(letters) < _SHORTEST_TWO_SLIPS else 2


def slip(query: Form, label: Form, known: Callable[[str], bool]) -> Likeness | None:
    """Compare as the same name with slips of the pen; None where that is no likely reading.

    ``known`` tells whether a word stands in several names: then it is meant as it is written.
    """
    most = slips_allowed(query.joined)
    count = OSA.distance(query.joined, label.joined, score_cutoff=most)
    if not 0 < count <= most or query.joined[0] != label.joined[0]:
        return None
    if _FIGURE.findall(query.spelled) != _FIGURE.findall(label.spelled):
        return None
    if len(query.words) == len(label.words):
        changed = [(mine, theirs) for mine, theirs in zip(query.words, label.words, strict=True) if mine != theirs]
        if any(len(mine) > 3 and known(mine) and known(theirs) for mine, theirs in changed):
            return None
    steps = _EACH_STEP * (query.part + label.part)
    letters = "one letter" if count == 1 else "two letters"
    return Likeness(_SLIP - _EACH_SLIP * count - steps, f"same name but for {letters}")
