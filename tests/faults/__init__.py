"""What goes wrong around an ingester, made to happen: processes die, Redis forgets, disks fill up, files vanish.

Every event has a number of its own, so what was lost or stored twice is counted and not assumed. The ledger at the end of
the run has a line for each fault.
"""
