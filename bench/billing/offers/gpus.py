"""Names of GPUs, matched as people write them: `H100`, `h100-80gb`, `NVIDIA A100 80 GB`, `Tesla V100`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

# The memory of a model that is named without it, as SkyPilot's names have it: A100 and A100-80GB, V100 and V100-32GB.
_USUAL_GB = {
    "A10": 24,
    "A100": 40,
    "A10G": 24,
    "B200": 180,
    "B300": 288,
    "H100": 80,
    "H200": 141,
    "L4": 24,
    "L40": 48,
    "L40S": 48,
    "T4": 16,
    "V100": 16,
}
_MAKERS = {"NVIDIA", "TESLA", "GEFORCE", "AMD", "INSTINCT"}
_MEMORY = re.compile(r"(\d+)\s*GI?B\b")


@dataclass(frozen=True)
class Gpu:
    """A model, its memory where the name says it, and what else the name says, such as SXM or PCIE."""

    model: str
    memory_gb: int | None
    traits: frozenset[str]


def parse(name: str) -> Gpu:
    """The parts of a name, in capitals."""
    upper = name.upper()
    memory = _MEMORY.search(upper)
    words = [word for word in re.split(r"[^A-Z0-9]+", _MEMORY.sub(" ", upper)) if word and word not in _MAKERS]
    # SXM4 and SXM5 are sockets of one kind of card.
    traits = frozenset(re.sub(r"^SXM\d$", "SXM", word) for word in words[1:])
    return Gpu(words[0] if words else "", int(memory[1]) if memory else None, traits)


def exactly(name: str) -> Gpu:
    """The parts of a name, with the usual memory where the name says none: what tells A100 from A100-80GB."""
    gpu = parse(name)
    return replace(gpu, memory_gb=gpu.memory_gb or _USUAL_GB.get(gpu.model))


def matches(asked: str, name: str) -> bool:
    """Whether a GPU called `name` is what was asked for; what was not asked for, such as its memory, may differ."""
    wanted, found = parse(asked), exactly(name)
    return wanted.model == found.model and wanted.memory_gb in (None, found.memory_gb) and wanted.traits <= found.traits


def canonical(model: str, memory_gb: int) -> str:
    """The name of `model` with its memory where that is not the usual one: `A100-80GB`."""
    usual = _USUAL_GB.get(model.upper())
    return model if usual is None or abs(usual - memory_gb) <= usual // 10 else f"{model}-{memory_gb}GB"
