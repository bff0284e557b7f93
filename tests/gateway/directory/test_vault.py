"""The vault: encryption, derived keys, and the key file."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.directory.errors import SecretsLocked
from gateway.directory.vault import Vault, load_or_create_key, parse_key

KEY = bytes(range(32))


@pytest.mark.parametrize("plain", ["", "sk-1", "密钥 🔑", "x" * 20_000])
def test_what_is_encrypted_can_be_decrypted_and_is_never_the_same_twice(plain: str) -> None:
    vault = Vault(KEY)
    one, two = vault.encrypt(plain), vault.encrypt(plain)
    assert one != two
    assert one.isascii() and one.startswith("v1.")
    assert vault.decrypt(one) == vault.decrypt(two) == plain


def test_another_key_cannot_decrypt() -> None:
    with pytest.raises(SecretsLocked):
        Vault(bytes(32)).decrypt(Vault(KEY).encrypt("secret"))


@pytest.mark.parametrize(
    "damage", [lambda s: s[:-6] + "AAAA==", lambda s: "v2" + s[2:], lambda s: ""]
)
def test_altered_text_is_refused(damage) -> None:
    stored = Vault(KEY).encrypt("a secret of some length")
    with pytest.raises(SecretsLocked):
        Vault(KEY).decrypt(damage(stored))


def test_derived_keys_differ_by_purpose_and_key() -> None:
    vault = Vault(KEY)
    assert vault.derive("cookies") == Vault(KEY).derive("cookies")
    assert (
        len({vault.derive("cookies"), vault.derive("x"), Vault(bytes(32)).derive("cookies")}) == 3
    )
    assert vault.fingerprint() != Vault(bytes(32)).fingerprint()
    assert KEY.hex()[:16] not in repr(vault)


def test_the_key_must_be_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(b"short")


def test_the_key_file_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secret.key"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_or_create_key(path), range(32)))
    assert keys == {load_or_create_key(path)}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret.key"]


def test_a_damaged_key_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.write_text("")
    with pytest.raises(ValueError, match="restore it"):
        load_or_create_key(path)
    assert path.read_text() == ""


def test_keys_are_read_from_hex_and_base64() -> None:
    assert parse_key(KEY.hex() + "\n") == KEY
    assert parse_key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=") == KEY
    with pytest.raises(ValueError, match="openssl"):
        parse_key("password")
