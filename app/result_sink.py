"""Standard output of a command whose output is its result: losing it is a failure, in one line on standard error.

`make` also writes this file to .venv/bin/flask, so that it watches over the output from the start of the program.
"""

import errno
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _ResultFile(io.FileIO):
    """The descriptor of standard output; a failed write ends the program."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write as much of the data as fits. Raises SystemExit if none of it can be written."""
        try:
            return super().write(data)
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())  # Python writes its buffers again when it exits
            if error.errno == errno.EPIPE:  # the reader wants no more, as in `flask … | head`
                raise SystemExit(1) from error
            reason = "standard output is closed" if error.errno == errno.EBADF else error.strerror
            raise SystemExit(f"Error: The result could not be written: {reason}.") from error


def guard_results() -> None:
    """Make this process fail when what it prints is lost, on a full disk or where standard output is closed.

    A replacement for standard output, such as a test's, is left alone.
    """
    stream = sys.stdout
    if stream is not sys.__stdout__:
        return
    if stream is None:  # it was closed: every write to a file that is open for reading fails
        descriptor, encoding, errors = os.open(os.devnull, os.O_RDONLY), "utf-8", "strict"
    else:
        descriptor, encoding, errors = stream.fileno(), stream.encoding, stream.errors or "strict"
    buffer = io.BufferedWriter(_ResultFile(descriptor, "w", closefd=False))
    sys.stdout = io.TextIOWrapper(buffer, encoding, errors, line_buffering=True)  # no text is left for the exit


if __name__ == "__main__":
    from flask.cli import cli, main

    cli._loaded_plugin_commands = True  # there are none but Flask-Limiter's, which know nothing of our limits
    cli.help = "The commands of Fairboard. Each has --help with an example."
    guard_results()
    main()
