"""Reconciliation: an upstream's export against the charges that went through its channel."""

import io
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any, ClassVar

import orjson
from marshmallow import ValidationError

from admin.base import Takes
from admin.downloads import TABLES, DownloadHandler
from admin.schemas.corrections import ReconcileQuery
from gateway.directory.users import ROLE_ADMIN
from ledger.history import History
from ledger.reconcile import CLASSES, REPORT, Reconciliation, Wanted, reconcile
from ledger.reconcile_match import MATCHED
from ledger.tables import json_object
from ledger.usage_export import checked_mapping, parse_mapping

SHOWN = 1_000


class ReconcileHandler(DownloadHandler):
    """POST /api/ledger/reconcile: the export as the body, or as the part `file` of a form."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"POST": ReconcileQuery}
    downloads: ClassVar[tuple[str, ...]] = TABLES
    max_body_bytes: ClassVar[int] = 256 << 20

    async def post(self) -> None:
        """Answer totals and what does not match, or all rows as a file."""
        sent = self._read()
        wanted = Wanted(
            channel=sent["channel"],
            mapping=_mapping(sent["map"]),
            from_us=sent.get("from_us"),
            to_us=sent.get("to_us"),
            match=sent["match"],
            bucket_us=sent["bucket"] * 1_000_000,
        )
        text = io.TextIOWrapper(io.BytesIO(self._export()), encoding="utf-8", newline="")
        context = self.context
        history = await History.open(context.books.store, context.archive_dir)
        try:
            result = await reconcile(history, text, wanted)
        except UnicodeDecodeError:
            raise ValidationError("the export is not UTF-8 text") from None
        with result:
            await self._answer(result, sent)

    async def _answer(self, result: Reconciliation, sent: dict[str, Any]) -> None:
        classes = [name for name in CLASSES if sent["all"] or name != MATCHED]
        if sent["format"] != "json":
            rows = _rows(result, classes)
            name = f"reconciliation-{result.wanted.channel}"
            await self.send_table(sent["format"], REPORT, rows, name=name, title="Rows")
            return
        shown = result.rows(*classes, limit=SHOWN)
        self.ok(
            {
                "channel": result.wanted.channel,
                "agrees": result.agrees,
                "totals": result.totals(),
                "rows": [json_object(REPORT, row) for row in shown],
                "shown": SHOWN,
            }
        )

    def _read(self) -> dict[str, Any]:
        """The parameters, from the query and the fields of a form."""
        for name, values in self.request.body_arguments.items():
            self.request.query_arguments.setdefault(name, values)
        return self.query()

    def _export(self) -> bytes:
        for files in self.request.files.values():
            return bytes(files[0]["body"])
        return bytes(self.request.body)


def _mapping(text: str) -> dict[str, str]:
    """Read the mapping: field=column,… or a JSON object, for columns with commas."""
    if not text.startswith("{"):
        return parse_mapping(text)
    try:
        mapping = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValidationError({"map": [f"Not JSON: {error}"]}) from None
    return checked_mapping(mapping)


async def _rows(
    result: Reconciliation, classes: Sequence[str]
) -> AsyncGenerator[Sequence[Any], None]:
    rows: Iterator[Sequence[Any]] = result.rows(*classes)
    for row in rows:
        yield row
