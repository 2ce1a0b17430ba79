"""The benchmark of a step on a CPU: what it forces and compares, and whom it sets against whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from benchmarks import cpu_step
from benchmarks.cpu_stepper import Stepper

N = ("(n", "=", "3)")
ZEN4 = "processor: 0\nflags\t\t: fpu avx2 avx512bw avx512_bf16\n\nprocessor: 1\nflags\t\t: fpu avx2\n"


@dataclass
class Fake:
    """A stepper with a speed for each of its turns."""

    speeds: list[float]
    turns: int = field(default=0)

    def step(self) -> float:
        self.turns += 1
        return self.speeds[self.turns - 1]


def rates(rounds: int, **speeds: list[float]) -> dict[str, list[float]]:
    steppers = {name.replace("_", " "): cast(Stepper, Fake(each)) for name, each in speeds.items()}
    return cpu_step.rates(steppers, rounds)


def test_every_instruction_set_that_the_processor_has_is_forced() -> None:
    assert [each.flag for each in cpu_step.instruction_sets(ZEN4)] == ["avx2", "avx512bw", "avx512_bf16"]
    assert cpu_step.SETS[2].variables == {
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16",
        "ATEN_CPU_CAPABILITY": "avx512",
        "MKL_ENABLE_INSTRUCTIONS": "AVX512",
    }


def test_threads_are_varied_where_there_are_others() -> None:
    both = {"freed memory given back", "huge pages asked for"}
    assert set(cpu_step.variants(1, 1)) == both
    assert cpu_step.variants(2, 4)["4 threads in place of 2"] == {"threads": "4"}
    assert set(cpu_step.variants(2, 2)) == both | {"1 threads in place of 2"}


def test_a_plain_loop_without_a_chance_takes_one_turn() -> None:
    seen = rates(3, chosen=[20, 21, 22], plain_float32=[10, 11, 12], plain_bfloat16=[4, 0, 0])
    assert {name: len(each) for name, each in seen.items()} == {
        "chosen": 3,
        "plain float32": 3,
        "plain bfloat16": 1,
    }


def test_ratios_are_to_the_faster_plain_loop_of_the_same_round() -> None:
    seen = rates(3, chosen=[20, 44, 30], plain_float32=[10, 10, 10], plain_bfloat16=[20, 40, 20])
    assert cpu_step.faster_plain(seen) == "plain bfloat16"
    head, *rows = cpu_step.lines(seen, "plain bfloat16")
    assert "ratio to plain bfloat16" in head
    # Median and range of 20/20, 44/40 and 30/20.
    assert rows[0].split() == ["chosen", "30.0", "20.0", "to", "44.0", "1.10", "1.00", "to", "1.50", *N]
