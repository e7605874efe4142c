"""What one reading of a session gives to its screen."""

from msgspec import Struct

from tui.models.snapshot import EventRows, Header, Playback, TreeNodes


class Picture(Struct, frozen=True, eq=False):
    """What the panes of a run draw, all at one position."""

    tree: TreeNodes
    header: Header
    playback: Playback | None
    """None: no time travel."""
    events: EventRows | None
    """None: another node was selected while the picture was read."""
    ended: bool
    """Whether the run ended since the last picture."""
    complete: bool
    """False: the timeline is read only in part, and another picture must follow."""
