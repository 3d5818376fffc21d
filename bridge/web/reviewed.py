"""The access review as the page shows it: what there is to review now, the reviews that were kept, and each of them.

What there is now takes every member to say, so it is read anew now and then only. May import: `reviewing`,
`review_sheet`, `store`, `ports`, `core`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from bridge import review_sheet, reviewing
from bridge.core.reviewed import PRESSING
from bridge.core.wording import counted
from bridge.ports import Bridge
from bridge.review_sheet import Sheet
from bridge.store import reviews
from bridge.store.db import Tx
from bridge.store.reviews import KeptLine, Review
from bridge.web.covered import REST

MOST_LINES = 150
"""Lines of one target, or of one review, on a page; the command line has the rest."""
MOST_REVIEWS = 20


def gathered(lines: Sequence[KeptLine]) -> list[list[KeptLine]]:
    """The lines in order, those that follow each other and differ in nothing but whom they are about put together."""
    return [list(same) for _, same in groupby(lines, key=_all_but_who)]


def _all_but_who(kept: KeptLine) -> tuple[object, ...]:
    line = kept.line
    return line.kind, line.level, line.findings, line.case_id, kept.is_asked, review_sheet.decision(kept)


@dataclass(frozen=True, kw_only=True)
class OfTarget:
    """One target's part of the page."""

    sheet: Sheet
    open_review: Review | None
    """The review that was started and has not ended."""


class Reader:
    """Keeps what was read last. Threads may use it at once: the worst is that two of them read."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._kept: Mapping[str, OfTarget] = {}
        self._good_until = 0.0

    def read(self, tx: Tx) -> Mapping[str, OfTarget]:
        """By target; those that were never looked at are left out."""
        began = time.monotonic()
        if began >= self._good_until:
            found = {}
            for name in self._bridge.targets:
                current = reviewing.current(self._bridge, tx, name)
                if current is not None:
                    sheet = review_sheet.of_current(current)
                    found[name] = OfTarget(sheet=sheet, open_review=reviews.open_of(tx, name))
            self._kept = found
            ended = time.monotonic()
            self._good_until = ended + REST * (ended - began)
        return self._kept


def current(bridge: Bridge, reader: Reader) -> dict[str, Any]:
    """What there is to review at every target now, and the reviews that were started."""
    now = bridge.clock.now()
    with bridge.db.read() as tx:
        found = reader.read(tx)
        kept = reviews.all_of(tx, limit=MOST_REVIEWS)
        progress = reviews.progress(tx, [r.id for r in kept])
    pressing = sum(each.sheet.pressing for each in found.values())
    lines = sum(len(each.sheet.found) for each in found.values())
    return {
        "targets": found,
        "unseen": [name for name in bridge.targets if name not in found],
        "kept": [(review, *progress.get(review.id, (0, 0))) for review in kept],
        "pressing": pressing,
        "said": f"{counted(lines, 'line')} to review, {pressing} of them pressing.",
        **_shared(now),
    }


def one(bridge: Bridge, review_id: int) -> dict[str, Any] | None:
    """One review that was started; `None` when there is none of that number."""
    now = bridge.clock.now()
    with bridge.db.read() as tx:
        found = reviews.find(tx, review_id)
        if found is None:
            return None
        sheet = review_sheet.of_review(tx, found)
    said = f"{sheet.title}: {sheet.undecided} to decide."
    return {"sheet": sheet, "review": found, "said": said, **_shared(now)}


def _shared(now: datetime) -> dict[str, Any]:
    return {"now": now, "most": MOST_LINES, "words": review_sheet, "pressing_codes": PRESSING, "gathered": gathered}
