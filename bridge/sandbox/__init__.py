"""A PostHog organization to practise on: a WSGI application that answers as PostHog does, and no nicer.

It is the other side, so it imports nothing of ours: only the standard library, Flask and Werkzeug. `records` are the
rows, `tables` keeps them, `arranging` and `world` are what may be done to them, `journal` writes the activity log; `app`
speaks HTTP with a file for each part of the API, behind `gate`; `doors` are the sandbox's own; `people` and `furniture`
make the organization that `run` practises on. What it plays and what it does not is in `docs/sandbox.md`. Known liberty:
one process answers, so PostHog's races show only when two requests really overlap, or are staged with `interrupt`.
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
