"""What was measured, how it is shown, and the error for what could not be."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class NotMeasured(Exception):
    """A part that could not be measured; one sentence that says why, and how to get what is missing."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that was measured: for each quantity the value of every run. `note` says what a reader must know."""

    part: str
    what: str
    values: Mapping[str, Sequence[float]]
    """By unit, such as `/s` or `p99 ms`."""
    note: str = ""

    def shown(self) -> str:
        """The row as text: medians, and in brackets the lowest and the highest run."""
        cells = [_cell(unit, values) for unit, values in self.values.items()]
        return f"  {self.what:<46} {'   '.join(cells)}" + (f"   {self.note}" if self.note else "")

    def as_json(self) -> dict[str, Any]:
        """The row with medians and all runs."""
        quantities = {
            unit: {"median": round(statistics.median(values), 3), "runs": [round(v, 3) for v in values]}
            for unit, values in self.values.items()
        }
        return {"part": self.part, "what": self.what, "note": self.note, "figures": quantities}


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ours to theirs, run by run: neighbours in time, so that what else the machine did cancels out."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _cell(unit: str, values: Sequence[float]) -> str:
    median = _number(statistics.median(values))
    spread = f" ({_number(min(values))} to {_number(max(values))})" if len(values) > 1 else ""
    return f"{median} {unit}{spread}"


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
