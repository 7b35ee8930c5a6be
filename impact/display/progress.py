"""A bar on the terminal while something takes long; nothing anywhere else."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TextIO

_WIDTH = 24  # signs between the brackets
_ERASE = "\r\x1b[K"  # back to the margin, and wipe to the end of the line


@contextmanager
def progress(
    label: str,
    fraction: Callable[[], float | None],
    *,
    stream: TextIO | None = None,
    after: float = 2.0,
    every: float = 0.25,
) -> Iterator[None]:
    """Show how far the work of a `with` block has come, if it lasts and a person is looking.

    Parameters
    ----------
    label : str
        What is being done.
    fraction : callable
        Gives the part that is done, from 0 to 1, or None where it is not known. It is called from
        another thread.
    stream : text stream, optional
        Where to draw; the error stream where missing. Unless it is a terminal, nothing is written.
    after, every : float
        Seconds until the bar appears, and between two drawings.

    Examples
    --------
    >>> with progress("adding", lambda: 0.5):  # done at once: nothing is seen
    ...     1 + 1
    2
    """
    terminal = sys.stderr if stream is None else stream
    if not terminal.isatty():
        yield
        return
    done = Event()
    drawing = Thread(
        target=_draw, args=(terminal, label, fraction, done, after, every), daemon=True
    )
    drawing.start()
    try:
        yield
    finally:
        done.set()
        drawing.join()


def bar(label: str, fraction: float | None, seconds: float, columns: int) -> str:
    """Write one line: label, bar, per cent, time; cut to the width of the terminal.

    Examples
    --------
    >>> bar("reading roster.csv", 0.5, 75, 80)
    'reading roster.csv [############------------]  50 % 1:15'
    >>> bar("reading roster.csv", None, 75, 80)
    'reading roster.csv 1:15'
    """
    clock = f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
    shown = "".join(sign if sign.isprintable() else "?" for sign in label)
    if fraction is None:
        line = f"{shown} {clock}"
    else:
        part = min(max(fraction, 0.0), 1.0)
        full = int(part * _WIDTH)
        # Plain signs: a terminal that is not UTF-8 shows them too.
        line = f"{shown} [{'#' * full}{'-' * (_WIDTH - full)}] {int(part * 100):3d} % {clock}"
    return line[: max(columns - 1, 0)]  # a full line would wrap, and could not be erased


def _draw(
    terminal: TextIO,
    label: str,
    fraction: Callable[[], float | None],
    done: Event,
    after: float,
    every: float,
) -> None:
    start = time.monotonic()
    if done.wait(after):
        return
    with suppress(OSError, ValueError):  # the terminal was closed: the work goes on
        while True:
            part = None
            with suppress(Exception):  # an engine that cannot say how far it is
                part = fraction()
            line = bar(label, part, time.monotonic() - start, shutil.get_terminal_size().columns)
            terminal.write(_ERASE + line)
            terminal.flush()
            if done.wait(every):
                break
        terminal.write(_ERASE)
        terminal.flush()
