"""Room for the tests' servers in memory, where a commit waits for no disk."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

_MEMORY = Path("/dev/shm")


def place(needed: int) -> Path | None:
    """Return a folder in memory if `needed` bytes fit there with as many again to spare, else `None`."""
    if not os.access(_MEMORY, os.W_OK):
        return None
    (available,) = re.findall(r"^MemAvailable: +(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    room = min(shutil.disk_usage(_MEMORY).free, int(available) * 1024 // 2)
    return _MEMORY if room > needed else None
