"""AWS's own prices through boto3: the Price List API for on-demand, the spot price history for spot.

Which instance types have which GPUs is asked of EC2, not kept here. The region is the one asked for, else that of
the AWS configuration, else us-east-1. Endpoints, profile and credentials are boto3's usual ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bench.billing.offers.query import Answer, Query, canonical, known, matches
from bench.billing.prices import Offer
from bench.errors import BenchError
from bench.record.documents import Accelerators, utc_now

if TYPE_CHECKING:
    import boto3

_PRICE_LIST_REGION = "us-east-1"  # one of the few that serve the Price List API; it knows the prices of all
# GPU machines with Linux and without extras on shared hardware, as anybody rents them.
_PLAIN = {
    "instanceFamily": "GPU instance",
    "operatingSystem": "Linux",
    "preInstalledSw": "NA",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}


def ask_spot(query: Query, until: float) -> Answer:
    """The spot price now of each GPU machine, in its cheapest zone."""
    session = _session()
    region = _region(session, query)
    ec2 = _client(session, "ec2", region)
    types = dict(_gpu_types(ec2, query))
    if not types:
        return Answer()
    now = utc_now()
    pages = ec2.get_paginator("describe_spot_price_history").paginate(
        InstanceTypes=list(types), ProductDescriptions=["Linux/UNIX"], StartTime=now, EndTime=now
    )
    priced = [(known(Decimal(row["SpotPrice"])), row) for page in pages for row in page["SpotPriceHistory"]]
    currency = "CNY" if region.startswith("cn-") else "USD"  # the history names none
    cheapest: dict[str, Offer] = {}
    for amount, row in sorted(priced, key=lambda pair: (pair[0] is None, pair[0] or 0)):
        name = row["InstanceType"]
        source = f"AWS spot price history, zone {row['AvailabilityZone']}"
        cheapest.setdefault(name, _offer(name, types[name], region, query, amount, currency, source, now))
    return Answer(list(cheapest.values()))


def ask_on_demand(query: Query, until: float) -> Answer:
    """The on-demand list price of each GPU machine."""
    session = _session()
    region = _region(session, query)
    types = dict(_gpu_types(_client(session, "ec2", region), query))
    if not types:
        return Answer()
    now = utc_now()
    listed = _list_prices(_client(session, "pricing", _PRICE_LIST_REGION), region)
    return Answer(
        [
            _offer(name, types[name], region, query, known(amount), currency, "AWS Price List API", now)
            for name, currency, amount in listed
            if name in types
        ]
    )


def _session() -> boto3.Session:
    import boto3

    session = boto3.Session()
    if session.get_credentials() is None:
        raise BenchError("no AWS credentials found; set them up with `aws configure`, or leave AWS out with --offline")
    return session


def _region(session: boto3.Session, query: Query) -> str:
    return query.region or session.region_name or "us-east-1"


def _client(session: boto3.Session, service: str, region: str) -> Any:
    from botocore.config import Config

    hasty = Config(
        connect_timeout=2,
        read_timeout=4,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    return session.client(service, region_name=region, config=hasty)


def _gpu_types(ec2: Any, query: Query) -> Iterator[tuple[str, Accelerators]]:
    """Instance types of the region with the GPUs asked for."""
    families = [{"Name": "instance-type", "Values": ["g*", "p*"]}]
    for page in ec2.get_paginator("describe_instance_types").paginate(Filters=families):
        for row in page["InstanceTypes"]:
            for gpu in row.get("GpuInfo", {}).get("Gpus", [])[:1]:
                name = canonical(gpu["Name"], round(gpu.get("MemoryInfo", {}).get("SizeInMiB", 0) / 1024))
                if query.gpu is None or matches(query.gpu, name):
                    yield row["InstanceType"], Accelerators(name=name, count=gpu["Count"])


def _list_prices(pricing: Any, region: str) -> Iterator[tuple[str, str, Decimal]]:
    """Instance type, currency and amount of an hour."""
    words = {**_PLAIN, "regionCode": region}
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in words.items()]
    for page in pricing.get_paginator("get_products").paginate(ServiceCode="AmazonEC2", Filters=filters):
        for product in map(json.loads, page["PriceList"]):
            for term in product["terms"].get("OnDemand", {}).values():
                for dimension in term["priceDimensions"].values():
                    if dimension["unit"] == "Hrs":
                        for currency, amount in dimension["pricePerUnit"].items():
                            yield product["product"]["attributes"]["instanceType"], currency, Decimal(amount)


def _offer(
    name: str,
    gpus: Accelerators,
    region: str,
    query: Query,
    hourly: Decimal | None,
    currency: str,
    source: str,
    now: datetime,
) -> Offer:
    return Offer(
        provider="aws",
        instance_type=name,
        accelerators=gpus,
        region=region,
        category=query.category,
        amount=hourly,
        currency=currency,
        source=source,
        seen=now.astimezone(UTC).date(),
        seen_at=now,
    )
