"""Real small programs: what is handed on, when they are stopped, and what a signal or a broken pipe does."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from bench.programs.job import Job, Target
from bench.programs.running.process import CannotStart
from bench.programs.running.runner import LONGEST_ROUND_S, ROUND_S, next_pause, run
from bench.programs.watching.watch import Watch
from tests.support.programs import COUNTING, Words, python, run_program

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("step 1", "step 2", sep="\\n", flush=True)
time.sleep(600)
"""


def saying_goodbye_at(number: int) -> str:
    """A program that ends in its handler, whenever the signal comes."""
    return f"""
import signal, time
def end(number, frame):
    print("bye")
    raise SystemExit
signal.signal({int(number)}, end)
print("up", flush=True)
time.sleep(600)
"""


def at_line(part: str, then: Callable[[], None]) -> Words:
    """A source that calls `then` at the first line with `part` in it."""
    todo = [then]

    def look(line: str) -> None:
        if part in line and todo:
            todo.pop()()

    return Words(look)


def test_output_is_handed_on_byte_for_byte(tmp_path: Path) -> None:
    script = "import sys; o = sys.stdout.buffer; o.write(bytes(range(256)) * 5000); sys.stderr.write('5%\\r10%\\r\\n')"
    ran = run_program(python(script), tmp_path)
    assert (ran.stdout, ran.stderr) == (bytes(range(256)) * 5000, b"5%\r10%\r\n")
    assert (ran.outcome.ended, ran.outcome.exit_code, ran.outcome.cleanup) == ("exited", 0, "clean")


