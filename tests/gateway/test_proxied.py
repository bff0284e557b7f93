"""Whose request it is, behind proxies that are trusted and beside others that are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from gateway.addresses import networks
from gateway.proxied import TrustedProxies

PROXIES = TrustedProxies(networks("10.0.0.0/8,fd00::/8,127.0.0.1"))


def seen(peer: str, **headers: str) -> tuple[str | None, str]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    named = HTTPHeaders({"Host": "here", **given})
    line = RequestStartLine("GET", "/", "HTTP/1.1")
    request = HTTPServerRequest(headers=named, start_line=line)
    request.remote_ip, request.protocol = peer, "http"
    PROXIES.apply(request)
    return request.remote_ip, request.protocol


@pytest.mark.parametrize(
    ("peer", "chain", "client"),
    [
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9, 10.2.3.4", "203.0.113.9"),
        ("10.0.0.1", "10.9.9.9, 10.2.3.4", "10.9.9.9"),
        ("::ffff:10.0.0.1", "[2001:db8::7]:443", "2001:db8::7"),
        ("fd00::1", "203.0.113.9:5123", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, nonsense", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, nonsense, 10.2.3.4", "10.2.3.4"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("203.0.113.1", "198.51.100.5", "203.0.113.1"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_trusted_proxy(
    peer: str, chain: str, client: str
) -> None:
    assert seen(peer, X_Forwarded_For=chain)[0] == client


def test_the_protocol_and_the_other_header_are_believed_of_trusted_proxies_only() -> None:
    assert seen("127.0.0.1", X_Real_Ip="203.0.113.9") == ("203.0.113.9", "http")
    assert seen("127.0.0.1", X_Forwarded_Proto="http, https") == ("127.0.0.1", "https")
    assert seen("127.0.0.1", X_Forwarded_Proto="gopher")[1] == "http"
    strange = seen("203.0.113.1", X_Real_Ip="1.1.1.1", X_Forwarded_Proto="https")
    assert strange == ("203.0.113.1", "http")


@given(chain=st.text(max_size=200), peer=st.sampled_from(["10.0.0.1", "203.0.113.1", "", "x"]))
def test_any_header_is_read_or_passed_over(chain: str, peer: str) -> None:
    found, _ = seen(peer, X_Forwarded_For=chain)
    assert found == peer or (peer == "10.0.0.1" and found)
