"""Signals: they break off what may be broken off, and wait where something is being written."""

import os
import signal

import pytest

from bench.measure.recording import Interrupted, Interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_breaks_off_what_is_armed(number: signal.Signals) -> None:
    interrupts = Interrupts()

    def work() -> None:
        with interrupts.armed():
            os.kill(os.getpid(), number)
            signal.sigtimedwait([], 0.5)

    with interrupts.listening(), pytest.raises(Interrupted, match=number.name):
        work()
    assert interrupts.received == number.name


def test_a_signal_outside_waits_for_the_next_armed_stretch() -> None:
    interrupts = Interrupts()
    with interrupts.listening():
        os.kill(os.getpid(), signal.SIGTERM)
        written = "whole"
        with pytest.raises(Interrupted), interrupts.armed():
            written = "broken"
    assert written == "whole"


def test_a_second_signal_does_not_disturb_the_record_of_the_first() -> None:
    interrupts = Interrupts()
    with interrupts.listening():
        with pytest.raises(Interrupted), interrupts.armed():
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert interrupts.received == "SIGINT"


def test_a_signal_that_is_held_back_waits_for_the_end_of_the_stretch() -> None:
    interrupts, done = Interrupts(), []

    def work() -> None:
        with interrupts.held_back():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("import")
        done.append("never")

    with interrupts.listening(), pytest.raises(Interrupted), interrupts.armed():
        work()
    assert done == ["import"]


def test_the_old_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts().listening():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_under_nohup_a_closed_window_breaks_nothing_off() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interrupts = Interrupts()
    try:
        with interrupts.listening(), interrupts.armed():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert interrupts.received is None
