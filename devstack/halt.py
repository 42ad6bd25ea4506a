"""`make cluster-stop`: end a cluster from any terminal, and leave nothing of it but its data."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import sys
import time
from pathlib import Path

from app.log_sink import guard_standard_output
from devstack import cluster_map, processes, surroundings
from devstack.child import CannotStart
from devstack.cluster import REPLICAS
from devstack.folder import Folder
from devstack.postgres import Postgres
from devstack.processes import Process
from devstack.replica import Replica

_TIMEOUT_SECONDS = 60.0


def main() -> int:
    """Return 0 when nothing runs any more, 1 when a process could not be ended."""
    surroundings.enter(surroundings.for_parts(os.environ))
    guard_standard_output()  # it stops the cluster, whether or not its output can be written
    parser = argparse.ArgumentParser(prog="python -m devstack.halt", description=__doc__)
    parser.add_argument("--folder", type=Path, default=cluster_map.FOLDER, help="where the cluster lives")
    folder: Path = parser.parse_args().folder
    if not folder.joinpath("run.lock").exists():
        print(f"no cluster has ever run in {folder}")
        return 0
    launcher = _launcher(folder)
    if launcher is not None:
        print(f"Stopping the cluster in {folder} (process {launcher.pid})", flush=True)
        _end(launcher)
    try:
        if _needs_cleanup(folder):
            _clean_up(folder)
    except CannotStart as error:
        print(f"could not stop it: {error}", file=sys.stderr)
        return 1
    print(f"Stopped. Its data stays in {folder}." if launcher else f"No cluster runs in {folder}.")
    return 0


def _launcher(folder: Path) -> Process | None:
    """Return the process that holds the lock of the folder, or `None` if it is free."""
    descriptor = os.open(folder / "run.lock", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = (folder / "run.lock").read_text().strip()
        return next((process for process in processes.tree(int(owner)) if str(process.pid) == owner), None)
    finally:
        os.close(descriptor)
    return None


def _end(launcher: Process) -> None:
    """Interrupt it as Ctrl-C does; kill it, and with it its children, if it takes too long."""
    launcher.signal(15)
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while launcher.is_alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    processes.end([launcher])


def _needs_cleanup(folder: Path) -> bool:
    """Return whether the cluster was killed, or is being killed."""
    return any(folder.glob("*/data/postmaster.pid")) or bool(processes.holders(folder / "parts.lock"))


def _clean_up(folder: Path) -> None:
    """Remove the remains of a killed cluster: processes, then the sockets and shared memory of PostgreSQL."""
    last_map = cluster_map.read(folder)
    owned_folder = Folder(folder)
    owned_folder.take(lambda line: None)  # ends the processes that are left, or raises CannotStart
    try:
        primary = Postgres(
            folder / "postgres", owned_folder.log("postgres"), keep_open=owned_folder.inherited_descriptors
        )
        names = [f"replica-{number}" for number in range(1, REPLICAS + 1)]
        replicas = [
            Replica(
                folder / name,
                owned_folder.log(name),
                primary=primary,
                name=name,
                keep_open=owned_folder.inherited_descriptors,
            )
            for name in names
        ]
        for server in [primary, *replicas]:
            if (server.cluster / "postmaster.pid").exists():
                server.start()  # it adopts the remains of the killed server, and removes them when it stops
                server.stop()
        for part in last_map[1] if last_map else ():
            temporary = Path(part.address)
            if temporary.name.startswith("fairboard-") and folder not in temporary.parents:
                shutil.rmtree(temporary, ignore_errors=True)
        cluster_map.forget(folder)
    finally:
        owned_folder.release()


if __name__ == "__main__":
    sys.exit(main())
