"""Seals, bundles and receipts on the command line."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from tests.gateway.test_cli import Tollgate, served, tollgate

__all__ = ["served", "tollgate"]


def digest_in(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("digest ")).split()[1]


def test_keygen_makes_a_key_once(tollgate: Tollgate) -> None:
    done = tollgate("ledger", "keygen")
    assert done.returncode == 0 and "TOLLGATE_SIGNING_KEY=" in done.stdout, done.stderr
    secret = tollgate.cwd / "data" / "signing.pem"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert (tollgate.cwd / "data" / "signing.pub").read_text().strip() in done.stdout
    before = secret.read_text()
    again = tollgate("ledger", "keygen")
    assert again.returncode == 1 and "exists" in again.stderr
    assert secret.read_text() == before
    assert "PRIVATE" not in done.stdout


def test_seal_says_the_digest_and_idle_books_keep_it(served: Tollgate) -> None:
    first, second = served("ledger", "seal"), served("ledger", "seal")
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout and "seal 1 of" in first.stdout


def test_signed_seals_need_their_key(served: Tollgate, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    assert served("ledger", "keygen", "--output", str(key)).returncode == 0
    signed = served("ledger", "seal", TOLLGATE_SIGNING_KEY=str(key))
    assert "signed by" in signed.stdout, signed.stderr
    assert served("ledger", "seal").returncode == 0  # nothing new: nothing to sign


@pytest.mark.parametrize("given", ["nowhere.pem", "AAAA"])
def test_a_wrong_signing_key_is_refused_without_showing_it(tollgate: Tollgate, given: str) -> None:
    done = tollgate("ledger", "keygen", TOLLGATE_SIGNING_KEY=given)
    assert done.returncode == 2 and "TOLLGATE_SIGNING_KEY" in done.stderr
    assert given not in done.stderr


@pytest.mark.parametrize("name", ["books", "books.tar"])
def test_a_bundle_is_exported_and_checked_without_books(
    served: Tollgate, name: str, tmp_path: Path
) -> None:
    key = tmp_path / "key.pem"
    served("ledger", "keygen", "--output", str(key))
    written = served("ledger", "export", "--bundle", name, TOLLGATE_SIGNING_KEY=str(key))
    assert written.returncode == 0, written.stderr
    digest = digest_in(written.stdout)
    alone = replace(served, environ={})
    public = str(key.with_suffix(".pub"))
    done = alone("ledger", "verify", "--bundle", name, "--public-key", public)
    assert done.returncode == 0 and "The bundle is right" in done.stdout, done.stdout + done.stderr
    assert alone("ledger", "verify", "--bundle", name, "--expect-seal", digest).returncode == 0
    assert "notice: neither" in alone("ledger", "verify", "--bundle", name).stdout
    wrong = alone("ledger", "verify", "--bundle", name, "--expect-seal", "0" * 64)
    assert wrong.returncode == 1 and "The bundle is not right" in wrong.stdout.splitlines()[0]
    again = served("ledger", "export", "--bundle", name, TOLLGATE_SIGNING_KEY=str(key))
    assert again.returncode == 1 and "there already" in again.stderr


def test_a_receipt_is_written_and_checked_without_books(served: Tollgate) -> None:
    written = served("ledger", "receipt", "usage:r1", "--output", "r1.json")
    assert written.returncode == 0, written.stderr
    alone = replace(served, environ={})
    assert alone("ledger", "verify", "--receipt", "r1.json").returncode == 0
    path = served.cwd / "r1.json"
    path.write_text(path.read_text().replace('"amount": -5000', '"amount": -4000'))
    done = alone("ledger", "verify", "--receipt", "r1.json")
    assert done.returncode == 1 and done.stdout.startswith("The receipt is not right: ")
    missing = served("ledger", "receipt", "usage:none")
    assert missing.returncode == 1 and "usage:none" in missing.stderr


def test_verify_checks_only_what_is_new_and_knows_seals(served: Tollgate) -> None:
    digest = digest_in(served("ledger", "seal").stdout)
    whole = served("ledger", "verify", "--expect-seal", digest)
    assert whole.returncode == 0 and f"digest {digest}" in whole.stdout, whole.stdout
    again = served("ledger", "verify", "--new")
    assert "checked before" in again.stdout.splitlines()[0], again.stdout
    assert served("ledger", "verify", "--expect-seal", "0" * 64).returncode == 1
    assert served("ledger", "verify", "--resume").returncode == 0
