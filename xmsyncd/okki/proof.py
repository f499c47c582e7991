"""When a slice counts as read completely: the decision, without any I/O (step 1).

Paging by page number over a list that people edit loses entries: when one leaves the list, those behind it
move up, and the first of the next page is never shown. So a read is believed only for a reason with a name.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_PASSES: Final = 3
_MAX_STALE_PAGES: Final = 3


@dataclass(frozen=True, slots=True)
class PassSummary:
    """One pass over the pages of a slice."""

    first_total: int | None
    """The total on the first page that had entries (OKKI may hide it on a page beyond the end)."""
    last_total: int | None
    """The total on the last page that had entries."""
    distinct: int
    """Entries that differ in their id."""
    fingerprint: int
    """Equal for passes that saw the same ids, each with the same update time when first seen."""
    entered: int = 0
    """Entries of an unfiltered list that were not there when the read was begun."""


class ProofDecision(StrEnum):
    """What follows from the passes so far."""

    PROVEN_TOTALS = "proven_totals"
    """The last pass: its first total, its last total and its distinct ids agree."""
    PROVEN_UNION = "proven_union"
    """All passes together saw as many ids as there ever were."""
    PROVEN_PASSES = "proven_passes"
    """The last two passes saw the same."""
    PROVEN_DEPARTURES = "proven_departures"
    """What is listed now was seen, and what is missing from it was seen to have left for the next window."""
    READ_AGAIN = "read_again"
    HALVE = "halve"
    UNPROVEN = "unproven"
    """Not proven, and too small or too often halved to go on; only the reader says this."""

    @property
    def is_proven(self) -> bool:
        """Whether the slice is complete."""
        return self in (
            self.PROVEN_TOTALS,
            self.PROVEN_UNION,
            self.PROVEN_PASSES,
            self.PROVEN_DEPARTURES,
        )


def decide_proof(passes: Sequence[PassSummary], union: int) -> ProofDecision:
    """Judge a slice after each pass; ``union`` counts the distinct ids of all its passes.

    Why each reason holds, for an item that was listed when the slice was first asked for and is not edited
    since (an edited one is the next window's):

    - A window with a frozen end gains nothing: an edit takes an item out of it. So a pass sees only what was
      listed when it began, and if it sees as many as that, it saw all. An unfiltered list loses nothing (an
      edit only moves an item) but by deletion, and what entered it is counted: one that came would make room
      in the count for one that went and one that was never seen.
    - By the same token the set at the first page of the first pass has ``first_total`` members (an
      unfiltered one at the end: ``last_total``), and the union of all passes lies within it.
    - A pass that saw more ids than its totals admit shows that they lie; then they prove nothing here.
    - Where totals lie, hide or are missing: an item is skipped only because one that was already seen leaves
      or moves, and that one was edited. The next pass then misses it or sees it with another update time.
    """
    last = passes[-1]
    first_total, last_total = passes[0].first_total, last.last_total
    is_countable = not any(_totals_lie(one) or one.entered for one in passes)
    if first_total is not None and last_total is not None and is_countable:
        if last.first_total == last_total == last.distinct:
            return ProofDecision.PROVEN_TOTALS
        if union == max(first_total, last_total):
            return ProofDecision.PROVEN_UNION
    if len(passes) > 1 and (last.distinct, last.fingerprint) == (passes[-2].distinct, passes[-2].fingerprint):
        return ProofDecision.PROVEN_PASSES
    return ProofDecision.READ_AGAIN if len(passes) < MAX_PASSES else ProofDecision.HALVE


def is_explained_by_departures(
    union: Set[int], departed: Set[int], *, first_total: int, total_now: int
) -> bool:
    """Whether all that is still in a frozen window has been seen, by the ids that have left it.

    ``union`` are the ids seen in the window, ``departed`` those that the next window shows, ``total_now`` how
    many the window has at that moment. Nothing enters a frozen window, so what was seen and has not departed
    is still in it; if that is as many as it has, it is all of it. What departed is the next window's.

    A product that is deleted meanwhile is in neither window, and would make room in the count for one that
    was never seen. So what was missed of ``first_total`` must be found among what departed, too.
    """
    missed = first_total - len(union)
    return len(union - departed) == total_now and missed <= len(departed - union)


def _totals_lie(one: PassSummary) -> bool:
    known = [total for total in (one.first_total, one.last_total) if total is not None]
    return bool(known) and one.distinct > max(known)


def is_last_page(*, on_page: int, largest_page: int, stale: int, distinct: int, total: int | None) -> bool:
    """Whether a forward pass ends with the page just read.

    ``largest_page`` is that of this pass, this page included; ``stale`` counts the pages in a row, up to this
    one, that brought no id new to this pass; ``distinct`` the ids seen so far.

    OKKI may silently show fewer entries than asked for, and its total may count the page alone, so a page is
    short only against a larger one, never against what was asked. That costs the shortest lists one request.
    Beyond the end OKKI shows an empty page, or perhaps the last one again; but a mass edit, too, can push
    pages that were seen in front of those to come, so a total that promises more is given the benefit of
    some pages.
    """
    if on_page == 0:
        return True
    promised = total is not None and distinct < total
    if stale:
        return stale >= _MAX_STALE_PAGES or not promised
    return on_page < largest_page and not promised
