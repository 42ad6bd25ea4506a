"""The user that PostgreSQL runs as: it refuses uid 0, and its user must have a name."""

from __future__ import annotations

import functools
import os
import pwd
import subprocess
import sys
from pathlib import Path

from devstack.child import CannotStart

_SPAWN = Path(__file__).with_name("spawn.py")


def identity_for(*folders: Path) -> str:
    """Return the IDENTITY for spawn.py; give the folders to that user where it is another one.

    Raises `CannotStart` if this system allows none.
    """
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return "same"
    owner = folders[0].stat().st_uid
    if owner == os.geteuid() and _works("mapped"):
        return "mapped"
    if os.geteuid() == 0:
        return _other_user(owner, folders)
    raise CannotStart(f"user {os.geteuid()} has no name here, which PostgreSQL needs: run as another user")


def _other_user(owner: int, folders: tuple[Path, ...]) -> str:
    name = pwd.getpwuid(owner).pw_name if owner != 0 and _has_name(owner) else "nobody"
    entry = pwd.getpwnam(name)
    identity = f"{entry.pw_uid}:{entry.pw_gid}"
    if not _works(identity):
        raise CannotStart(
            "PostgreSQL does not run as root, and this system allows neither user namespaces nor another user: "
            "run as an ordinary user, or give DATABASE_URL"
        )
    for folder in folders:
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    return identity


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


@functools.cache
def _works(identity: str) -> bool:
    # Try it: whether namespaces are allowed depends on the kernel, its settings and any container around.
    trial = [sys.executable, "-I", "-S", str(_SPAWN), str(os.getpid()), "15", identity, "--", "true"]
    return subprocess.run(trial, capture_output=True).returncode == 0
