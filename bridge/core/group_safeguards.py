"""When the bridge asks about one project or role that a group granted, instead of acting.

May import: `considered`, `plan`, `organization`, `events`, `wording`.
"""

from __future__ import annotations

from datetime import timedelta

from bridge.core.considered import Considered
from bridge.core.events import EventKind
from bridge.core.organization import Level
from bridge.core.plan import Hold, HoldCode
from bridge.core.wording import scope_words


def group_gone(c: Considered) -> Hold | None:
    """A group that is gone says nothing about its members: one question for all of them."""
    if c.case.kind is not EventKind.GROUP_GONE or not c.members:
        return None
    return Hold(
        code=HoldCode.GROUP_GONE,
        message=f"{c.case.source} deleted or unlinked the last group that granted {scope_words(c.case.scope)}. That "
        "says nothing about any one of its members.",
        remedy="Push the group again with the same people: then these cases end by themselves. Or let them keep it with "
        "`cancel --batch`.",
    )


def too_many_at_once(c: Considered) -> Hold | None:
    """Many who leave what grants the same at once: somebody emptied a group, perhaps by mistake."""
    if c.case.kind is not EventKind.LEFT_GROUP or c.case.released is not None or not c.members:
        return None
    what, facts = scope_words(c.case.scope), c.facts
    minutes = int(c.policy.window / timedelta(minutes=1))
    had_it = facts.scope_holders + facts.scope_leavers
    most = c.policy.most_removals(had_it)
    if facts.scope_leavers > most:
        message = (
            f"{facts.scope_leavers} of the {had_it} people with {what} left its groups within {minutes} minutes; "
            f"{most} go without approval."
        )
    elif facts.group_leavers > (most := c.policy.most_removals(len(c.organization.members))):
        message = (
            f"{facts.group_leavers} people left groups with projects or roles within {minutes} minutes, in an "
            f"organization of {len(c.organization.members)}; {most} go without approval."
        )
    else:
        return None
    return Hold(
        code=HoldCode.TOO_MANY,
        message=message,
        remedy="Look at the batch. If it was a mistake, put the people back into the group at the identity provider, and "
        "their cases end by themselves.",
    )


def not_supported(c: Considered) -> Hold | None:
    """One project or role cannot be taken away by the bridge yet; whoever is no member has none."""
    if c.case.is_whole or not c.members:
        return None
    who, what = c.members[0], scope_words(c.case.scope)
    is_project = c.case.scope.startswith("project:")
    if is_project and who.level is not Level.MEMBER:
        return Hold(
            code=HoldCode.NOT_SUPPORTED,
            message=f"{who.email} is to lose {what}, but is {who.level.word}, and PostHog gives those every project.",
            remedy="In PostHog, make the person a member first, or leave the access as it is; then cancel this case.",
            is_releasable=False,
        )
    where = "in the project's access control" if is_project else "in the organization's roles"
    return Hold(
        code=HoldCode.NOT_SUPPORTED,
        message=f"{who.email} is to lose {what} and nothing else; the bridge does not take single projects or roles "
        "away yet.",
        remedy=f"Take it away by hand in PostHog ({where}), then cancel this case with that as the reason.",
        is_releasable=False,
    )
