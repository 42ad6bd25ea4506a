"""The benchmarks, the simulations and the faults. They use the Python client from its folder: it is not installed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients" / "python" / "src"))
