"""Charges matched to leases, by tag or by resource.

A charge belongs to the lease that its tag `bench-lease` names, of several to the one on its resource; without a tag,
to the lease on its resource with which its charge period overlaps longest, or the nearest within an hour: providers
charge in whole hours or days.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from analysis.frames.leases import NEAR, Lease
from analysis.reconcile.export_file import ExportFile
from analysis.reconcile.formats import ChargeRow, Preview, Row, RowError
from analysis.reconcile.formats.identity import coarse_of, digest_of, place_of
from analysis.reconcile.overlap import Covered, Run, Spans, runs_that_count
from bench.record.documents import LEASE_TAG, BillSource, JoinedBy
from bench.text import plural

_FAR = datetime.max.replace(tzinfo=UTC)
_NO_PERIOD = ""


@dataclass(frozen=True)
class Matched:
    """A charge and its lease."""

    lease: Lease
    row: ChargeRow
    by: JoinedBy
    source: BillSource
    digest: int  # equal for the same charge in another file, and in no other period
    since: datetime | None  # from where on it is usage of at most a day
    exported: datetime  # when the file that holds it was made

    @property
    def kind(self) -> tuple[object, ...]:
        """What it charges, whenever and however much."""
        bill = self.lease.id, self.source, self.row.billing_period[0], self.row.currency
        return *bill, self.row.resource_id, self.row.category, self.row.description


@dataclass
class Portion(Covered):
    """What one file, for one billing period, has for the leases, and how many rows are of none."""

    matched: list[Matched] = field(default_factory=list)
    orphans: Counter[str] = field(default_factory=Counter)  # rows by the tag of a lease without a record
    out_of_period: int = 0  # rows of a lease's machine from another time
    unrelated: int = 0  # rows of nothing that bench rented
    errors: list[RowError] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)  # leases of which a row could not be read
    shared: set[str] = field(default_factory=set)  # leases whose time a row charges together with that of others
    skipped: Counter[str] = field(default_factory=Counter)  # rows that are no charges, by what they are
    sources: set[BillSource] = field(default_factory=set)
    reach: dict[str, datetime] = field(default_factory=dict)  # up to where each provider's usage is charged

    @property
    def exported(self) -> datetime:
        """When the file was made; now at the latest, or its bill would count over any correction for years."""
        return datetime.fromtimestamp(min(self.file.modified, datetime.now(UTC).timestamp()), UTC)

    def extend(self, preview: Preview) -> None:
        """See how far the charges go."""
        since, until = preview.since, preview.until
        if since is not None and (self.since is None or since < self.since):
            self.since = since
        if until is not None:
            if self.until is None or until > self.until:
                self.until = until
            known = self.reach.get(preview.provider)
            if known is None or until > known:
                self.reach[preview.provider] = until


@dataclass
class MatchResult:
    """The charges of each lease, and what has no lease."""

    leases: Mapping[str, Lease]
    portions: list[Portion] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    # The sums over the portions.
    matched: list[Matched] = field(default_factory=list)
    orphans: Counter[str] = field(default_factory=Counter)
    out_of_period: int = 0
    unrelated: int = 0
    errors: list[RowError] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    skipped: Counter[str] = field(default_factory=Counter)
    sources: set[BillSource] = field(default_factory=set)
    reach: dict[str, datetime] = field(default_factory=dict)

    @property
    def until(self) -> datetime | None:
        """Up to where usage was charged, by any provider."""
        return max(self.reach.values(), default=None)

    def until_of(self, provider: str) -> datetime | None:
        """Up to where this provider's usage was charged; charges that name no provider may be anybody's."""
        return max((self.reach[name] for name in (provider, "") if name in self.reach), default=None)


class LeaseIndex:
    """The leases by tag and by resource."""

    def __init__(self, leases: Mapping[str, Lease]) -> None:
        """The machines of one launch share a tag."""
        self.by_tag: dict[str, list[Lease]] = {}
        self.by_resource: dict[str, list[Lease]] = {}
        for lease in leases.values():
            self.by_tag.setdefault(lease.opened.tags.get(LEASE_TAG, lease.id), []).append(lease)
            if lease.opened.resource_id:
                self.by_resource.setdefault(lease.opened.resource_id.casefold(), []).append(lease)

    def candidates(self, preview: Preview) -> tuple[list[Lease], JoinedBy]:
        """The leases that a charge can be of, and why."""
        if preview.tag is not None:
            return self.by_tag.get(preview.tag, []), "tag"
        return self.by_resource.get((preview.resource_id or "").casefold(), []), "resource-id"


def match(files: Iterable[tuple[ExportFile, Iterable[Row]]], leases: Mapping[str, Lease]) -> MatchResult:
    """Match the rows of each file to their leases. Of the same charges in several files, the newest count."""
    index = LeaseIndex(leases)
    listed = list(files)
    several = len(listed) > 1  # else no charge can be in another
    portions = [portion for file, rows in listed for portion in _portions(file, rows, index, several)]
    runs, notes = runs_that_count(portion for portion in portions if portion.period != _NO_PERIOD)
    counting = {id(part) for run in runs for part in run.parts}
    read = {part.file for run in runs for part in run.parts}
    replaced = {portion.file for portion in portions if portion.period != _NO_PERIOD} - read
    kept = [
        portion
        for portion in portions
        if id(portion) in counting or (portion.period == _NO_PERIOD and portion.file not in replaced)
    ]
    result = MatchResult(leases, kept, notes)
    result.matched = list(_each_once(runs, notes))
    for portion in kept:
        result.orphans += portion.orphans
        result.out_of_period += portion.out_of_period
        result.unrelated += portion.unrelated
        result.errors += portion.errors
        result.damaged |= portion.damaged
        result.shared |= portion.shared
        result.skipped += portion.skipped
        result.sources |= portion.sources
        for provider, until in portion.reach.items():
            result.reach[provider] = max(result.reach.get(provider, until), until)
    return result


def _each_once(runs: Iterable[Run], notes: list[str]) -> Iterator[Matched]:
    """The charges of all runs, newest first: one that several hold as often as the run that holds it most often.

    Of two runs of one export, the newer has said what each charge costs that it holds. What a newer run charges by the
    hour is not charged by the day again.
    """
    counted: Counter[int] = Counter()
    places: set[int] = set()
    spans = Spans()
    for run in runs:
        own, own_spans, otherwise, alike = Counter[int](), Spans(), 0, 0
        for charge in (charge for part in run.parts if isinstance(part, Portion) for charge in part.matched):
            if run.before is not None and (place_of(charge.digest) in places or _replaced(charge, run.before)):
                continue
            own[charge.digest] += 1
            if own[charge.digest] <= counted[charge.digest]:
                continue
            kind, period, cost = charge.kind, charge.row.charge_period, charge.row.billed_cost
            if charge.row.description and spans.otherwise(kind, period):
                otherwise += 1
                continue
            alike += not counted[charge.digest] and spans.alike(kind, period, cost)
            own_spans.add(kind, period, cost)
            yield charge
        counted |= own
        places |= {place_of(digest) for digest in own}
        spans.merge(own_spans)
        notes += _overlap_notes(run.name, otherwise, alike)


def _overlap_notes(name: str, otherwise: int, alike: int) -> Iterator[str]:
    if otherwise:
        rows = plural(otherwise, "row")
        yield f"not counted: {rows} of {name}, whose use a newer file charges by longer or shorter times"
    if alike:
        told = "but of another account or type, or without a column for it"
        yield f"{plural(alike, 'row')} of {name} charged as in a newer file, {told}: both count"


def _replaced(charge: Matched, before: datetime) -> bool:
    return charge.since is not None and charge.since >= before


def _portions(file: ExportFile, rows: Iterable[Row], index: LeaseIndex, several: bool) -> Iterable[Portion]:
    """Only rows that belong to a lease are read in full, and only those of `several` files told from each other."""
    portions: dict[str, Portion] = {}

    def portion_of(period: str) -> Portion:
        if period not in portions:
            portions[period] = Portion(file, period)
        return portions[period]

    for row in rows:
        if isinstance(row.cells, RowError):
            portion_of(_NO_PERIOD).errors.append(row.cells)
        elif isinstance(row.cells, str):
            portion_of(_NO_PERIOD).skipped[row.cells] += 1
        else:
            preview = row.format.preview(row.cells)
            if preview.refused is not None:
                refusal = RowError(f"{row.where}: {preview.refused}; nothing of this file is counted")
                return [Portion(file, _NO_PERIOD, errors=[refusal])]
            portion = portion_of(preview.period)
            portion.sources.add(row.format.source)
            # Of no resource, two accounts have rows that are alike.
            if several and (preview.resource_id or preview.tag) and portion.sketch.takes(coarse_of(preview)):
                portion.sketch.add(digest_of(row.format, row.cells, preview), preview.since)
            portion.extend(preview)
            _match_row(portion, row, preview, index, several)
    return portions.values()


def _match_row(portion: Portion, row: Row, preview: Preview, index: LeaseIndex, several: bool) -> None:
    """Count the row once: for a lease, or for what it is instead."""
    candidates, by = index.candidates(preview)
    assert not isinstance(row.cells, str | RowError)
    if candidates:
        try:
            charge = row.format.charge(row.cells)
        except (ValueError, OverflowError) as error:  # there is no month after the last of all years
            portion.errors.append(RowError(f"{row.where}: {error}; the row is not counted"))
            portion.damaged |= {lease.id for lease in candidates}
            return
        if by == "tag":
            candidates = _on_its_resource(charge, candidates)
        lease = _nearest(charge, candidates)
        if by == "tag" or _overlap(charge, lease) >= -NEAR:
            _note(portion, charge, candidates)
            digest = digest_of(row.format, row.cells, preview) if several else hash(preview.period)
            of_row = row.format.source, digest, preview.since, portion.exported
            portion.matched.append(Matched(lease, charge, by, *of_row))
            return
    if preview.tag_error is not None:
        portion.errors.append(RowError(f"{row.where}: {preview.tag_error}; the row is not counted"))
    elif candidates:
        portion.out_of_period += 1
    elif preview.tag is not None:
        portion.orphans[preview.tag] += 1
    else:
        portion.unrelated += 1


def _on_its_resource(charge: ChargeRow, leases: list[Lease]) -> list[Lease]:
    """Of the leases with one tag, those on the charge's resource where there are any."""
    resource = (charge.resource_id or "").casefold()
    return [lease for lease in leases if (lease.opened.resource_id or resource).casefold() == resource] or leases


def _note(portion: Portion, charge: ChargeRow, candidates: Iterable[Lease]) -> None:
    """What is to be said of a charge that counts."""
    for name in charge.unreadable:
        portion.skipped[f"{name} that cannot be read: it is unknown, the row is counted"] += 1
    sharing = {lease.id for lease in candidates if _overlap(charge, lease) > timedelta(0)}
    if len(sharing) > 1:
        portion.shared |= sharing
        portion.skipped["charges the time of several leases: counted for the one that has most of it"] += 1


def _nearest(row: ChargeRow, leases: Sequence[Lease]) -> Lease:
    """The lease that shares most of its time with the charge, or is nearest to it."""
    return max(leases, key=lambda lease: _overlap(row, lease))


def _overlap(row: ChargeRow, lease: Lease) -> timedelta:
    """How long both last together; below zero, how far apart they are."""
    start, end = row.charge_period
    return min(end, lease.stopped or _FAR) - max(start, lease.opened.started)
