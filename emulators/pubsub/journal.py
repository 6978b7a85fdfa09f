"""Write changes to SQLite in the order given, several callers' changes in one commit."""

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

Change = tuple[str, tuple[object, ...]]


class Journal:
    """Groups changes: while one commit is being written, all that arrive meanwhile become the next.

    One thread writes, so the event loop never waits for the disk and changes keep their order.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pubsub-journal")
        self._waiting: list[tuple[Sequence[Change], asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    def write(self, changes: Sequence[Change]) -> "asyncio.Future[None]":
        """The future is done once the changes are committed, all or none; it raises what SQLite raised.

        A caller need not await it; a failure is then reported by asyncio's exception handler.
        """
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((changes, committed))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_until_empty())
        return committed

    async def close(self) -> None:
        """Wait for what was given so far, then end the thread. The connection stays open."""
        if self._writer is not None:
            await self._writer
        self._thread.shutdown()

    async def _write_until_empty(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            changes = [change for changes, _ in group for change in changes]
            try:
                await loop.run_in_executor(self._thread, self._commit, changes)
            except sqlite3.Error as error:
                for _, committed in group:
                    if not committed.done():
                        committed.set_exception(error)
            else:
                for _, committed in group:
                    if not committed.done():
                        committed.set_result(None)
        self._writer = None

    def _commit(self, changes: list[Change]) -> None:
        with self._database:  # commits, or rolls back when something raises
            self._database.execute("BEGIN")
            for statement, run in groupby(changes, key=lambda change: change[0]):
                self._database.executemany(statement, [values for _, values in run])
