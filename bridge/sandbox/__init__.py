"""A PostHog organization to practise on: a WSGI application that answers as PostHog does, and no nicer.

It is the other side, so it imports nothing of ours: only the standard library, Flask and Werkzeug. `world` holds the
state and its rules, `app` speaks HTTP, `people` makes the organization that `run` practises on. Known liberties: a
request is answered by one process, so PostHog's races show only when two requests really overlap.
"""

from bridge.sandbox.app import create_app
from bridge.sandbox.people import ORGANIZATION_ID, default_world, practice_world
from bridge.sandbox.records import ADMIN, MEMBER, OWNER
from bridge.sandbox.world import InviteRefused, Login, World

__all__ = [
    "ADMIN",
    "MEMBER",
    "ORGANIZATION_ID",
    "OWNER",
    "InviteRefused",
    "Login",
    "World",
    "create_app",
    "default_world",
    "practice_world",
]
