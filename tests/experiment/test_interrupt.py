import os
import signal
import subprocess
import sys
import threading

import pytest

from sktech.experiment.interrupt import interrupts_wait

pytestmark = [pytest.mark.skipif(os.name == "nt", reason="signals differ"), pytest.mark.usefixtures("interruptible")]

INTERRUPTS_ITSELF = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('on')"


def blocked():
    return signal.pthread_sigmask(signal.SIG_BLOCK, [])


def interrupted_inside(steps):
    with interrupts_wait():
        with interrupts_wait():
            os.kill(os.getpid(), signal.SIGINT)
            steps.append("after the signal")
        steps.append("after the inner block")
    steps.append("after the outer block")


def test_an_interrupt_is_raised_at_the_end_of_the_outermost_block():
    steps = []
    with pytest.raises(KeyboardInterrupt):
        interrupted_inside(steps)
    assert steps == ["after the signal", "after the inner block"]


def test_everything_is_as_before_also_after_an_error():
    handler, mask = signal.getsignal(signal.SIGINT), blocked()
    with pytest.raises(ZeroDivisionError), interrupts_wait():
        1 / 0  # noqa: B018
    assert signal.getsignal(signal.SIGINT) is handler
    assert blocked() == mask


def test_who_ignored_interrupts_still_does():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupts_wait():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_process_started_inside_never_gets_one():
    command = [sys.executable, "-c", INTERRUPTS_ITSELF]
    with interrupts_wait():
        inside = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert inside.communicate(timeout=60) == ("on\n", "")
    outside = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "KeyboardInterrupt" in outside.stderr


def test_other_threads_leave_signals_alone():
    seen = []

    def look():
        with interrupts_wait():
            seen.append((signal.getsignal(signal.SIGINT), blocked()))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [(signal.getsignal(signal.SIGINT), blocked())]
