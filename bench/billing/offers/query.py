"""A query for prices, and its answer: offers, and which sources failed.

Names of GPUs are matched as people write them: `H100`, `h100-80gb`, `NVIDIA A100 80 GB`, `Tesla V100`. `gpus.csv` has
SkyPilot's name of each, what NVML calls it on the machine, and what some clouds and catalogues say.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files

from bench.billing.prices import Offer, catalogue_extract, price_book
from bench.record.documents import PricingCategory
from bench.text import did_you_mean

# Farther apart, two prices are of two markets: those asked for an H100 in 2024 are twice what most ask in 2026.
OLD_AFTER = timedelta(days=548)

_MAKERS = {"NVIDIA", "TESLA", "GEFORCE", "AMD", "INSTINCT"}
_MEMORY = re.compile(r"(\d+)\s*GI?B\b")
# RTX 4090, RTX-PRO-6000, RTXA6000, RTX 6000 Ada: one word each, for a 3090 Ti is another chip than a 3090.
_RTX = re.compile(r"\bRTX[ _-]?(PRO[ _-]?)?(A?\d{4})[ _-]?(TI|SUPER|ADA)?(?![A-Z0-9])")


@dataclass(frozen=True)
class Gpu:
    """A model, its memory where the name says it, and what else the name says, such as SXM or PCIE."""

    model: str
    memory_gb: int | None
    traits: frozenset[str]


def parse(name: str) -> Gpu:
    """The parts of a name, in capitals."""
    upper = _RTX.sub(_one_word, skypilot_name(name).upper())
    memory = _MEMORY.search(upper)
    words = [word for word in re.split(r"[^A-Z0-9]+", _MEMORY.sub(" ", upper)) if word and word not in _MAKERS]
    # SXM4 and SXM5 are sockets of one kind of card.
    traits = frozenset(re.sub(r"^SXM\d$", "SXM", word) for word in words[1:])
    return Gpu(words[0] if words else "", int(memory[1]) if memory else None, traits)


def exactly(name: str) -> Gpu:
    """The parts of a name, with the default memory if the name has none: distinguishes A100 from A100-80GB."""
    gpu = parse(name)
    return replace(gpu, memory_gb=gpu.memory_gb or _usual_gb().get(gpu.model))


def matches(asked: str, name: str) -> bool:
    """Whether a GPU called `name` is what was asked for; what was not asked for, such as its memory, may differ."""
    wanted, found = parse(asked), exactly(name)
    return wanted.model == found.model and wanted.memory_gb in (None, found.memory_gb) and wanted.traits <= found.traits


def canonical(model: str, memory_gb: int) -> str:
    """The name of `model` with its memory where that is not the usual one: `A100-80GB`."""
    name = skypilot_name(model)
    usual = _usual_gb().get(name.upper())
    return name if usual is None or abs(usual - memory_gb) <= usual // 10 else f"{name}-{memory_gb}GB"


def skypilot_name(name: str) -> str:
    """What SkyPilot calls the GPU that NVML or a cloud calls `name`: `H100-SXM` for `NVIDIA H100 80GB HBM3`.

    A name that the table does not hold stays as it is.
    """
    return _names().get(_plain(name), name)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Z0-9]+", " ", name.upper()).strip()


def _one_word(match: re.Match[str]) -> str:
    return f"RTX{'PRO' if match[1] else ''}{match[2]}{match[3] or ''}"


@cache
def gpu_table() -> tuple[dict[str, str], ...]:
    """The rows of gpus.csv. The file is read at the first call."""
    text = files("bench.billing").joinpath("gpus.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


@cache
def _names() -> dict[str, str]:
    """SkyPilot's name by each other one."""
    return {
        _plain(other): row["skypilot"]
        for row in gpu_table()
        for other in (row["nvml"], *row["others"].split(";"))
        if other
    }


@cache
def _usual_gb() -> dict[str, int]:
    """The memory of a model that is named without it, as SkyPilot's names have it: A100 and A100-80GB."""
    return {row["skypilot"].upper(): int(row["memory_gb"]) for row in gpu_table() if "-" not in row["skypilot"]}


def known_clouds() -> list[str]:
    """The providers of which bench has prices."""
    return sorted({offer.provider for offer in (*price_book(), *catalogue_extract())})


def gpu_or_cloud_meant(gpu: str | None, cloud: str | None) -> str:
    """`did you mean H100?` for a GPU, or a cloud, that bench does not know and that is spelled like one it knows."""
    if cloud is not None and (near := _near(cloud, known_clouds())):
        return near
    return _near(gpu, [row["skypilot"] for row in gpu_table()]) if gpu is not None else ""


def _near(name: str, names: Sequence[str]) -> str:
    if name.casefold() in map(str.casefold, names):
        return ""
    same = [other for other in names if matches(name, other)]  # H100-80GB is H100
    return did_you_mean(name, same) or did_you_mean(name, names)


@dataclass(frozen=True)
class Query:
    """A query for prices. None: any. `gpus` is the exact number of GPUs of a machine."""

    gpu: str | None = None
    spot: bool = False
    cloud: str | None = None
    region: str | None = None
    gpus: int | None = None

    @property
    def category(self) -> PricingCategory:
        """On-demand and spot prices are never mixed."""
        return "Dynamic" if self.spot else "Standard"

    def covers_provider(self, provider: str) -> bool:
        """Whether prices of `provider` are asked for."""
        return self.cloud is None or self.cloud.casefold() == provider.casefold()

    def accepts(self, offer: Offer) -> bool:
        """Whether `offer` answers this. One whose source names no region answers for every region."""
        return (
            self.covers_provider(offer.provider)
            and offer.category == self.category
            and (self.gpu is None or matches(self.gpu, offer.accelerators.name))
            and self.gpus in (None, offer.accelerators.count)
            and (self.region is None or offer.region is None or offer.region.casefold() == self.region.casefold())
        )


@dataclass(frozen=True)
class Failure:
    """A source, or a part of one, that gave no prices."""

    source: str
    why: str


@dataclass(frozen=True)
class Answer:
    """What one source, or all of them, had to say."""

    offers: Sequence[Offer] = ()
    failures: Sequence[Failure] = ()


def ranked_since(offers: Iterable[Offer]) -> date:
    """The first day whose prices are ranked with the newest of `offers`: a year and a half before that."""
    return max((offer.seen for offer in offers), default=date.min + OLD_AFTER) - OLD_AFTER


def ranked(offers: Sequence[Offer]) -> list[Offer]:
    """The `offers` whose prices may be compared: without those seen a year and a half before the newest."""
    since = ranked_since(offers)
    return [offer for offer in offers if offer.seen >= since]


def known(amount: Decimal | None) -> Decimal | None:
    """`amount` as a price: a catalogue that says 0 does not know, since nobody rents machines out for nothing."""
    return amount if amount is not None and amount.is_finite() and amount > 0 else None


def in_short(error: Exception) -> str:
    """What an error of somebody else's says, on one line of bearable length."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
