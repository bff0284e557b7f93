"""Checking archives from end to end: files, digests, and every event in them.

Owns the answer to `verify --archive`. Promises that an archive it does not name is whole,
is the one whose digest the books recorded, and holds events that are each valid by themselves:
schema, amount against factors, id. Refuses to mend anything.
"""

import asyncio
from pathlib import Path

from ledger.archive import recorded_manifest
from ledger.archive_files import check, directory_name
from ledger.archived import Archives
from ledger.check_events import EventCheck
from ledger.errors import LedgerError
from ledger.report import Report
from ledger.store import Store


async def check_archives(store: Store, to: Path, report: Report) -> int:
    """Read all archives whose events were pruned, in the directory `to`; note what is wrong.

    Returns how many events were read. Raises StoreError.
    """
    events = 0
    for number in (await Archives.load(store)).numbers:
        directory = to / directory_name(number)
        checking = EventCheck(report)
        try:
            manifest = await recorded_manifest(store, directory, number)
            await asyncio.to_thread(check, directory, manifest, see=checking.check)
        except LedgerError as error:
            report.add("archive broken", f"archive {number}", str(error))
        else:
            events += sum(int(segment["events"]) for segment in manifest["segments"])
    return events