def test_a_line_is_stamped_when_it_is_read(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    script = f"import os; print('step 1', flush=True)\nwhile not os.path.exists({str(gate)!r}): pass\nprint('step 2')"
    opened: list[float] = []

    def open_gate() -> None:
        gate.touch()
        opened.append(time.monotonic())

    ran = run_program(python(script), tmp_path, sources=[at_line("step 1", open_gate)])
    steps = ran.watch.steps()
    assert steps is not None
    (first, _), (second, _) = steps.steps.items()
    assert ran.outcome.started_at < first < opened[0] < second <= ran.outcome.exited_at


@pytest.mark.parametrize(
    ("script", "code", "killed_by"),
    [
        ("raise SystemExit(3)", 3, None),
        ("import os; os.kill(os.getpid(), 9)", None, "SIGKILL"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", None, "SIGSEGV"),
    ],
)
def test_how_a_program_ended(script: str, code: int | None, killed_by: str | None, tmp_path: Path) -> None:
    outcome = run_program(python(script), tmp_path).outcome
    assert (outcome.ended, outcome.exit_code, outcome.killed_by) == ("exited", code, killed_by)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("no-such-program-here",), "no-such-program-here: no such program; check its spelling and the PATH"),
        (("none && ls",), "none && ls: no such program; leave out the quotes, or give the line to a shell: sh -c '…'"),
        (("SEED=1", "python3"), "SEED=1: no such program; to set a variable, begin with env SEED=1"),
        (("./plain",), "./plain: not executable; start it with its interpreter, or chmod +x"),
    ],
)
def test_what_cannot_be_started(
    argv: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plain").write_text("no program")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CannotStart) as caught:
        run_program(argv, tmp_path)
    assert str(caught.value) == said


def test_a_sample_is_asked_to_end_and_what_it_shows_then_is_not_measured(tmp_path: Path) -> None:
    ran = run_program(python(COUNTING), tmp_path, steps=50)
    steps = ran.watch.steps()
    assert steps is not None
    assert (ran.outcome.ended, ran.outcome.exit_code, ran.outcome.cleanup) == ("sampled", 0, "clean")
    assert 50 <= steps.done < 999_999
    assert ran.stdout.endswith(b"step 999999\n")


def test_a_program_that_does_not_end_is_killed_after_the_grace(tmp_path: Path) -> None:
    ran = run_program(python(STUBBORN), tmp_path, steps=2, grace=0.1)
    assert (ran.outcome.ended, ran.outcome.killed_by, ran.outcome.cleanup) == ("sampled", "SIGKILL", "killed")


def test_a_program_that_hangs_is_stopped_after_its_time(tmp_path: Path) -> None:
    outcome = run_program(python("import time; time.sleep(600)"), tmp_path, timeout=0.5).outcome
    assert (outcome.ended, outcome.killed_by) == ("timeout", "SIGTERM")
    assert 0.5 <= outcome.seconds < 10


def test_a_program_that_takes_its_time_to_end_is_waited_for_without_work(tmp_path: Path) -> None:
    begun = time.process_time()
    ran = run_program(python(STUBBORN), tmp_path, timeout=0.5, grace=2)
    assert ran.outcome.cleanup == "killed"
    assert time.process_time() - begun < 0.3


def test_the_target_ends_it_where_that_was_asked_for(tmp_path: Path) -> None:
    script = "import time\nfor loss in (3, 2, 1): print(f'loss={loss}', flush=True)\ntime.sleep(600)"
    ran = run_program(python(script), tmp_path, target=Target("loss", at_most=1), stops_at_target=True)
    target = ran.watch.target()
    assert target is not None
    assert (ran.outcome.ended, target.first_hit and target.first_hit.value) == ("target", 1.0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_handed_on_and_the_program_may_say_goodbye(number: signal.Signals, tmp_path: Path) -> None:
    script = saying_goodbye_at(number)
    before = signal.getsignal(number)
    sources = [at_line("up", lambda: os.kill(os.getpid(), number))]
    ran = run_program(python(script), tmp_path, sources=sources)
    assert (ran.outcome.interrupted, ran.outcome.exit_code, ran.stdout) == (number.name, 0, b"up\nbye\n")
    assert signal.getsignal(number) is before


def test_a_signal_of_the_users_own_ends_nothing(tmp_path: Path) -> None:
    script = saying_goodbye_at(signal.SIGUSR1)
    sources = [at_line("up", lambda: os.kill(os.getpid(), signal.SIGUSR1))]
    ran = run_program(python(script), tmp_path, sources=sources)
    assert (ran.outcome.interrupted, ran.stdout) == (None, b"up\nbye\n")


def test_the_third_signal_kills(tmp_path: Path) -> None:
    script = """
import signal, time
signal.signal(signal.SIGINT, lambda *_: print("not yet", flush=True))
print("up", flush=True)
while True: time.sleep(60)
"""
    seen = []

    def press(line: str) -> None:
        seen.append(line)
        if len(seen) <= 3:
            os.kill(os.getpid(), signal.SIGINT)

    outcome = run_program(python(script), tmp_path, sources=[Words(press)]).outcome
    assert (outcome.interrupted, outcome.killed_by, outcome.cleanup) == ("SIGINT", "SIGKILL", "killed")


def test_what_the_program_started_is_measured_too_and_may_outlive_it_for_a_while(tmp_path: Path) -> None:
    child = "print('step 7', flush=True)"
    script = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {child!r}])"
    ran = run_program(python(script), tmp_path)
    assert (ran.stdout, ran.outcome.cleanup) == (b"step 7\n", "clean")
    assert ran.watch.steps() is not None


@pytest.mark.parametrize("to", ["None", "subprocess.DEVNULL"])
def test_what_stays_behind_is_ended(to: str, tmp_path: Path) -> None:
    child = "import time; time.sleep(600)"
    script = (
        "import subprocess, sys\n"
        f"p = subprocess.Popen([sys.executable, '-c', {child!r}], stdout={to}, stderr={to})\nprint(p.pid)"
    )
    ran = run_program(python(script), tmp_path, linger=0.2)
    assert (ran.outcome.ended, ran.outcome.exit_code, ran.outcome.cleanup) == ("exited", 0, "terminated")
    with pytest.raises(ProcessLookupError):
        os.kill(int(ran.stdout), 0)


