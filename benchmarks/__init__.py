"""What the README's numbers come from: `python3 -m bridge bench`. Loopback only, in a folder that is removed at the end.

Linux only (`/proc`, CPU affinity). May import: everything of `bridge`; nothing of `bridge` imports it.
"""
