"""How Amazon Bedrock is asked, in whatever protocol: the address by region, and signatures.

Credentials are the channel's config (`ak`, `sk`, `region`, `session_token`), else the upstream key:
"AK|SK|REGION", or with a session token behind it, or a Bedrock API key, which is a bearer's. The
signature (Signature Version 4) is botocore's, over the request as it is sent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from gateway.directory.config_fields import value_of
from gateway.providers import aws_errors, aws_frames
from gateway.providers.asking import AWS, Asking, Codes, Means
from gateway.providers.base import Answer, Call, CallFailed

SERVICE = "bedrock"
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}")
_SEPARATOR = "|"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks, and where. Without an access key, `secret` is a Bedrock API key."""

    access: str
    secret: str = field(repr=False)
    region: str
    token: str = field(default="", repr=False)


def credentials(call: Call) -> Credentials:
    """Return whose account a call is on. Raises CallFailed where the channel does not say."""
    given = {name: _text(call, name) for name in ("ak", "sk", "region", "session_token")}
    region = given["region"]
    if given["ak"] and given["sk"]:
        found = Credentials(given["ak"], given["sk"], region, given["session_token"])
    elif _SEPARATOR in call.secret:
        access, secret, *rest = (part.strip() for part in call.secret.split(_SEPARATOR))
        token = rest[1] if len(rest) > 1 else ""
        found = Credentials(access, secret, rest[0] if rest and rest[0] else region, token)
    else:
        found = Credentials("", call.secret, region)
    if not found.secret or (_SEPARATOR in call.secret and not found.access):
        raise CallFailed("upstream_auth", "the channel has neither ak and sk nor an upstream key")
    if not _REGION.fullmatch(found.region):
        raise CallFailed("upstream_auth", f"{found.region[:40]!r} is no region, such as us-east-1")
    return found


def _text(call: Call, name: str) -> str:
    found: Any = value_of(call.vendor.config, call.config, name)
    return found.strip() if isinstance(found, str) else ""


def host(region: str) -> str:
    """Return the address of a region's Bedrock."""
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://bedrock-runtime.{region}.{domain}"


def signature(
    method: str, url: str, headers: Mapping[str, str], body: bytes, who: Credentials
) -> dict[str, str]:
    """Return the headers, in lower case, that sign a request of which these are sent."""
    # botocore takes some time to load, which servers without such channels have no use for.
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials as Signing

    signed = {n: v for n, v in headers.items() if n == "content-type" or n.startswith("x-amz")}
    request = AWSRequest(method, url, signed, body)
    SigV4Auth(Signing(who.access, who.secret, who.token or None), SERVICE, who.region).add_auth(
        request
    )
    return {name.lower(): value for name, value in request.headers.items()}


class OnBedrock(Asking):
    """What the protocols that Bedrock is asked in have in common.

    `streamed` is what comes behind a path where a stream is wanted, `names` are the models that
    clients know under other names than Bedrock.
    """

    framing = AWS
    streamed: str = ""
    names: Mapping[str, str] = {}
    codes = Codes(
        in_band=aws_errors.STATUSES,
        dead=(
            (403, "code", "UnrecognizedClientException"),
            (403, "code", "ExpiredTokenException"),
        ),
        # The model is not there, or was not granted to this account.
        absent=frozenset({"AccessDeniedException", "ResourceNotFoundException"}),
    )

    async def address(self, call: Call, means: Means) -> str:
        """Return the path of a model, after the channel's base or in its region."""
        endpoint, channel = call.endpoint, call.channel
        base = channel.base_url or host(credentials(call).region)
        model = self.names.get(call.model, call.model)
        url = call.vendor.url(base, endpoint.path, endpoint.task, model, call.config)
        return url + (self.streamed if call.stream else "")

    async def headers(self, call: Call, means: Means) -> Mapping[str, str]:
        """Return the bearer's header of a Bedrock API key; signatures come last."""
        who = credentials(call)
        kind = {"accept": aws_frames.CONTENT_TYPE} if call.stream else {}
        return kind if who.access else {**kind, "authorization": f"Bearer {who.secret}"}

    async def exchange(self, request: httpx.Request, call: Call, means: Means) -> Answer:
        """Sign a request and send it. Errors come back in Anthropic's form (aws_errors.py)."""
        who = credentials(call)
        if who.access:
            method, url = request.method, str(request.url)
            request.headers.update(signature(method, url, request.headers, request.read(), who))
        answer = await means.send(request, call.channel)
        if named := answer.headers.get("x-amzn-requestid"):
            answer.headers = {**answer.headers, "x-request-id": named}
        try:
            return await aws_errors.rewritten(answer)
        except BaseException:
            await answer.aclose()
            raise
