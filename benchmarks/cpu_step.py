"""Images a second of a recipe's training step on this CPU: what `bench` chooses, against plain eager loops of it.

    python -m benchmarks.cpu_step OUT.txt [--rounds 5] [--recipe airbench94-muon] [--only amx_bf16]

For each instruction set that this processor has, forced in turn from AVX2 up, three processes take the same step: one
has warmed up as `bench run` does and takes what it chose, two are plain eager loops with torch's own convolutions, in
float32 and in bfloat16 by autocast. They take turns, one step a turn, so that other work on the machine slows all of
them; a ratio is of two steps of the same round. With the newest instruction set what was chosen is then compared with
itself in other surroundings, which `bench` does not choose but does, or leaves: freed memory given back to the system,
huge pages asked for, other numbers of threads. Images are noise: the arithmetic does not depend on them. OUT.txt gets
the table of an instruction set as soon as there is one; what is in it stays.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

from bench.host import cores
from bench.programs.host import cpu_name
from benchmarks.cpu_stepper import Stepper

# A plain loop that takes so many times as long as the other one is no rival: it takes one turn, and no more.
HOPELESS = 2.0
PLAIN = ("plain float32", "plain bfloat16")
CHOSEN = "what bench chooses"


@dataclass(frozen=True)
class InstructionSet:
    """One that can be forced, and the flag of /proc/cpuinfo by which a processor has it."""

    name: str
    flag: str
    onednn: str
    aten: str

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which oneDNN, ATen, Inductor and MKL use it and nothing newer."""
        return {
            "ONEDNN_MAX_CPU_ISA": self.onednn,
            "ATEN_CPU_CAPABILITY": self.aten,
            "MKL_ENABLE_INSTRUCTIONS": self.aten.upper(),
        }


SETS = (
    InstructionSet("AVX2", "avx2", "AVX2", "avx2"),
    InstructionSet("AVX-512", "avx512bw", "AVX512_CORE", "avx512"),
    InstructionSet("AVX-512 with bfloat16", "avx512_bf16", "AVX512_CORE_BF16", "avx512"),
    InstructionSet("AMX", "amx_bf16", "AVX512_CORE_AMX", "avx512"),
)


def instruction_sets(cpuinfo: str) -> list[InstructionSet]:
    """Those that a processor with this /proc/cpuinfo has, oldest first."""
    flags = {flag for line in cpuinfo.splitlines() if line.startswith("flags") for flag in line.split()}
    return [each for each in SETS if each.flag in flags]


def variants(threads: int, logical: int) -> dict[str, dict[str, str]]:
    """What else a processor's step might depend on, by name, as the words of cpu_stepper.py."""
    found = {
        "freed memory given back": {"memory": "given back"},
        "huge pages asked for": {"THP_MEM_ALLOC_ENABLE": "1"},
    }
    if logical > threads:
        found[f"{logical} threads in place of {threads}"] = {"threads": str(logical)}
    if threads > 1:
        found[f"{threads - 1} threads in place of {threads}"] = {"threads": str(threads - 1)}
    return found


def rates(steppers: Mapping[str, Stepper], rounds: int) -> dict[str, list[float]]:
    """Images a second in each round, by turns. A plain loop that has no chance has its first turn alone."""
    seen = {name: [stepper.step()] for name, stepper in steppers.items()}
    best = max((seen[name][0] for name in PLAIN if name in seen), default=0.0)
    racing = [name for name in steppers if name not in PLAIN or seen[name][0] * HOPELESS > best]
    for _ in range(rounds - 1):
        for name in racing:
            seen[name].append(steppers[name].step())
    return seen


def faster_plain(seen: Mapping[str, Sequence[float]]) -> str:
    """The faster of the plain loops that took all turns."""
    most = max(map(len, seen.values()))
    return max((name for name in PLAIN if len(seen[name]) == most), key=lambda name: median(seen[name]))


def lines(seen: Mapping[str, Sequence[float]], base: str) -> Iterator[str]:
    """A row for each way: median and range, and its ratio to `base`, round by round."""
    yield f"{'':50} images/s: median, range     ratio to {base}: median, range"
    for name, each in seen.items():
        ratios = [rate / other for rate, other in zip(each, seen[base], strict=False)]
        yield (
            f"{name:50} {median(each):7.1f}  {min(each):7.1f} to {max(each):7.1f}    "
            f"{median(ratios):5.2f}  {min(ratios):5.2f} to {max(ratios):5.2f}  (n = {len(each)})"
        )


def measured(of: InstructionSet, recipe: str, rounds: int, *, newest: bool) -> Iterator[str]:
    """The tables of one instruction set, line by line. Four processes at a time, of some 3 GB each, are the most."""
    with Stepper(recipe, "bench", of.variables) as chosen:
        name = f"{CHOSEN}: {chosen.way}"
        compared = ", ".join(f"{way} {seconds:.2f} s" for way, seconds in chosen.compared.items()) or "nothing"
        yield f"{of.name}; {chosen.threads} threads; compared in the warm-up of {chosen.warm_up_s:.0f} s: {compared}"
        with ExitStack() as stack:
            plain = {way: stack.enter_context(Stepper(recipe, way, of.variables)) for way in PLAIN}
            seen = rates({name: chosen, **plain}, rounds)
            yield from lines(seen, faster_plain(seen))
        if newest:
            with ExitStack() as stack:
                others = {
                    what: stack.enter_context(Stepper(recipe, chosen.key, of.variables, words))
                    for what, words in variants(chosen.threads, len(os.sched_getaffinity(0))).items()
                }
                yield from lines(rates({name: chosen, **others}, rounds), name)


def main() -> None:
    """Measure each instruction set and append its table to OUT.txt."""
    parser = argparse.ArgumentParser(description="A training step on this CPU, against plain eager loops of it.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--rounds", type=int, default=5, help="steps of each way; 5 unless given")
    parser.add_argument("--recipe", default="airbench94-muon")
    parser.add_argument("--only", choices=[each.flag for each in SETS], help="one instruction set in place of all")
    arguments = parser.parse_args()
    there = instruction_sets(Path("/proc/cpuinfo").read_text())
    day, torch = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), version("torch")
    words = f"--rounds {arguments.rounds} --recipe {arguments.recipe}"
    append(
        arguments.out,
        f"\n{day}, {cores()} cores of {cpu_name()}, torch {torch}\n$ python -m benchmarks.cpu_step {words}",
    )
    for of in [each for each in there if arguments.only in (None, each.flag)]:
        for line in measured(of, arguments.recipe, arguments.rounds, newest=of is there[-1]):
            append(arguments.out, line)
        append(arguments.out, f"load average {os.getloadavg()[1]:.1f}")


def append(out: Path, line: str) -> None:
    """Keep `line` and show it."""
    with out.open("a") as file:
        file.write(f"{line}\n")
    print(line, flush=True)


if __name__ == "__main__":
    main()
