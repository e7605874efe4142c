"""The connection to Redis is cut in the middle of a reply."""

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from store.redis_server import RedisServer
from tests.conftest import until
from tests.faults.numbered import publishing, settle
from tests.faults.proxy import Proxy
from tests.live import ingesting, number_stored

pytestmark = pytest.mark.usefixtures("impatient")


def test_a_reply_that_is_cut_short_is_asked_for_again(redis_server: RedisServer, db: Path) -> None:
    """At each second one of the first 300 bytes that Redis says, and then anywhere."""
    chance = random.Random(4)
    allowed = [*range(1, 300, 2), *(chance.randrange(300, 60_000) for _ in range(100))]
    with TemporaryDirectory(prefix="treetop-") as folder, Proxy(redis_server, Path(folder), iter(allowed)) as proxy:
        with ingesting(db, proxy.url):
            with publishing(redis_server) as sent:
                until(lambda: proxy.cuts == len(allowed))
            until(lambda: number_stored(db) >= len(sent))
        cuts = proxy.cuts
    found = settle("connection cut in the middle of a reply", cuts, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])
