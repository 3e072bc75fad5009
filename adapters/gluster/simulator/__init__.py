"""A program that behaves as `gluster` does, on directories of real files, faults included.

    python -m adapters.gluster.simulator volume rebalance photos start --xml

keeps its cluster in the directory `GLUSTER_SIMULATOR_STATE`. `install` writes a small executable,
so that the simulator and a real `gluster` are interchangeable by path; `seed` makes a volume with
files. Nothing in here loads pydantic or the like: every request is a process of its own, and must
be cheap.
"""

from adapters.gluster.simulator.faults import Faults
from adapters.gluster.simulator.seeding import files_on, install, seed, write_file

__all__ = ["Faults", "files_on", "install", "seed", "write_file"]
