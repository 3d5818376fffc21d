"""PostHog over HTTP. Its quirks live and end here: level numbers, pages, error texts.

May import: `ports`, `core`, `remotes.http`.
"""

from bridge.remotes.posthog.target import PostHogTarget

__all__ = ["PostHogTarget"]
