"""The parts of `run` that are programs of their own: how each is started, and without which secrets.

May import: `children`, `config`, `queue_server`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from bridge.children import execute
from bridge.config import SANDBOX, Settings, without_keys
from bridge.queue_server import QueueServer


class Programs:
    """Web, sandbox and sweep of one `run`. Each method starts one, with that end of its link, and gives its process id."""

    def __init__(self, settings: Settings, sockets: Mapping[str, socket.socket], queue: QueueServer | None) -> None:
        """`sockets`: where `web` and `sandbox` listen. `queue`: the embedded server, if there is one."""
        self._settings = settings
        self._sockets = sockets
        self._queue = queue

    def web(self, link: socket.socket) -> int:
        """What identity providers and administrators talk to."""
        listening = self._sockets["web"]
        arguments = [*self._chosen("web"), "--listen", str(listening.fileno())]
        return execute(arguments, self._environment(), link, sockets=(listening,))

    def sandbox(self, link: socket.socket) -> int:
        """PostHog's stand-in."""
        listening, data_dir = self._sockets["sandbox"], self._settings.data_dir
        state, key = data_dir / "sandbox.json", data_dir / "sandbox.key"
        arguments = ["sandbox-server", "--state", str(state), "--key-file", str(key)]
        arguments += ["--listen", str(listening.fileno())]
        return execute(arguments, self._environment(), link, sockets=(listening,))

    def sweep(self, link: socket.socket) -> int:
        """What rings for what is due."""
        return execute(self._chosen("sweep"), self._environment(), link)

    def _chosen(self, name: str) -> list[str]:
        config_file = self._settings.config_file
        chosen = ["--config", str(config_file)] if config_file else []
        return [name, *chosen, "--data", str(self._settings.data_dir)]

    def _environment(self) -> dict[str, str]:
        """Ours without the API keys, and with where queue and sandbox are."""
        environ = without_keys(self._settings, os.environ)
        if self._queue:
            environ["BRIDGE_QUEUE__URL"] = self._queue.url
        if self._settings.is_sandbox:
            environ["BRIDGE_TARGETS__SANDBOX__URL"] = self._settings.targets[SANDBOX].url
        return environ
