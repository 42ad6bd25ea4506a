"""Become a command that dies with its parent: `python -I -S spawn.py PARENT SIGNAL IDENTITY -- COMMAND…`.

A process of its own, because these calls belong between fork and exec, where a program with threads may not run
Python. It imports nothing but the standard library and starts in a few milliseconds.

IDENTITY is `same` (as we are), `mapped` (the same user under another number) or `uid:gid` (that user).
PostgreSQL refuses to run as uid 0. `mapped` gives it a user namespace in which our uid is called 65534 or the like:
it is still us to the file system, so no folder has to be opened to anybody. Where namespaces are refused, `uid:gid`
is another user who keeps the one capability it takes to pass through folders that are closed to others.
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


def _checked(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), what + ": " + os.strerror(ctypes.get_errno()))


def _stand_in() -> "tuple[int, int]":
    """A uid and gid other than 0 that have a name here: initdb looks its own up."""
    entries = sorted(pwd.getpwall(), key=lambda entry: (entry.pw_name != "nobody", entry.pw_uid))
    for entry in entries:
        if entry.pw_uid != 0:
            return entry.pw_uid, entry.pw_gid
    raise OSError("no user but root is known on this system")


def _map_identity() -> None:
    uid, gid = os.geteuid(), os.getegid()
    inside_uid, inside_gid = _stand_in()
    _checked(_libc.unshare(CLONE_NEWUSER), "user namespace")
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
    # Keeps capabilities over the change of user, and lets access(2), which initdb asks, know of them.
    _checked(_libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0), "secure bits")
    os.setuid(uid)
    bit = 1 << CAP_DAC_OVERRIDE
    header = struct.pack("Ii", CAPABILITY_VERSION_3, 0)
    sets = struct.pack("6I", bit, bit, bit, 0, 0, 0)
    _checked(_libc.capset(header, sets), "capset")
    _checked(_libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0), "ambient capability")


def main(arguments: "list[str]") -> None:
    parent, death_signal, identity, _, *command = arguments
    if identity == "mapped":
        _map_identity()
    elif identity != "same":
        uid, gid = identity.split(":")
        _become(int(uid), int(gid))
    # After the change of identity, which clears it.
    _checked(_libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0), "parent death signal")
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
