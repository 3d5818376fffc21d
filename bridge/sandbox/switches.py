"""How this PostHog behaves: its version, its plan's absence of throttles, its delays. Each may be switched at any time.

May import: the standard library.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any


@dataclass(kw_only=True, eq=False, repr=False)
class Switches:
    """The behaviours that differ between Cloud, self-hosted and older versions. The defaults are Cloud's in 2026."""

    is_throttling: bool = True
    """Whether requests are counted: on Cloud yes, on self-hosted instances no unless it is set."""
    sends_retry_after: bool = True
    """Whether a 429 has the header `Retry-After`: PostHog's error handler may lose it."""
    counts_all_keys_together: bool = False
    """Whether all keys share one budget: the documentation says so, the source says each has its own."""
    is_cloud: bool = True
    """Self-hosted instances have no plan that the activity log could be missing from."""
    has_users_with_access: bool = True
    """Older versions have no `users_with_access`: 404 "Endpoint not found."."""
    has_advanced_activity_logs: bool = True
    """Older versions have no `advanced_activity_logs`: 404 "Endpoint not found."."""
    opens_activity_to_keys: bool = True
    """In 2025 the advanced activity logs were closed to personal API keys: 403."""
    answers_otherwise: bool = False
    """Where two answers are thought possible, the other one: 405 for a method that a path lacks, 404 for a lookup that is
    no UUID, the model's name in a 404, the envelope for a search that is too long, the newest words of 402."""
    activity_delay_seconds: float = 1.0
    """How long after a change its row in the activity log can be read."""

    @property
    def activity_delay(self) -> timedelta:
        """The same as an amount of time."""
        return timedelta(seconds=self.activity_delay_seconds)

    def switches(self) -> dict[str, Any]:
        """All switches by name."""
        return {f.name: getattr(self, f.name) for f in fields(Switches)}

    def switch(self, name: str, value: Any) -> None:
        """Switch one.

        Raises: ValueError for an unknown name or a value of another kind.
        """
        known = self.switches()
        if name not in known:
            raise ValueError(f"Nothing was switched: there is no {name}. There are: {', '.join(known)}.")
        is_amount = isinstance(known[name], float)
        if not isinstance(value, int | float if is_amount else bool) or (is_amount and isinstance(value, bool)):
            wanted = "a number of seconds" if is_amount else "true or false"
            raise ValueError(f"Nothing was switched: {name} is {wanted}, not {value!r}.")
        setattr(self, name, float(value) if is_amount else value)
