"""What `bench exec` says while a program runs."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(("words", "lines", "runs"), [((), 1, 1), (("--quiet",), 0, 1), (("--runs", "2"), 1, 2)])
def test_a_target_that_is_shown_under_another_name_only_is_said_while_the_program_runs(
    words: tuple[str, ...], lines: int, runs: int, tmp_path: Path, environment: dict[str, str]
) -> None:
    """The program waits for what is said, up to a while, and then says whether it was."""
    (tmp_path / "mine.py").write_text(
        "import sys, time\n"
        "for step in range(9):\n    print(f'Train: step {step}, loss: 0.4', flush=True)\n"
        "print('open', end='', file=sys.stderr, flush=True)\n"
        f"end = time.monotonic() + {30 * lines}\n"
        "while not (heard := 'shown so far' in open('said').read()) and time.monotonic() < end:\n    time.sleep(0.01)\n"
        "print(int(heard), end='', file=open('heard', 'w'))\n"
    )
    command = [sys.executable, "-m", "bench", "exec", "--store", "store", "--target", "loss <= 0.5", *words, "--"]
    with (tmp_path / "said").open("wb") as said:
        code = subprocess.run(
            [*command, sys.executable, "mine.py"],
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.DEVNULL,
            stderr=said,
            check=False,
        ).returncode
    assert code == 6
    assert (tmp_path / "heard").read_text() == str(lines)
    told = [line for line in (tmp_path / "said").read_text().splitlines() if "train_loss" in line]
    assert [line.startswith("bench: loss") for line in told] == [
        *[True] * lines,
        *[False] * runs,  # these say how each went
    ]
