"""The numbers of all workers together, kept by their parent.

A scrape that reaches any worker shows all of them. What a worker had counted is kept when it ends;
if it is killed, as it reported at most two seconds before. So counters never go back.
"""

import asyncio
from collections.abc import Collection

from gateway.child import Child
from gateway.metrics import Counts, Snapshot, cumulative, merge

# A worker that is too busy to answer in time is counted as it was at its last report.
REPORTS_S = 1.5


class Numbers:
    """What the workers counted that are gone, and how often one was started again."""

    def __init__(self) -> None:
        self._gone: Snapshot = {}
        self._own = Counts()

    def restarted(self) -> None:
        """Count a worker that is started again."""
        self._own["worker_restarts"].add()

    def keep(self, report: Snapshot) -> None:
        """Keep what a worker had counted when it ended."""
        self._gone = merge([self._gone, cumulative(report)])

    async def of(self, workers: Collection[Child], asker: Child) -> Snapshot:
        """Return the numbers of all workers; those of the asker are known already."""
        others = [each for each in workers if each is not asker]
        for each in others:
            each.reported.clear()
            each.link.send({"do": "report"})
        waits = [asyncio.create_task(each.reported.wait()) for each in others]
        if waits:
            await asyncio.wait(waits, timeout=REPORTS_S)
        for wait in waits:
            wait.cancel()
        reports = [each.report for each in workers]
        return merge([*reports, self._gone, cumulative(self._own.snapshot())])
