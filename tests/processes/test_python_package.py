"""The Python client as a package: built without the network, whole, typed, and importable where it is installed."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from devstack.child import ROOT

CLIENT = ROOT / "clients" / "python"
_SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import fairboard_client
print(fairboard_client.__version__, fairboard_client.__file__)
fairboard_client.Server("http://127.0.0.1:1", key="k").close()
"""


def test_a_wheel_is_built_installed_and_imported(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "uv", "build", "--offline", "--quiet", "--out-dir", str(tmp_path), str(CLIENT)]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert len(list(tmp_path.glob("*.tar.gz"))) == 1
    modules = {f"fairboard_client/{path.name}" for path in (CLIENT / "src/fairboard_client").glob("*.py")}
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert {*modules, "fairboard_client/py.typed"} <= packed
    assert any(name.endswith("licenses/LICENSE") for name in packed)
    folder = tmp_path / "installed"
    install = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--offline",
        "--quiet",
        "--no-deps",
        "--target",
        str(folder),
    ]
    subprocess.run([*install, "--python", sys.executable, str(wheel)], check=True)
    command = [sys.executable, "-I", "-c", _SCRIPT, str(folder)]
    version, place = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert version == tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]["version"]
    assert Path(place).parent == folder / "fairboard_client"


def test_the_readme_is_of_one_screen() -> None:
    assert len((CLIENT / "README.md").read_text().splitlines()) <= 60
    assert (CLIENT / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
