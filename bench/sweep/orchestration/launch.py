"""The launch of a cell: the request, what the machine is told about itself and may cost, and the runs already made.

Those are in the store: the series of the cells, by the tag of their leases, and the runs of each series.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

from bench import variables
from bench.billing import given_price
from bench.errors import BenchError, StoreError
from bench.recipes import find
from bench.record.documents import LEASE_TAG, LeaseOpened, Price, Run, utc_now
from bench.store import LEASES, RUNS, Store, read_each
from bench.sweep.orchestration.state import CellState
from bench.sweep.provisioning import Instance, LaunchRequest
from bench.sweep.spec import SWEEP_TAG, Cell, Sweep
from bench.sweep.task_file import envs_of, task_of

# General variables in a sweep's file -> the specific ones set here, which would override them on the machine.
_OUTRANKED = {"AWS_ENDPOINT_URL": "AWS_ENDPOINT_URL_S3", "AWS_REGION": "AWS_DEFAULT_REGION"}


def launch_request(
    sweep: Sweep,
    state: CellState,
    store: str,
    labels: Mapping[str, str],
    records: Path | None,
    deadline: datetime | None = None,
    made: Collection[int] = (),
) -> LaunchRequest:
    """The launch request for `state`'s cell. `store` is s3://…, or empty: the records stay on the machine.

    `labels` are those of the sweep's machines; at `deadline` the machine ends its job by itself, even if the sweep is
    gone, unless the sweep's file says otherwise.

    `records` is a folder of earlier records to copy to the machine, `made` the indices of the runs of a task that are
    not repeated. Raises StoreError if the machine would have no credentials for the store.
    """
    settings, secrets = _access(store) if store else ({}, {})
    for general, name in _OUTRANKED.items():
        if general in sweep.envs:
            settings.pop(name, None)
    program = sweep.program_words(sweep.runs, made, deadline)
    what = {} if program else {variables.RECIPES.name: " ".join(sweep.recipes), variables.RUNS.name: str(sweep.runs)}
    envs = {
        **settings,
        **({variables.DEADLINE.name: str(ceil(deadline.timestamp()))} if deadline else {}),
        **sweep.envs,
        **what,
        variables.STORE.name: store,
        variables.LEASE_ID.name: state.lease_id,
        variables.SERIES_ID.name: state.series or state.lease_id,
        variables.LEASE_TAGS.name: f"{SWEEP_TAG}={state.cell.tag}",
    }
    if state.attempt > 1:
        envs[variables.LEASE_ATTEMPT.name] = str(state.attempt)
    return LaunchRequest(
        cluster=state.cell.cluster,
        task=state.cell.task,
        cloud=state.cell.cloud,
        spot=state.cell.spot,
        lease_id=state.lease_id,
        envs=envs,
        secrets=secrets,
        records=records,
        accelerators=str(state.cell.accelerators) if state.cell.accelerators else None,
        labels=labels,
        program=program,
    )


def _access(store: str) -> tuple[dict[str, str], dict[str, str]]:
    """The settings and secrets with which a machine writes to `store`. Raises StoreError if there are none."""
    from bench.store import s3_client  # boto3 is only needed for a bucket

    return s3_client.store_settings(store), s3_client.store_credentials(store)


def given_price_of(sweep: Sweep, cell: Cell) -> Price | None:
    """The price per hour given by the sweep or the task file, if any. Raises UsageError for an invalid one."""
    given = envs_of(cell, sweep.envs)
    amount = variables.PRICE_PER_HOUR.read(given)
    if amount is None:
        return None
    return given_price(amount, variables.CURRENCY.read(given) or "USD", "Dynamic" if cell.spot else "Standard")


def machine_environment(instance: Instance, given: Price | None, started: datetime | None) -> dict[str, str]:
    """What SkyPilot knows about the machine but does not tell it, as variables; a `given` price overrides its own."""
    values: dict[variables.Variable[Any], str] = {variables.SPOT: "1"} if instance.spot else {}
    if price := instance.price:
        # Without a given price the type would be looked up in the price book, which is not complete.
        if not given:
            values |= {variables.PRICE_PER_HOUR: f"{price.amount:f}", variables.PRICE_SOURCE: price.source}
            values[variables.CURRENCY] = price.currency
        if instance.instance_type:
            values[variables.INSTANCE] = f"{instance.provider}:{instance.instance_type}"
    if instance.accelerators:
        values[variables.ACCELERATORS] = str(instance.accelerators)
    if instance.resource_id:
        values[variables.RESOURCE_ID] = instance.resource_id
    if started:
        values[variables.LEASE_STARTED] = started.isoformat()
    return {variable.name: value for variable, value in values.items()}


def refuse_expensive(sweep: Sweep, cell: Cell, instance: Instance) -> None:
    """Raise BenchError for a machine that costs more than the max_hourly_cost of its task file.

    On Google, SkyPilot compares it with the price of the machine without its GPU.
    """
    requests = task_of(cell, sweep.envs, sweep.recipes).requests
    fitting = [each.at_most for each in requests if each.provider in (None, instance.provider)]
    caps = [cap for cap in fitting if cap is not None]
    if instance.price is None or not caps or len(caps) < len(fitting):
        return
    if instance.price.amount > max(caps):
        raise BenchError(
            f"{instance.provider} rented it at {instance.price.amount} USD/h, and max_hourly_cost of {cell.task} is "
            f"{max(caps)}; it is given back"
        )


_DAY, _MOST_DAYS = timedelta(days=1), 31  # listed one by one


def series_by_cell(cells: Iterable[Cell], store: Store) -> dict[Cell, str | None]:
    """The series of each cell's runs, which has the id of the cell's first launch. None: it had none yet.

    Leases that cannot be trusted are skipped.
    """
    tagged = {cell.tag: cell for cell in cells}
    first: dict[Cell, LeaseOpened] = {}
    keys = [key for key in keys_of(store, LEASES) if key.endswith("/opened.json")]
    for lease in read_each(store, keys):
        if isinstance(lease, LeaseOpened) and (cell := tagged.get(lease.tags.get(SWEEP_TAG, ""))):
            first[cell] = min(first.get(cell, lease), lease, key=lambda lease: lease.started)
    return {
        cell: first[cell].tags.get(LEASE_TAG, first[cell].id) if cell in first else None for cell in tagged.values()
    }


class RunIndex:
    """The runs in a store by their series. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._runs: dict[str, list[Run]] = {}
        self._refreshed = 0.0
        self._since = self._last = utc_now()

    def reach_back(self, to: datetime) -> None:
        """Also look for runs since then: a machine may have made some that arrive only now."""
        with self._lock:
            self._since = min(self._since, to)

    def refresh(self, max_age: float = 0.0) -> None:
        """Read what has arrived: everything the first time, then what was made since the beginning. Raises StoreError.

        Nothing is read if the last time is at most `max_age` seconds ago; otherwise, with a `max_age`, only what was
        made since then. A host may have slept for days in between.
        """
        with self._lock:
            if max_age and time.monotonic() - self._refreshed <= max_age:
                return
            now = utc_now()
            prefixes = _days(min(self._last, now) if max_age else self._since, now) if self._seen else [RUNS]
            keys = [key for prefix in prefixes for key in keys_of(self._store, prefix) if key not in self._seen]
            for run in read_each(self._store, keys) if keys else ():
                if isinstance(run, Run):
                    self._runs.setdefault(run.series.id, []).append(run)
            self._seen.update(keys)
            self._refreshed, self._last = time.monotonic(), now

    def runs(self, series: str | None) -> list[Run]:
        """The runs of a series that have been read."""
        with self._lock:
            return list(self._runs.get(series, ())) if series else []

    def all_runs(self) -> list[Run]:
        """Every run that has been read."""
        with self._lock:
            return [run for runs in self._runs.values() for run in runs]

    def knows(self, key: str) -> bool:
        """Whether the run under `key` has been read."""
        with self._lock:
            return key in self._seen


