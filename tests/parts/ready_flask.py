"""`flask` for a shell of the tests, in forks of ready_python: `python -m tests.parts.ready_flask ADDRESS ARGUMENT…`."""

from __future__ import annotations

import os
import sys

from tests.parts import ready_python

if __name__ == "__main__":
    server, *arguments = sys.argv[1:]
    result = ready_python.run(os.environ, "flask", ["flask", "--app", "wsgi", *arguments], server=server)
    sys.stdout.write(result.stdout)
    sys.stderr.write(result.stderr)
    sys.exit(result.returncode)
