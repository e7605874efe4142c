"""The topics of simulated agents: six reports and a story.

Firms, towns and studies are fictional. Every web address is under the reserved domain `example.org`.
"""

from tui.demo.topic.ai_writing import AI_WRITING
from tui.demo.topic.batteries import BATTERIES
from tui.demo.topic.heat_pumps import HEAT_PUMPS
from tui.demo.topic.lighthouse import LIGHTHOUSE
from tui.demo.topic.night_trains import NIGHT_TRAINS
from tui.demo.topic.record import RunMode, Topic
from tui.demo.topic.small_databases import SMALL_DATABASES
from tui.demo.topic.street_trees import STREET_TREES

__all__ = ["TOPICS", "RunMode", "Topic"]

TOPICS: dict[str, Topic] = {
    topic.key: topic
    for topic in (AI_WRITING, HEAT_PUMPS, BATTERIES, LIGHTHOUSE, NIGHT_TRAINS, STREET_TREES, SMALL_DATABASES)
}
"""Every topic by its key, in the order in which seeds take them."""
