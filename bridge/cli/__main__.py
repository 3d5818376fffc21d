"""The command line without the set-up of `bridge.__main__`: what `run` starts its parts with."""

from __future__ import annotations

from bridge.cli import main

main()
