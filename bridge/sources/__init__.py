"""What identity providers send, turned into our words: one module or folder per source, strangers to each other.

May import: `ports`, `core`, the standard library. Nothing here opens a socket, a file or a database.
"""
