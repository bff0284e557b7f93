"""What the fakes of Amazon Bedrock share: signatures, which are worked out anew by hand, errors and
event streams (AWS General Reference, "Create a signed AWS API request"; Smithy, "Amazon Event
Stream Specification")."""

from __future__ import annotations

import hmac
import re
import struct
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote
from zlib import crc32

import orjson
from tornado.httputil import HTTPServerRequest

from tests.fakes.native import Json, NativeFake, Wrong

ACCESS, SECRET, REGION = (
    "AKIAEXAMPLEEXAMPLE00",
    "secret/of+the/example+access/key00000000",
    "eu-west-3",
)
API_KEY = "bedrock-api-key-example"
CONFIG = {"ak": ACCESS, "sk": SECRET, "region": REGION}
_SKEW = timedelta(minutes=5)
_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([a-z0-9-]+)/bedrock/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)
_NAMES = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
# Headers of other types than text, that readers have to step over: a name, a type, a value.
_ODD = (
    b"\x04flag\x00\x04fals\x01\x04byte\x02\x07\x05short\x03\x00\x07\x03int\x04\x00\x00\x00\x07"
    b"\x04long\x05" + bytes(8) + b"\x03raw\x06\x00\x02\xff\xfe\x04when\x08" + bytes(8)
)
_ODD += b"\x02id\x09" + bytes(16)


def message(headers: dict[str, str], payload: bytes, odd: bytes = b"") -> bytes:
    """Write a message of an event stream."""
    raw = odd
    for name, value in headers.items():
        raw += bytes([len(name)]) + name.encode() + b"\x07"
        raw += struct.pack(">H", len(value)) + value.encode()
    start = struct.pack(">II", 16 + len(raw) + len(payload), len(raw))
    whole = start + struct.pack(">I", crc32(start)) + raw + payload
    return whole + struct.pack(">I", crc32(whole))


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def expected(request: HTTPServerRequest, day: str, region: str, names: str, secret: str) -> str:
    """Work out the signature of a request as it came."""
    lines = [f"{n}:{' '.join(request.headers[n].split())}\n" for n in names.split(";")]
    hashed = sha256(request.body).hexdigest()
    path = quote(request.path, safe="/-_.~")  # encoded once more than it came
    canonical = "\n".join((request.method or "", path, "", "".join(lines), names, hashed))
    scope = f"{day}/{region}/bedrock/aws4_request"
    digest = sha256(canonical.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    date = request.headers["x-amz-date"]
    return _hmac(key, f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}").hex()


class FakeAws(NativeFake):
    """A service of Amazon's. `keys` are its access keys with their secrets, `token` is the session
    token that must be there."""

    stream_type = "application/vnd.amazon.eventstream"

    def __init__(self) -> None:
        super().__init__()
        self.keys = {ACCESS: SECRET}
        self.token: str | None = None

    def check_headers(self, headers: dict[str, str]) -> None:
        """There are no server-sent events here."""
        if "text/event-stream" in headers.get("accept", ""):
            raise Wrong(400, "The Accept header is not one that is offered.")

    def answer_headers(self) -> dict[str, str]:
        """An answer has its request's id."""
        return {"x-amzn-requestid": "a-request-of-amazons"}

    def check_request(self, request: HTTPServerRequest) -> None:
        """The key is the bearer's, or the request is signed, all that counts included."""
        given = request.headers.get("authorization", "")
        if given == f"Bearer {API_KEY}":
            return
        found = _SIGNED.fullmatch(given)
        if found is None:
            raise Wrong(403, "no signature")
        access, day, region, names, signature = found.groups()
        if access not in self.keys or request.headers.get("x-amz-security-token") != self.token:
            raise Wrong(401, "The security token included in the request is invalid.")
        must = [n.lower() for n in request.headers if n.lower().startswith("x-amz-")]
        if not {"host", *must} <= set(names.split(";")) or region != REGION:
            raise Wrong(403, f"signed are only {names} in {region}")
        when = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%S%z")
        if abs(datetime.now(UTC) - when) > _SKEW or f"{when:%Y%m%d}" != day:
            raise Wrong(403, "signed too early or too late")
        if signature != expected(request, day, region, names, self.keys[access]):
            raise Wrong(403, "The request signature we calculated does not match.")

    def read(self, path: str, body: Json) -> Json:
        """The path says whether a stream is wanted."""
        if "stream" in body:
            raise Wrong(400, "body.stream is not known")
        return {**body, "stream": path.endswith("-stream")}

    def error_headers(self, status: int) -> dict[str, str]:
        """An error has its name in a header, with an address behind it."""
        name = _NAMES[status]
        return {"x-amzn-errortype": f"{name}:http://internal.amazon.com/coral/x/"}

    def error(self, status: int, message: str) -> Json:
        """Errors are a message."""
        return {"message": message}

    def late_error(self) -> Json:
        """An exception in a stream."""
        return {"modelStreamErrorException": {"message": "the model crashed"}}

    def frame(self, event: Json) -> bytes:
        """A message of one event, with headers of all types."""
        ((name, payload),) = event.items()
        kind = "exception" if name.endswith("Exception") else "event"
        types = {":content-type": "application/json", ":message-type": kind}
        return message({f":{kind}-type": name, **types}, orjson.dumps(payload), _ODD)

    def noise(self) -> bytes:
        """Events that nobody knows."""
        return self.frame({"newerEvent": {"says": "nothing"}})
