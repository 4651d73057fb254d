"""The fault suite: what is done to four regions, one function a scenario. What must be true of
all afterwards is in world.py; in the modules named here is only what is special.

D is the lease, 0.6 s. The home of us-1 is the victim where one is needed: it is the home of
trio-1 and global-1 as well, unless an earlier failover has moved them.
"""

import cuts
import deaths
import disks
from suite import NOT_RUN, SCENARIOS

__all__ = ["NOT_RUN", "SCENARIOS", "cuts", "deaths", "disks"]
