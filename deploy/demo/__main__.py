"""Simulated players for a running Fairboard: `python -m deploy.demo http://127.0.0.1:8000`; Ctrl-C ends it.

They are honest players of different skill and some cheaters, ordinary clients all. Beside the public API the demo only
reads the open cases, where DATABASE_URL is set, to show the flagged players.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import signal
import sys
import threading

from deploy.demo.run import run


def main() -> int:
    """Return 0 after a requested stop."""
    arguments = _arguments()
    stop = threading.Event()
    _set_at_signal(stop)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")

    def out(line: str) -> None:
        try:
            print(line, flush=True)
        except OSError:  # the reader is gone
            stop.set()

    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    run(arguments.url, stop, out, os.environ, seed=arguments.seed, colour=colour)
    return 0


def _set_at_signal(stop: threading.Event) -> None:
    """Set the event at a signal to end. Call it before other threads are started: they inherit the blocked signals.

    A thread waits for the signal: a handler could deadlock with the code that it interrupts, over the event's lock.
    """
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)

    def wait() -> None:
        while True:
            signal.sigwait(signals)
            stop.set()

    threading.Thread(target=wait, name="signals", daemon=True).start()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description=__doc__)
    parser.add_argument("url", help="where Fairboard answers")
    seed = os.environ.get("SEED", "")
    default = int(seed) if seed.isdecimal() else random.randrange(1_000_000)
    parser.add_argument(
        "--seed", type=int, default=default, help="repeat what the players do (default: SEED in the environment)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
