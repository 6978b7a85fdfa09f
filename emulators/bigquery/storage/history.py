"""The history of jobs and the results of queries that have no destination.

Results are kept 24 hours (https://cloud.google.com/bigquery/docs/cached-results), jobs 180 days
(https://cloud.google.com/bigquery/docs/managing-jobs#list_jobs).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from emulators import storage_full
from emulators.bigquery.storage import fragments
from emulators.bigquery.storage.catalog import Catalog

RESULTS_MS = 24 * 3600 * 1000
_JOBS_MS = 180 * 24 * 3600 * 1000
_PURGE_EVERY = 2_000
_SAVE = (
    "INSERT INTO jobs (project, location, id, state, created_ms, body, result, file, rows) VALUES (?,?,?,?,?,?,?,?,?)"
    " ON CONFLICT (project, id, location) DO UPDATE SET state = excluded.state, body = excluded.body,"
    " result = excluded.result, file = excluded.file, rows = excluded.rows"
)


class History:
    """Jobs by project, id and location."""

    def __init__(self, catalog: Catalog) -> None:
        self._database = catalog.database
        self._files = catalog.files
        self._clock_ms = catalog.clock_ms
        self._writes = 0
        self._purged = 0  # results of the jobs before this one are gone

    def save(self, body: dict[str, Any], result: pa.Table | None, also: Callable[[], None] | None = None) -> None:
        """Record a job as it is now; `also` is done in the same transaction, before it."""
        reference = body["jobReference"]
        data, file = None, None
        if result is not None:
            data = fragments.encode(result)
            if len(data) > fragments.INLINE_BYTES:
                file, data = fragments.write_file(self._files, data), None
        key = reference["projectId"], reference["location"], reference["jobId"]
        row = (*key, body["status"]["state"], int(body["statistics"]["creationTime"]), json.dumps(body), data, file,
               None if result is None else result.num_rows)  # fmt: skip
        try:
            if also is None:
                self._database.write(_SAVE, *row)
            else:
                with self._database.transaction() as db:
                    also()
                    db.execute(_SAVE, row)
        except BaseException:
            fragments.remove(self._files, [file])
            raise
        self._writes += 1
        if self._writes % _PURGE_EVERY == 0:
            self._purge_if_there_is_space()

    def find(self, project: str, id_: str, location: str | None) -> dict[str, Any] | None:
        """A job's resource. Without a location only the US and EU multi-regions are searched, as jobs.get does."""
        rows = self._database.rows("SELECT location, body FROM jobs WHERE project = ? AND id = ?", project, id_)
        for where, body in rows:
            if where.upper() == location.upper() if location else where.upper() in {"US", "EU"}:
                found: dict[str, Any] = json.loads(body)
                return found
        return None

    def locations(self, project: str, id_: str) -> list[str]:
        """Where there are jobs of an id."""
        rows = self._database.rows("SELECT location FROM jobs WHERE project = ? AND id = ?", project, id_)
        return [where for (where,) in rows]

    def exists(self, project: str, id_: str, location: str | None) -> bool:
        """Whether the id is used, in one location or, without one, in any."""
        return any(location in {None, where} for where in self.locations(project, id_))

    def result(self, project: str, id_: str, location: str) -> pa.Table | None:
        """The rows a query left; None when they have expired or there are none."""
        row = self._database.row(
            "SELECT result, file FROM jobs WHERE project = ? AND id = ? AND location = ?", project, id_, location
        )
        if row is None or (row[0] is None and row[1] is None):
            return None
        return fragments.read(self._files, row[0], row[1])

    def page(
        self, project: str, states: set[str], before: tuple[int, str] | None, limit: int, times: tuple[int, int],
        creator: str | None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Resources, newest first, after the job at `before` (its time and id); of one creator, or of all."""
        condition, args = "", list[Any]()
        if before is not None:
            condition = " AND (created_ms < ? OR (created_ms = ? AND id > ?))"
            args = [before[0], before[0], before[1]]
        if creator is not None:
            condition += " AND json_extract(body, '$.user_email') = ?"
            args.append(creator)
        marks = ",".join("?" * len(states))
        rows = self._database.rows(
            f"SELECT body FROM jobs WHERE project = ? AND state IN ({marks}) AND created_ms BETWEEN ? AND ?{condition}"
            " ORDER BY created_ms DESC, id LIMIT ?",
            project, *sorted(states), *times, *args, limit,
        )  # fmt: skip
        return [json.loads(b) for (b,) in rows]

    def delete(self, project: str, id_: str, location: str) -> None:
        """Forget a job."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM jobs WHERE project = ? AND id = ? AND location = ?", (project, id_, location))

    def unfinished(self) -> list[dict[str, Any]]:
        """Jobs that were running when the process ended."""
        return [json.loads(b) for (b,) in self._database.rows("SELECT body FROM jobs WHERE state <> 'DONE'")]

    def _purge_if_there_is_space(self) -> None:
        """The job is recorded already: a full disk must not fail it now, the next purge does the same."""
        try:
            self.purge()
        except sqlite3.Error as error:
            if not storage_full.is_full(error):
                raise

    def purge(self) -> None:
        """Drop what has expired. Jobs lie in the order they came, so only what has expired is looked at."""
        now = self._clock_ms()
        with self._database.transaction() as db:
            db.execute("DELETE FROM jobs WHERE seq < ? AND state = 'DONE'", (self._first_after(now - _JOBS_MS, 0),))
            end = self._first_after(now - RESULTS_MS, self._purged)
            expired = "seq >= ? AND seq < ?", (self._purged, end)
            files = db.execute(f"SELECT file FROM jobs WHERE {expired[0]} AND file IS NOT NULL", expired[1]).fetchall()
            db.execute(
                f"UPDATE jobs SET result = NULL, file = NULL WHERE {expired[0]} AND rows IS NOT NULL", expired[1]
            )
        self._purged = end
        for (name,) in files:
            (self._files / name).unlink(missing_ok=True)

    def _first_after(self, moment_ms: int, start: int) -> int:
        """The first job from `start` on that is younger, one past the last if none is."""
        row = self._database.row(
            "SELECT seq FROM jobs WHERE seq >= ? AND created_ms >= ? ORDER BY seq LIMIT 1", start, moment_ms
        )
        if row is None:
            row = self._database.row("SELECT COALESCE(MAX(seq), 0) + 1 FROM jobs")
        assert row is not None
        return int(row[0])
