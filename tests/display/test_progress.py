"""The bar: seen on a terminal only, late, and gone when the work is done."""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Callable

import pytest

from impact.display.progress import bar, progress


class Screen(io.StringIO):
    """A terminal that remembers everything that was written."""

    def isatty(self) -> bool:
        return True


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    assert condition()


def test_the_bar_is_drawn_and_erased() -> None:
    screen = Screen()
    with progress("computing cells", lambda: 0.25, stream=screen, after=0, every=0.001):
        wait_for(lambda: "25 %" in screen.getvalue())
    drawn = screen.getvalue()
    assert "computing cells [######------------------]  25 % 0:00" in drawn
    assert drawn.endswith("\r\x1b[K")
    assert "\n" not in drawn


def test_a_short_work_shows_nothing() -> None:
    screen = Screen()
    with progress("computing", lambda: 0.5, stream=screen, after=30):
        pass
    assert screen.getvalue() == ""


def test_nothing_is_written_or_started_without_a_terminal() -> None:
    threads = threading.active_count()
    stream = io.StringIO()
    with progress("computing", lambda: 0.5, stream=stream, after=0, every=0.001):
        assert threading.active_count() == threads
        time.sleep(0.05)
    assert stream.getvalue() == ""


def test_the_error_stream_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, output = Screen(), Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(sys, "stdout", output)
    with progress("computing", lambda: None, after=0, every=0.001):
        wait_for(lambda: "computing" in screen.getvalue())
    assert output.getvalue() == ""


def test_the_bar_is_erased_when_the_work_fails() -> None:
    screen = Screen()

    def work() -> None:
        with progress("computing", lambda: 0.5, stream=screen, after=0, every=0.001):
            wait_for(lambda: "50 %" in screen.getvalue())
            raise RuntimeError("the work failed")

    with pytest.raises(RuntimeError, match="the work failed"):
        work()
    assert screen.getvalue().endswith("\r\x1b[K")


def test_a_fraction_that_cannot_be_said_is_time_only() -> None:
    def unknown() -> float:
        raise RuntimeError("not now")

    screen = Screen()
    with progress("computing", unknown, stream=screen, after=0, every=0.001):
        wait_for(lambda: "computing 0:00" in screen.getvalue())
    assert "[#" not in screen.getvalue() and "%" not in screen.getvalue()


def test_a_terminal_that_is_closed_does_not_stop_the_work() -> None:
    screen = Screen()
    with progress("computing", lambda: 0.5, stream=screen, after=0, every=0.001):
        wait_for(lambda: "50 %" in screen.getvalue())
        screen.close()
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [
        (0.0, "x [------------------------]   0 % 0:05"),
        (0.999, "x [#######################-]  99 % 0:05"),
        (1.0, "x [########################] 100 % 0:05"),
        (-0.01, "x [------------------------]   0 % 0:05"),
        (1.7, "x [########################] 100 % 0:05"),
    ],
)
def test_the_part_done_by_hand(fraction: float, expected: str) -> None:
    assert bar("x", fraction, 5.9, 80) == expected


def test_a_line_never_wraps_nor_breaks() -> None:
    assert bar("x" * 200, 0.5, 1, 20) == "x" * 19
    assert bar("a\nb\x1b[2Jc", None, 61, 80) == "a?b?[2Jc 1:01"