def test_what_left_the_group_with_the_pipe_is_not_waited_for(tmp_path: Path) -> None:
    child = "import time; time.sleep(600)"
    script = (
        "import subprocess, sys\n"
        f"print(subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True).pid)"
    )
    ran = run_program(python(script), tmp_path, linger=0.2)
    os.kill(int(ran.stdout), signal.SIGKILL)
    assert (ran.outcome.ended, ran.outcome.cleanup) == ("exited", "left")


def test_a_program_may_close_its_output_and_go_on(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    script = f"import os\nos.close(1); os.close(2)\nopen({str(gate)!r}, 'w').close()\nraise SystemExit(4)"
    outcome = run_program(python(script), tmp_path).outcome
    assert (outcome.exit_code, gate.exists()) == (4, True)


def test_a_full_disk_does_not_end_the_measurement() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        watch = Watch([Words()], None)
        outcome = run(Job(python("for s in range(9): print('step', s, flush=True)")), watch, os.environ, (full, full))
    finally:
        os.close(full)
    steps = watch.steps()
    assert outcome.exit_code == 0
    assert outcome.warnings == ["stdout was passed on only up to byte 0 (No space left on device)"]
    assert steps is not None
    assert steps.last is not None
    assert steps.last.step == 8


def test_a_line_without_end_needs_no_memory(tmp_path: Path) -> None:
    script = "import sys\nfor _ in range(300): sys.stdout.write('x' * 100_000)\nprint('\\nstep 5')"
    ran = run_program(python(script), tmp_path)
    steps = ran.watch.steps()
    assert len(ran.stdout) == 30_000_000 + len("\nstep 5\n")
    assert steps is not None


def test_the_seed_is_in_the_command(tmp_path: Path) -> None:
    assert run_program(
        python("import sys; print(sys.argv[1:])", "--seed", "{seed}", "a{seed}b"), tmp_path, seed=7
    ).stdout == (b"['--seed', '7', 'a7b']\n")


def test_it_runs_where_it_is_told_to(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    ran = run_program((sys.executable, "-c", "import os; print(os.getcwd())"), tmp_path, folder=tmp_path / "there")
    assert ran.stdout.decode().strip() == str(tmp_path / "there")


def test_a_defect_of_ours_does_not_end_the_program(tmp_path: Path) -> None:
    def fail(line: str) -> None:
        raise ZeroDivisionError(line)

    ran = run_program(python("print('secret'); print('step 2')"), tmp_path, sources=[Words(fail)])
    assert (ran.outcome.exit_code, ran.stdout) == (0, b"secret\nstep 2\n")
    assert ran.outcome.warnings == ["a bug in bench stopped the reading of progress (ZeroDivisionError): report it"]


@given(st.floats(ROUND_S, LONGEST_ROUND_S), st.integers(0, 1 << 20), st.integers(1 << 13, 1 << 18), st.floats(0, 1e6))
def test_pauses_grow_with_age_and_never_fill_a_pipe(pause: float, read: int, room: int, age: float) -> None:
    following = next_pause(pause, read, room, age)
    assert ROUND_S <= following <= LONGEST_ROUND_S
    if read > room:
        # At this pace half of the room is used, if the shortest pause is short enough.
        assert following == pytest.approx(max(ROUND_S, pause * room / read / 2))


@pytest.mark.parametrize(("age", "longest"), [(1.0, 0.02), (10.0, 0.05), (1000.0, LONGEST_ROUND_S)])
def test_what_prints_without_a_pause_is_read_at_longer_ones(age: float, longest: float) -> None:
    pause = ROUND_S
    for _ in range(10):
        pause = next_pause(pause, 50_000, 1 << 18, age)
    assert pause == longest
    assert next_pause(pause, 10, 1 << 18, age) == ROUND_S
