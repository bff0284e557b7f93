"""The answers that mean dead credentials or a dead account, vendor by vendor: one explicit table.

A row is (who, status, field, value). `who` is a protocol, or a channel type where the label means
this with one vendor only (numbers often mean other things elsewhere). The field "none" stands for
an answer that carries no label at all, "any" for all answers with that status.

Left out on purpose: whatever one user's request can bring about while others still work, such as
OpenRouter's 402, which depends on max_tokens, Jina's, which depends on the length of the texts, or
a 403 for one model; and what only a message says.
"""

from gateway.channels.failure import Failure
from gateway.providers.natives import OWN

Row = tuple[str | int, int, str, str]

DEEPSEEK, ZHIPU, ALI_COMPATIBLE, DOUBAO, SILICONFLOW = 36, 16, 49, 40, 44

TABLE: frozenset[Row] = frozenset(
    {
        # OpenAI API, "Error codes", and what compatible vendors answer in its form.
        ("openai", 401, "code", "invalid_api_key"),
        ("openai", 401, "code", "account_deactivated"),
        ("openai", 401, "code", "invalid_organization"),
        ("openai", 401, "code", "AuthenticationError"),
        ("openai", 401, "type", "authentication_error"),
        ("openai", 401, "type", "invalid_authentication_error"),
        ("openai", 401, "none", ""),
        ("openai", 429, "code", "insufficient_quota"),
        ("openai", 429, "type", "insufficient_quota"),
        ("openai", 429, "code", "billing_not_active"),
        ("openai", 429, "type", "exceeded_current_quota_error"),
        # Anthropic Messages API, "Errors".
        ("anthropic", 401, "type", "authentication_error"),
        ("anthropic", 402, "type", "billing_error"),
        # google.api.ErrorReason; Google answers 400 to a wrong key.
        ("gemini", 400, "code", "API_KEY_INVALID"),
        ("gemini", 401, "type", "UNAUTHENTICATED"),
        ("gemini", 403, "code", "API_KEY_SERVICE_BLOCKED"),
        ("gemini", 403, "code", "BILLING_DISABLED"),
        ("gemini", 403, "code", "CONSUMER_INVALID"),
        ("gemini", 403, "code", "CONSUMER_SUSPENDED"),
        ("gemini", 403, "code", "SERVICE_DISABLED"),
        # The sandbox can be told to fail like this.
        ("sandbox", 401, "code", "invalid_api_key"),
        ("sandbox", 429, "code", "insufficient_quota"),
        (DEEPSEEK, 402, "any", ""),
        (ZHIPU, 401, "code", "1000"),
        (ZHIPU, 401, "code", "1001"),
        (ZHIPU, 401, "code", "1002"),
        (ZHIPU, 401, "code", "1003"),
        (ZHIPU, 401, "code", "1004"),
        (ZHIPU, 429, "code", "1110"),
        (ZHIPU, 429, "code", "1111"),
        (ZHIPU, 429, "code", "1112"),
        (ZHIPU, 429, "code", "1113"),
        (ZHIPU, 429, "code", "1121"),
        (ZHIPU, 429, "code", "1309"),
        (ALI_COMPATIBLE, 400, "code", "Arrearage"),
        (DOUBAO, 403, "code", "AccountOverdueError"),
        (SILICONFLOW, 403, "code", "30001"),
        # Those of the protocols that have a file each.
        *((own.name, *row) for own in OWN.values() for row in own.codes.dead),
    }
)


def find(failure: Failure) -> Row | None:
    """Return the row that a failure matches, or None: its credentials and account may be fine.

    An error inside a 200 is looked for as it came, and as the status that it stands for.
    """
    labelled = [("code", failure.code), ("type", failure.type)]
    fields = [pair for pair in labelled if pair[1]] or [("none", "")]
    for status in (failure.status, failure.means):
        for who in (failure.vendor, failure.protocol):
            for field, value in (*fields, ("any", "")):
                if status is not None and (row := (who, status, field, value)) in TABLE:
                    return row
    return None


def told(row: Row) -> str:
    """Say a row in a few words, for logs and events: nothing in it comes from an answer."""
    who, status, field, value = row
    scope = f"channel type {who}" if isinstance(who, int) else who
    return f"{scope}: status {status}" + (f", {field} {value}" if value else "")