def _days(since: datetime, now: datetime) -> list[str]:
    """The prefixes of runs made between the two, by clocks up to a day apart; for over a month, that of all runs."""
    first, last = (since - _DAY).date(), (now + _DAY).date()
    days = [first + each * _DAY for each in range((last - first).days + 1)]
    return [f"{RUNS}{day:%Y/%m/%d}/" for day in days] if len(days) <= _MOST_DAYS else [RUNS]


def finished_runs(sweep: Sweep, cell: Cell, runs: Iterable[Run]) -> set[tuple[str, int]]:
    """Recipe and seed of the runs that need not be repeated: those that `bench run --resume` would leave out.

    A recipe whose source has changed counts as another one, as does a program whose task file has. The sources in an
    image, or on a machine where bench is installed, cannot be seen from here.
    """
    over = [run for run in runs if run.status != "interrupted" and run.seed < sweep.runs]
    if task := sweep.task_sha256:
        return {(run.label, run.seed) for run in over if run.program and run.program.task_sha256 == task}
    sources = {name: find(name).source_sha256() for name in sweep.recipes}
    made = [(run.recipe, run.seed) for run in over if run.recipe and run.recipe.name in sources]
    ours = {(recipe.name, seed) for recipe, seed in made if recipe.source == sources[recipe.name]}
    every = {(recipe.name, seed) for recipe, seed in made}
    return every if every != ours and _has_own_recipes(cell, sweep) else ours


def _has_own_recipes(cell: Cell, sweep: Sweep) -> bool:
    """Whether the machine runs a `bench` of its own."""
    given = envs_of(cell, sweep.envs)
    return variables.IMAGE.read(given) is not None or variables.RUNTIME.read(given) == "installed"


def keys_of(store: Store, prefix: str) -> list[str]:
    """The keys of a store; none if nothing was stored yet."""
    try:
        return list(store.keys(prefix))
    except StoreError:
        store.check_writable()  # an unreachable store is not an empty one
        return []
