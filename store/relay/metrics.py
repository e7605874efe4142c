"""Metrics in the Prometheus text format, or OpenMetrics if the client accepts it."""

import time
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from store.database.reader import Reader
from store.model.record import StreamRow
from store.relay.change_feed import ChangeFeed
from store.relay.connection import Connections
from store.relay.run_list import count_by_status

_STREAM_COUNTERS: tuple[tuple[str, str, Callable[[StreamRow], int]], ...] = (
    ("treetop_events_stored", "Events stored, by stream.", lambda stream: stream.stored),
    ("treetop_events_duplicate", "Events that were stored before, by stream.", lambda stream: stream.duplicate),
    ("treetop_gaps", "Times entries were gone before they were read, by stream.", lambda stream: stream.gaps),
)

_LABELS = ("stream", "server")
"""Labels of metrics of a stream. Several servers may have streams of the same name."""

_KNOWN_LOSSES = (
    "SELECT s.name, s.address, coalesce(sum(g.lost), 0) FROM stream s LEFT JOIN gap g ON g.stream = s.key GROUP BY s.key"
)


class _Collected(Collector):
    """Serves metrics that were read before: a collector cannot await."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


async def read_metrics(
    reader: Reader, feed: ChangeFeed, connections: Connections, clock: Callable[[], float] = time.time
) -> list[Metric]:
    """All metrics, from one read transaction of `reader`. Raises FileError."""
    metrics: list[Metric] = []
    runs = GaugeMetricFamily("treetop_runs", "Runs in the file, by status.", labels=["status"])
    for status, count in (await count_by_status(reader, clock())).items():
        runs.add_metric([status], count)
    metrics.append(runs)
    streams = await reader.streams()
    for name, text, value in _STREAM_COUNTERS:
        counter = CounterMetricFamily(name, text, labels=_LABELS)
        for stream in streams:
            counter.add_metric([stream.name, stream.address], value(stream))
        metrics.append(counter)
    lost = CounterMetricFamily("treetop_entries_lost", "Entries known to be lost, by stream.", labels=_LABELS)
    for name, address, number in await reader.rows(_KNOWN_LOSSES):
        lost.add_metric([name, address], number)
    # A gauge, because `treetop prune --rejected` removes them.
    rejected = GaugeMetricFamily("treetop_entries_rejected", "Entries that are not events, by stream.", labels=_LABELS)
    for stream in streams:
        rejected.add_metric([stream.name, stream.address], stream.rejected)
    metrics += [lost, rejected]
    arrived = await reader.rows("SELECT ms / 1000.0 FROM event ORDER BY seq DESC LIMIT 1")
    if arrived:
        metrics.append(
            GaugeMetricFamily(
                "treetop_newest_event_age_seconds", "Since the newest stored event arrived.", clock() - arrived[0][0]
            )
        )
    metrics += [
        GaugeMetricFamily(
            "treetop_lag_seconds", "From the arrival of events in Redis to their sending, last.", feed.lag or 0.0
        ),
        GaugeMetricFamily("treetop_clients", "WebSocket clients now.", len(connections)),
        CounterMetricFamily("treetop_clients_accepted", "WebSocket clients since the start.", connections.accepted),
        CounterMetricFamily(
            "treetop_clients_stalled", "WebSocket clients dropped because they did not read.", connections.stalled
        ),
        CounterMetricFamily("treetop_sent_bytes", "Bytes of frames sent.", connections.sent_bytes),
        CounterMetricFamily("treetop_sent_events", "Events sent, counted for each client.", feed.sent_events),
    ]
    return metrics


def exposition(metrics: list[Metric], accept: str) -> tuple[bytes, str]:
    """The metrics as text, and its media type."""
    registry = CollectorRegistry()
    registry.register(_Collected(metrics))
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type
