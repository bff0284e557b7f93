"""The first version of the book, whose rows are made by a process of their own.

Owns its publication and that process. Promises one first version, whoever comes first, with what
`seed_rows` returns; the package that the prices come from would stay in a server's memory for ever
(14 MB). Refuses nothing.
"""

import asyncio
import sys
from pathlib import Path

import orjson

from ledger.errors import InvalidPrices
from ledger.price_rows import Row
from ledger.price_seed import seed_rows
from ledger.prices import PriceBook, Recorder

DEFAULT_GROUPS = (("default", "1"), ("vip", "1"), ("svip", "1"))
_REFUSED = 2


async def seed(book: PriceBook, books: Recorder, yaml_path: Path, now_us: int) -> int:
    """Publish the first version and the default groups if nothing was ever published.

    Returns the version in force. Raises InvalidPrices when prices.yaml is malformed.
    """
    if book.latest:
        return book.version
    rows, note = await seed_rows_apart(yaml_path, now_us)
    return await book.publish(
        books, author="system", note=note, set_rows=rows, groups=DEFAULT_GROUPS
    )


async def seed_rows_apart(yaml_path: Path, now_us: int) -> tuple[list[Row], str]:
    """Return the first rows and where they come from, like `seed_rows`.

    Raises InvalidPrices for a malformed prices.yaml, OSError when there was no answer.
    """
    if "genai_prices" in sys.modules:  # it is here already: nothing to save
        return await asyncio.to_thread(seed_rows, yaml_path, now_us)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ledger.price_first", str(yaml_path), str(now_us)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaint = await child.communicate()
    if child.returncode == _REFUSED:
        raise InvalidPrices(complaint.decode().strip())
    if child.returncode:
        raise OSError(f"the packaged prices could not be read: {complaint.decode()[-2000:]}")
    rows, note = orjson.loads(said)
    return rows, note


def main(yaml_path: str, now_us: str) -> int:
    """Write the rows and the note as JSON; return the exit status."""
    try:
        made = seed_rows(Path(yaml_path), int(now_us))
    except InvalidPrices as error:
        print(error, file=sys.stderr)
        return _REFUSED
    sys.stdout.buffer.write(orjson.dumps(made))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
