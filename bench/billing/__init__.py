"""Billing: prices, the names of GPUs, and what a lease costs. Rules and prices are data. Unknown is never 0.

Other packages import from here; only who asks for offers, over the network too, is in modules of its own: `offers`.
"""

from __future__ import annotations

from bench.billing.estimate import (
    BESIDE,
    BY_RULE,
    Estimate,
    PartCost,
    Usage,
    lease_cost,
    lease_cost_per_success,
    phase_costs,
)
from bench.billing.offers.query import (
    Answer,
    Failure,
    Query,
    exactly,
    gpu_or_cloud_meant,
    gpu_table,
    in_short,
    known,
    known_clouds,
    ranked,
    skypilot_name,
)
from bench.billing.prices import (
    SECONDS_PER_HOUR,
    STALE_AFTER,
    Amount,
    Offer,
    catalogue_extract,
    cost_per_success,
    find_offer,
    given_price,
    machine_hourly,
    price_book,
    train_cost,
)

__all__ = [
    "BESIDE",
    "BY_RULE",
    "SECONDS_PER_HOUR",
    "STALE_AFTER",
    "Amount",
    "Answer",
    "Estimate",
    "Failure",
    "Offer",
    "PartCost",
    "Query",
    "Usage",
    "catalogue_extract",
    "cost_per_success",
    "exactly",
    "find_offer",
    "given_price",
    "gpu_or_cloud_meant",
    "gpu_table",
    "in_short",
    "known",
    "known_clouds",
    "lease_cost",
    "lease_cost_per_success",
    "machine_hourly",
    "phase_costs",
    "price_book",
    "ranked",
    "skypilot_name",
    "train_cost",
]
