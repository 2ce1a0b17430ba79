"""The clock: phases are what they took, and nothing is believed that was not synchronised."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.host import process_start
from bench.measure.recorder import Clock, explain


def nothing() -> None:
    pass


def test_a_phase_takes_as_long_as_what_it_holds() -> None:
    clock = Clock(nothing)
    with clock.phase("train", epoch=1):
        time.sleep(0.05)
    (phase,) = clock.phases
    assert (phase.name, phase.epoch, phase.synchronised) == ("train", 1, True)
    assert 0.05 <= phase.seconds < 1


def test_the_device_is_waited_for_inside_the_phase() -> None:
    clock = Clock(lambda: time.sleep(0.05))
    with clock.phase("train"):
        pass
    (phase,) = clock.phases
    assert phase.start >= 0.05  # the wait before it is not its own
    assert phase.seconds >= 0.05  # the wait at its end is


def test_a_phase_that_is_broken_off_is_kept_and_marked() -> None:
    clock = Clock(nothing)
    with pytest.raises(ValueError, match="boom"), clock.phase("train"):
        raise ValueError("boom")
    assert [phase.synchronised for phase in clock.phases] == [False]


def test_the_anchor_is_the_utc_instant_of_second_zero() -> None:
    before = time.perf_counter() - 2
    clock = Clock(nothing, since=before)
    assert clock.now() >= 2
    assert 2 <= (datetime.now(UTC) - clock.anchor).total_seconds() < 3
    assert abs(clock.drift()) < 0.1


def test_this_process_began_a_while_ago() -> None:
    began = process_start()
    assert began is not None
    assert 0 < time.perf_counter() - began < 24 * 3600


@pytest.mark.parametrize(
    ("home", "said"),
    [("/home/ann", "no file ~/data/x"), ("/", "no file /home/***/data/x"), (None, "no file /home/***/data/x")],
)
def test_an_error_is_told_whatever_the_home_folder_is(
    home: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of a user without a name in a container is / or none at all."""

    def of_user() -> Path:
        if home is None:
            raise RuntimeError("Could not determine home directory.")
        return Path(home)

    monkeypatch.setattr(Path, "home", of_user)
    assert explain(ValueError("no file /home/ann/data/x")) == ("ERROR", f"ValueError: {said}")


def test_an_error_of_a_record_has_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRROR_PASSWORD", "hunter2hunter2")
    error = ConnectionError("10.1.2.3:80 refused https://me:hunter2@example.com/x?sig=s3cr3t, and hunter2hunter2")
    assert explain(error) == ("ERROR", "ConnectionError: ***:80 refused https://***@example.com/x?sig=***, and ***")


# As NCCL 2.27 says it, with torch's own part before it.
NCCL = """NCCL error in: /pytorch/torch/csrc/distributed/c10d/NCCLUtils.cpp:94, unhandled system error
ncclSystemError: System call (e.g. socket, malloc) or external library call failed or device error.
Last error:
Error while creating shared memory segment /dev/shm/nccl-Xu3sLh (size 33030528), error: No space left on device (28)"""


def test_of_an_error_of_nccl_s_the_cause_is_told() -> None:
    cause = "Error while creating shared memory segment /dev/shm/nccl-Xu3sLh (size 33030528), error: No space left on"
    assert explain(RuntimeError(NCCL)) == ("ERROR", f"RuntimeError: {cause} device (28)")
    assert explain(RuntimeError("first\nLast error:"))[1] == "RuntimeError: first"
