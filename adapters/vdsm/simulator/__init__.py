"""A VDSM without a hypervisor: the real wire protocol and states, over real files in a directory.

`python -m adapters.vdsm.simulator --data DIR --port N` serves it; `seed` fills a directory.
"""

from adapters.vdsm.simulator.faults import Effect, Fault
from adapters.vdsm.simulator.seed import SECOND_DOMAIN, Seeded, seed

__all__ = ["SECOND_DOMAIN", "Effect", "Fault", "Seeded", "seed"]
