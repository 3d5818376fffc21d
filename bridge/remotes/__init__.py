"""The code that calls others over HTTP; nothing else may import httpx.

May import: `ports`, `core`.
"""
