"""`tollgate serve --demo`: a sandbox channel, a key, and a command that works as it is printed."""

import json

from gateway.directory.catalogue import Catalogue
from gateway.directory.channels import STATUS_ENABLED
from gateway.directory.directory import Directory
from gateway.directory.keys import Key
from gateway.directory.users import ROOT_ID

CHANNEL_NAME = "Sandbox"
KEY_NAME = "demo"
SANDBOX_TYPE = 1000
CHAT_MODEL = "sandbox-chat"


async def set_up(directory: Directory, catalogue: Catalogue) -> str:
    """See to it that the sandbox channel and a demo key of root's exist; return the key's secret.

    What is there already stays as it is, but for the models that the demo needs.
    """
    models = catalogue.vendor(SANDBOX_TYPE).models
    channels = [c for c in directory.all_channels() if c.type == SANDBOX_TYPE]
    if not channels:
        await directory.channels.create(
            {"type": SANDBOX_TYPE, "name": CHANNEL_NAME, "models": list(models)}
        )
    elif not any(c.is_enabled and set(models) <= set(c.models) for c in channels):
        wanted = sorted({*channels[0].models, *models})
        await directory.channels.update(
            channels[0].id, {"status": STATUS_ENABLED, "models": wanted}
        )
    key = await _demo_key(directory)
    return directory.keys.secret_of(key)


async def _demo_key(directory: Directory) -> Key:
    docs = await directory.store.find_list(
        "keys", {"user_id": ROOT_ID, "name": KEY_NAME, "deleted": False}, limit=1
    )
    if docs:
        return directory.keys.read(docs[0])
    key, _ = await directory.keys.create(ROOT_ID, {"name": KEY_NAME, "unlimited": True})
    return key


def instructions(base_url: str, secret: str, data_dir: str, command: str) -> str:
    """Return what to try, ready to be copied; `command` is how this program is called."""
    body = json.dumps(
        {"model": CHAT_MODEL, "messages": [{"role": "user", "content": "Hello, who are you?"}]}
    )
    return f"""
The sandbox answers locally, without network or key. Try it:

  curl -i {base_url}/v1/chat/completions \\
    -H "Authorization: Bearer sk-{secret}" \\
    -H "Content-Type: application/json" \\
    -d '{body}'

Then see the charge in the log at {base_url}/ (sign in as root), and check the books:

  {command} ledger verify --data-dir {data_dir}
"""
