"""Who gives a command, as events name them."""

import os
import pwd


def actor() -> str:
    """Return the account of the machine that runs this command, as in cli:alice."""
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"
