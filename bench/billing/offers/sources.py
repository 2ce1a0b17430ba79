"""All sources of prices, queried in parallel for a few seconds. A failing one does not affect the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from bench.billing.offers import aws, skypilot
from bench.billing.offers.query import Answer, Failure, Query, in_short, ranked_since
from bench.billing.prices import Offer, catalogue_extract, price_book
from bench.concurrency import answers_within
from bench.errors import BenchError
from bench.tracking import tracked

# SkyPilot needs 3 to 6 s to be imported.
DEADLINE_S = 10.0
_EXTRACT = "catalogue extract"
_GRACE_S = 0.5  # what a source that watches the clock may need to hand over what it has

# A source is asked with the query and the monotonic instant until which somebody listens.
Ask = Callable[[Query, float], Answer]


def sources(query: Query, *, offline: bool) -> dict[str, Ask]:
    """The sources that can answer the query: the book always; AWS and SkyPilot's catalogue unless off-line.

    Where SkyPilot is not there to ask, the extract of its catalogue answers.
    """
    asked: dict[str, Ask] = {"price book": _ask_book}
    if query.covers_provider("aws") and not offline:
        asked |= {"aws spot": aws.ask_spot} if query.spot else {"aws pricing": aws.ask_on_demand}
    if skypilot.installed() and not offline:
        asked["skypilot"] = skypilot.ask
    else:
        asked[_EXTRACT] = _ask_extract
    return asked


def collect(query: Query, asked: Mapping[str, Ask], seconds: float = DEADLINE_S) -> Answer:
    """All prices that answer the query, cheapest GPU first, and what failed.

    After them come those too old to be ranked with the newest, and last the unknown ones. Returns after at most
    `seconds`. Raises BenchError where every source failed.
    """
    until = time.monotonic() + seconds - _GRACE_S
    questions = {name: partial(_ask, name, ask, query, until) for name, ask in asked.items()}
    answers = dict(tracked(answers_within(seconds, questions), "sources of prices", len(questions)))
    late = [Failure(name, f"no answer within {seconds:g} s") for name in asked if name not in answers]
    failures = [*(failure for answer in answers.values() for failure in answer.failures), *late]
    if not any(answer.offers or not answer.failures for answer in answers.values()):
        raise BenchError("no source of prices answered: " + "; ".join(f"{f.source}: {f.why}" for f in failures))
    offers = [offer for offer in _merged(answers) if query.accepts(offer)]
    since = ranked_since(offers)
    offers.sort(
        key=lambda q: (
            q.per_gpu is None,
            q.seen < since,
            q.currency,
            q.per_gpu or 0,
            q.provider,
            q.instance_type,
            q.source,
        )
    )
    return Answer(offers, failures)


def _merged(answers: Mapping[str, Answer]) -> Iterator[Offer]:
    """What the sources have; of the extract only the machines that no other source has a word on."""
    known = [offer for name, answer in answers.items() if name != _EXTRACT for offer in answer.offers]
    machines = {(offer.provider, offer.instance_type, offer.category) for offer in known}
    old = answers[_EXTRACT].offers if _EXTRACT in answers else ()
    yield from known
    yield from (offer for offer in old if (offer.provider, offer.instance_type, offer.category) not in machines)


def _ask_book(query: Query, until: float) -> Answer:
    """Every offer in the dated book that comes with `bench`: always there, and older every day."""
    return Answer([replace(offer, source=f"price book: {offer.source}") for offer in price_book()])


def _ask_extract(query: Query, until: float) -> Answer:
    """Every offer in the extract of SkyPilot's catalogue, which lacks most machines and is older still."""
    return Answer(catalogue_extract())


def _ask(name: str, ask: Ask, query: Query, until: float) -> Answer:
    try:
        return ask(query, until)
    except BenchError as error:
        return Answer(failures=[Failure(name, str(error))])
    except Exception as error:  # boto3 and SkyPilot raise what they like, and the other sources still answer
        return Answer(failures=[Failure(name, in_short(error))])
