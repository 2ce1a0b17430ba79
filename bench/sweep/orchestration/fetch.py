"""The records of one machine on their way into the store: from its jobs' logs, its folder and its spool."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from bench.errors import BenchError, StoreError
from bench.store import Collector, DamagedLine, RawRecord, Spool, Store, parse, read_log
from bench.sweep.orchestration.limited import Limited
from bench.sweep.provisioning.failure import error_line
from bench.text import plural

_KEY = re.compile(r"v1/runs/\d{4}/\d\d/\d\d/[0-9a-f-]{36}\.json")

Records = Iterable[RawRecord | DamagedLine]


class RecordFetcher:
    """Puts what a machine has made into `store`. What the store refuses in the end waits in this host's spool.

    `printed` are the keys of runs that the log has named, `notes` what a person should know.
    """

    def __init__(self, cluster: str, provisioner: Limited, store: Store) -> None:
        self.printed: set[str] = set()
        self.notes: list[str] = []
        self.log_was_read = False
        self._cluster, self._provisioner, self._store = cluster, provisioner, store
        self._collector = Collector(store)
        self._refused: dict[str, RawRecord] = {}
        self._spooled: set[str] = set()
        self._store_away = False

    @property
    def missing(self) -> set[str]:
        """The runs that the log has named and that are neither in the store nor in the spool."""
        return self.printed - self._collector.taken - self._spooled

    def follow(self, lines: Sequence[str]) -> None:
        """Store the records in the last lines of a job that goes on."""
        self.log_was_read = True
        self.printed.update(key for line in lines for key in _KEY.findall(line))
        self._put(read_log(f"{line}\n".encode() for line in lines), self._log)

    def fetch_log(self) -> None:
        """Store what all jobs have printed."""
        try:
            records = self._provisioner.printed(self._cluster)
        except Exception as error:  # SkyPilot and its clouds raise what they like
            self.notes.append(f"its log could not be read to the end: {error_line(error)}")
            return
        self.log_was_read = True
        self._put(records, self._log)

    def fetch_folder(self, retry: Callable[[Callable[[], Sequence[RawRecord]]], Sequence[RawRecord]]) -> bool:
        """Store what lies in the machine's folder, and in its spool; whether they could be read."""
        try:
            records = retry(lambda: self._provisioner.records(self._cluster))
        except Exception as error:
            self.notes.append(f"its records could not be collected: {error_line(error)}")
            return False
        self._put(records, f"{self._cluster}:bench-results")
        return True

    def finish(self) -> None:
        """Keep in the spool what the store did not take, and note what was damaged or in conflict."""
        for key, record in self._refused.items():
            try:
                Spool(self._store.locator).add(parse(record.raw, key, f"{self._cluster}: {key}"))
                self._spooled.add(key)
            except (OSError, BenchError) as error:
                self.notes.append(f"{key} is in no store: {error}")
        if self._spooled:
            kept = plural(len(self._spooled), "record")
            self.notes.append(f"{kept} wait in the spool of this host for {self._store.name}: bench store drain")
        elif not self._store_away:
            self.notes += map(str, self._collector.result().errors)

    @property
    def _log(self) -> str:
        return f"the log of {self._cluster}"

    def _put(self, records: Records, source: str) -> None:
        """A store that is away keeps nobody from going on: what it refuses is offered again, and spooled in the end."""
        records = list(records)
        keys = {record.key: record for record in records if isinstance(record, RawRecord)}
        try:
            self._collector.add(records, source)
        except StoreError as error:
            self._store_away = True
            self._refused |= {key: record for key, record in keys.items() if key not in self._collector.taken}
            self.notes = [*dict.fromkeys([*self.notes, str(error)])]
        else:
            self._store_away = False
            self._refused = {key: record for key, record in self._refused.items() if key not in keys}
