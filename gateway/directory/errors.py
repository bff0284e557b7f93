"""What can go wrong in the directory.

DirectoryError
├── NotFound       there is no such object, or it was deleted
├── Conflict       another object already has this value (field)
├── NotNow         it cannot be done as things stand: something runs, or was changed meanwhile
├── Invalid        a value is not acceptable (field, and why)
└── SecretsLocked  stored secrets were encrypted with another key than this process has

Messages are written for the person who made the request and never contain secrets.
What the database itself refuses arrives as ledger.errors.StoreError.
"""


class DirectoryError(Exception):
    """Root of the tree. `code` is stable and safe to show to clients."""

    code = "directory_error"


class NotFound(DirectoryError):
    """There is no such object, or it was deleted."""

    code = "not_found"

    def __init__(self, kind: str, key: object) -> None:
        super().__init__(f"there is no {kind} {key}")
        self.kind = kind


class Conflict(DirectoryError):
    """Another object already has this value in `field`."""

    code = "conflict"

    def __init__(self, kind: str, field: str) -> None:
        super().__init__(f"another {kind} already has this {field.replace('_', ' ')}")
        self.kind = kind
        self.field = field


class NotNow(DirectoryError):
    """It cannot be done as things stand; the message says why, and what to do."""

    code = "not_now"


class Invalid(DirectoryError):
    """The value given for `field` is not acceptable; the message says why."""

    code = "invalid_value"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class SecretsLocked(DirectoryError):
    """Stored secrets were encrypted with another key than this process has."""

    code = "secrets_locked"
