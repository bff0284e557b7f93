"""A channel's config at rest: secret fields apart and encrypted, like upstream keys.

Where a secret is set, the stored config, and whatever shows it, has a mark. Sent back, the mark
keeps the secret as it is; an empty value takes it away.
"""

import json
from collections.abc import Mapping
from typing import Any

from gateway.directory.config_fields import checked_config
from gateway.directory.vault import Vault
from gateway.directory.vendor import Vendor

HIDDEN = "********"
#: Secret under any type: One API's names for what lets its holder spend the operator's money.
ALWAYS_SECRET = frozenset({"sk", "ak", "vertex_ai_adc"})


def secret_names(vendor: Vendor | None) -> frozenset[str]:
    """Return the names of the fields that are secret for a vendor."""
    own = (field.name for field in vendor.config if field.secret) if vendor else ()
    return ALWAYS_SECRET.union(own)


def hidden(config: Mapping[str, Any], vendor: Vendor | None) -> dict[str, Any]:
    """Return a config with a mark in the place of each secret that is set."""
    secret = secret_names(vendor)
    return {name: HIDDEN if name in secret and v else v for name, v in config.items()}


def without_secrets(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a config as shown has beside secrets."""
    return {name: v for name, v in shown.items() if v != HIDDEN and name not in ALWAYS_SECRET}


def sealed(
    vendor: Vendor, base_url: str, sent: Mapping[str, Any], before: Mapping[str, Any], vault: Vault
) -> dict[str, str]:
    """Check a config that was sent, and return what is stored of it. `before` is as `opened`.

    Raises Invalid.
    """
    secret = secret_names(vendor)
    kept = {
        name: before.get(name, "") if value == HIDDEN and name in secret else value
        for name, value in sent.items()
    }
    config = checked_config(vendor.config, kept, vendor.needless_config(base_url))
    secrets = {name: value for name, value in config.items() if name in secret and value}
    text = json.dumps(secrets, ensure_ascii=False, sort_keys=True)
    shown = json.dumps(hidden(config, vendor), ensure_ascii=False, sort_keys=True)
    return {"config": shown, "config_enc": vault.encrypt(text) if secrets else ""}


def opened(config: Mapping[str, Any], config_enc: str, vault: Vault) -> dict[str, Any]:
    """Return a stored config with its secrets. Never for answers to anyone.

    Raises SecretsLocked.
    """
    secrets: dict[str, Any] = json.loads(vault.decrypt(config_enc)) if config_enc else {}
    return {**config, **secrets}
