"""Become a command that dies with its parent: `python -I -S spawn.py PARENT SIGNAL IDENTITY -- COMMAND…`.

This is a process of its own, because these calls belong between fork and exec, where a program with threads may not run
Python. It imports nothing but the standard library and starts in a few milliseconds.

IDENTITY is `same` (as we are), `mapped` (the same user under another number) or `uid:gid` (that user). PostgreSQL
refuses to run as uid 0. `mapped` gives it a user namespace in which our uid has another number, such as 65534: it is
still us to the file system, so no folder has to be opened to other users. Where namespaces are refused, `uid:gid` is
another user that keeps the one capability it takes to pass through folders that are closed to others.
"""

import ctypes
import os
import pwd
import signal
import struct
import sys

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG, PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 28, 47, 2
SECBIT_NO_SETUID_FIXUP = 4
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, operation: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), operation + ": " + os.strerror(ctypes.get_errno()))


def _pick_other_identity() -> "tuple[int, int]":
    """Return a uid and gid other than 0 that have a name here: initdb looks its own up."""
    entries = sorted(pwd.getpwall(), key=lambda entry: (entry.pw_name != "nobody", entry.pw_uid))
    for entry in entries:
        if entry.pw_uid != 0:
            return entry.pw_uid, entry.pw_gid
    raise OSError("this system has no user except root")


def _map_identity() -> None:
    uid, gid = os.geteuid(), os.getegid()
    inside_uid, inside_gid = _pick_other_identity()
    _check(_libc.unshare(CLONE_NEWUSER), "user namespace")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", "%d %d 1" % (inside_uid, uid)),
        ("gid_map", "%d %d 1" % (inside_gid, gid)),
    ):
        with open("/proc/self/" + name, "w") as file:
            file.write(text)


def _become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    # This keeps capabilities over the change of user, and lets access(2), which initdb calls, respect them.
    _check(_libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0), "secure bits")
    os.setuid(uid)
    bit = 1 << CAP_DAC_OVERRIDE
    header = struct.pack("Ii", CAPABILITY_VERSION_3, 0)
    sets = struct.pack("6I", bit, bit, bit, 0, 0, 0)
    _check(_libc.capset(header, sets), "capset")
    _check(_libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0), "ambient capability")


def main(arguments: "list[str]") -> None:
    """Prepare this process, and become the command: `PARENT DEATH_SIGNAL IDENTITY PATH COMMAND…`."""
    parent, death_signal, identity, _, *command = arguments
    if identity == "mapped":
        _map_identity()
    elif identity != "same":
        uid, gid = identity.split(":")
        _become(int(uid), int(gid))
    # Set this after the change of identity, which clears it.
    _check(_libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0), "parent death signal")
    if os.getppid() != int(parent):
        sys.exit("the launcher is gone")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.exit("cannot start " + " ".join(sys.argv[5:6]) + ": " + str(error))
