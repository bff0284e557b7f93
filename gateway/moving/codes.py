"""Redemption codes: those that can be redeemed go on, those that were used are history."""

from dataclasses import dataclass, field
from typing import Any

from gateway.directory.codes import STATUS_DISABLED, STATUS_ENABLED
from gateway.directory.documents import Document
from gateway.directory.vault import Vault
from gateway.moving.people import is_deleted
from gateway.moving.report import Report
from gateway.moving.source import Row
from gateway.moving.values import LAST_SECOND, text, whole
from ledger.money import nano_from_quota

USED = 3
#: No batch has this number, and a code whose batch was not issued is worth nothing.
NO_BATCH = 0


@dataclass(slots=True)
class CodeBatch:
    """Codes of one value, made together; they become one batch here."""

    name: str
    value_nano: int
    docs: list[Document] = field(default_factory=list)


def read_codes(
    rows: list[Row], vault: Vault, report: Report
) -> tuple[list[CodeBatch], list[Document]]:
    """Return the batches of codes that were not used, and the used codes."""
    batches: dict[tuple[Any, ...], CodeBatch] = {}
    used: list[Document] = []
    hashes: set[str] = set()
    for row in rows:
        doc = _code(row, vault, report)
        if doc is None:
            continue
        if doc["hash"] in hashes:
            report.leave(f"code {doc['_id']}", "another has the same text")
            continue
        hashes.add(doc["hash"])
        if whole(row.get("status")) == USED:
            doc |= {
                "status": STATUS_DISABLED,
                "batch": NO_BATCH,
                "used_s": whole(row.get("redeemed_time")) or doc["created_s"] or 1,
                # One API does not keep who redeemed a code; new-api does.
                "used_by": whole(row.get("used_user_id")),
            }
            used.append(doc)
            continue
        alike = (doc["creator_id"], doc["name"], doc["value_nano"], doc["created_s"])
        batch = batches.setdefault(
            (*alike, doc["expires_s"]), CodeBatch(doc["name"], doc["value_nano"])
        )
        batch.docs.append(doc)
    return list(batches.values()), used


def _code(row: Row, vault: Vault, report: Report) -> Document | None:
    what = f"code {whole(row['id'])}"
    secret, quota = text(row.get("key")).strip(), whole(row.get("quota"))
    if quota <= 0 or not secret:
        report.leave(what, f"it is worth {quota} quota" if secret else "it has no text")
        return None
    try:
        value_nano = nano_from_quota(quota)
    except ValueError as error:
        report.leave(what, str(error))
        return None
    return {
        "_id": whole(row["id"]),
        "creator_id": whole(row.get("user_id")),
        "name": text(row.get("name")).strip() or "-",
        "value_nano": value_nano,
        "hash": Vault.digest(secret),
        "secret_enc": vault.encrypt(secret),
        "status": STATUS_ENABLED if whole(row.get("status")) == STATUS_ENABLED else STATUS_DISABLED,
        "source": "paid",
        "valid_days": 0,
        "expires_s": min(max(0, whole(row.get("expired_time"))), LAST_SECOND),
        "per_user": 0,
        "created_s": whole(row.get("created_time")),
        "deleted": is_deleted(row),
    }
