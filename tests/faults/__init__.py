"""Faults around an ingester: killed processes, a Redis that loses data, full disks, deleted files.

Every event has a unique number, so that lost and duplicated events are counted. The ledger at the end of the test run has
a line for each fault.
"""
