"""Redaction of everything that the relay sends, with the rules of `treetop export`."""

import asyncio
from collections.abc import Iterable
from threading import Lock

from store.transfer.redaction import Redactor


class SecretFilter:
    """Redacts JSON texts if enabled. Each secret keeps one replacement for the life of the server."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self._redactor = Redactor()
        self._lock = Lock()

    async def apply(self, texts: Iterable[bytes]) -> list[bytes]:
        """The texts without secrets. Runs in a thread because a long text takes a while."""
        if not self.enabled:
            return list(texts)
        return await asyncio.to_thread(self._redact, list(texts))

    async def apply_to(self, text: bytes) -> bytes:
        """One text without secrets."""
        return (await self.apply([text]))[0]

    def _redact(self, texts: list[bytes]) -> list[bytes]:
        with self._lock:
            return [self._redactor.body(text) for text in texts]
