"""The type of a line in CUR and Cost Explorer as a kind of charge, and who else pays for it.

https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2-line-item.html, read 2026-11-25. Cost Explorer
writes some types in words: `Enterprise Discount Program Discount` for EdpDiscount.
"""

from __future__ import annotations

from bench.record.documents import ChargeCategory

SAVINGS_PLAN, RESERVED = "Savings Plan", "Reserved"
_CATEGORIES: dict[str, ChargeCategory] = {
    "tax": "Tax",
    "credit": "Credit",
    "refund": "Credit",
    "fee": "Purchase",
    "rifee": "Purchase",
    "savingsplanupfrontfee": "Purchase",
    "savingsplanrecurringfee": "Purchase",
}
_COMMITMENTS = {"savingsplancoveredusage": SAVINGS_PLAN, "discountedusage": RESERVED}
_NEGATION = "savingsplannegation"


def category_of(kind: str) -> ChargeCategory:
    """FOCUS's category: every discount, of whatever programme, is a credit; the rest, as DiscountedUsage, is use."""
    plain = _plain(kind)
    if plain.endswith("discount"):
        return "Credit"
    return _CATEGORIES.get(plain, "Usage")


def commitment_of(kind: str) -> str:
    """What covers a line of this kind, a savings plan or a reservation; empty: nothing does."""
    return _COMMITMENTS.get(_plain(kind), "")


def is_offset(kind: str) -> bool:
    """Whether another line takes this one back: a plan covers use at the price on demand, and a negation offsets it."""
    return is_negation(kind) or commitment_of(kind) == SAVINGS_PLAN


def is_negation(kind: str) -> bool:
    """Whether it takes back what a savings plan covers: it has no cost and no effective cost of its own."""
    return _plain(kind) == _NEGATION


def _plain(kind: str) -> str:
    return kind.replace(" ", "").replace("-", "").casefold()
