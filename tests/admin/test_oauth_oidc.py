"""OpenID: what an id_token must be, and how one who forges it is found out."""

import base64
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger.store import Store
from tests.admin.harness import data, person, refused
from tests.admin.outside import Outside, entered, outside
from tests.fakes.identity import CLIENT, EC_KEY, OTHER_RSA_KEY, RSA_KEY, SECRET, jwk

ZOE = {"sub": "zoe-1", "name": "Zoe", "email": "zoe@mail.test", "email_verified": True}
Claims = dict[str, Any]


def unsigned(header: Claims, claims: Claims, signature: str = "") -> str:
    """Write a token of any header."""
    parts = (base64.urlsafe_b64encode(orjson.dumps(each)).rstrip(b"=") for each in (header, claims))
    return ".".join((*(part.decode() for part in parts), signature))


def by_public_key(claims: Claims) -> str:
    """Sign with the public key as if it were a shared secret."""
    public = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signer = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    head = unsigned({"alg": "HS256", "kid": "rsa"}, claims).rstrip(".")
    signature = base64.urlsafe_b64encode(signer.sign(head.encode(), public)).rstrip(b"=")
    return f"{head}.{signature.decode()}"


def signed(key: Any, algorithm: str, **header: Any) -> Callable[[Claims], str]:
    """Sign with some key, under some header."""
    return lambda claims: jwt.encode(claims, key, algorithm, headers=header)


FORGED: tuple[tuple[str, Callable[[Claims], str]], ...] = (
    ("no signature", lambda c: unsigned({"alg": "none"}, c)),
    ("None, with a key's name", lambda c: unsigned({"alg": "None", "kid": "rsa"}, c, "AAAA")),
    ("the public key as a secret", by_public_key),
    ("a key of nobody's", signed(OTHER_RSA_KEY, "RS256", kid="rsa")),
    ("a key that the token brings", signed(OTHER_RSA_KEY, "RS256", jwk=jwk(OTHER_RSA_KEY, "x"))),
    ("a key of another kind", signed(EC_KEY, "ES256", kid="rsa")),
    ("the key of another algorithm", signed(RSA_KEY, "RS256", kid="ec")),
    ("an algorithm that is not taken", signed(RSA_KEY, "RS512", kid="rsa")),
    ("a key for encryption", signed(OTHER_RSA_KEY, "RS256", kid="enc")),
    ("an unknown key", signed(RSA_KEY, "RS256", kid="nobody")),
    ("what must be understood", signed(RSA_KEY, "RS256", kid="rsa", crit=["x"], x=1)),
    ("a key of another algorithm of its kind", signed(OTHER_RSA_KEY, "PS256", kid="rs256")),
    ("no token", lambda c: "a.b.c"),
    ("a list", lambda c: unsigned({"alg": ["RS256"], "kid": {}}, c)),
    ("signs of another", lambda c: signed(RSA_KEY, "RS256", kid="rsa")(c)[:-8] + "AAAAAAAA"),
)
WRONG: tuple[Claims, ...] = (
    {"aud": "another"},
    {"aud": ["another", "more"]},
    {"aud": [CLIENT, "another"]},  # without azp
    {"aud": [CLIENT, "another"], "azp": "another"},
    {"azp": "another"},
    {"aud": {}},
    {"iss": "https://elsewhere.test"},
    {"iss": None},
    {"exp": 1_000_000_000},
    {"exp": "soon"},
    {"exp": 1e400},
    {"iat": 4_000_000_000},
    {"nbf": 4_000_000_000},
    {"nonce": "of another sign-in"},
    {"nonce": 7},
    {"sub": ""},
    {"sub": 7},
    {"sub": "x" * 256},
    {"sub": "zoe-2"},  # of whom userinfo does not speak
    *({name: ...} for name in ("iss", "aud", "exp", "iat", "nonce", "sub")),
)

MAILS: tuple[tuple[Claims, str], ...] = (
    ({"email": "a@mail.test"}, ""),
    ({"email": "a@mail.test", "email_verified": "true"}, ""),
    ({"email": "a@mail.test", "email_verified": False}, ""),
    ({"email": "taken@mail.test", "email_verified": True}, ""),
    ({"email": ["a@mail.test"], "email_verified": True}, ""),
    ({"email": "no address", "email_verified": True}, ""),
    ({"email": "free@mail.test", "email_verified": True, "name": "\x00" * 30}, "free"),
)


def changing(changes: Claims) -> Callable[[Claims], None]:
    """Change claims; `...` leaves one out."""

    def change(claims: Claims) -> None:
        claims.update(changes)
        for name in [name for name, value in changes.items() if value is ...]:
            del claims[name]

    return change


async def tries(place: Outside, browser: httpx.AsyncClient) -> httpx.Response:
    """Sign in as Zoe, as often as one likes."""
    answer = await place.enter(browser, "oidc", ZOE)
    for subject in ("address 127.0.0.1", "sign-ins begun by 127.0.0.1"):
        place.server.context.throttle.forgive((subject,))
    return answer


async def test_forged_id_tokens_are_found_out(store: Store) -> None:
    async with outside(store) as place:
        enc = {**jwk(OTHER_RSA_KEY, "enc"), "use": "enc"}
        place.fake.keys += [
            enc,
            jwk(OTHER_RSA_KEY, "rs256", alg="RS256"),
            {"kty": "oct", "kid": "rsa", "k": "AAAA"},
            {"kty": "RSA"},
        ]
        async with place.server.client() as browser:
            for what, sign in FORGED:
                place.fake.sign = sign
                refused(await tries(place, browser), 403, "id_token")
                assert "session" not in browser.cookies, what
            place.fake.sign = None
            for changes in WRONG:
                place.fake.tamper = changing(changes)
                answer = await tries(place, browser)
                assert answer.status_code == 403, (changes, answer.text)
        assert await store.count("users", {"oidc_id": {"$gt": ""}}) == 0


async def test_right_id_tokens_of_all_kinds_are_taken(store: Store) -> None:
    async with outside(store) as place:
        fake = place.fake
        async with place.server.client() as browser:
            zoe = await entered(await tries(place, browser))
            me = await data(await browser.get("/api/user/self"))
            assert (me["email"], me["display_name"], me["oidc_id"]) == (
                "zoe@mail.test",
                "Zoe",
                "zoe-1",
            )
            await data(await browser.get("/api/user/logout"))
            for algorithm, kid, key in (
                ("PS256", "rsa", RSA_KEY),
                ("ES256", "ec", EC_KEY),
                ("RS256", "", RSA_KEY),  # without a name, while there is one key that fits
            ):
                fake.algorithm, fake.kid, fake.key = algorithm, kid, key
                assert await entered(await tries(place, browser)) == zoe
                await data(await browser.get("/api/user/logout"))
            assert fake.asked.count("/oidc/jwks") == 1
            # Keys are replaced: looked for once more, and only then.
            fake.keys = [jwk(OTHER_RSA_KEY, "new")]
            fake.kid, fake.key = "new", OTHER_RSA_KEY
            fake.tamper = lambda claims: claims.update(aud=[CLIENT, "more"], azp=CLIENT)
            assert await entered(await tries(place, browser)) == zoe
            await data(await browser.get("/api/user/logout"))
            assert fake.asked.count("/oidc/jwks") == 2
            assert fake.asked.count("/oidc/.well-known/openid-configuration") == 1


async def test_short_keys_and_other_curves_are_not_taken(store: Store) -> None:
    async with outside(store) as place:
        short = rsa.generate_private_key(65_537, 1_024)
        curve = ec.generate_private_key(ec.SECP384R1())
        place.fake.keys = [jwk(short, "short"), {**jwk(curve, "curve"), "alg": "ES256"}]
        place.fake.keys.append({"kty": "RSA", "kid": "odd", "n": 7, "e": None})
        signer = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256)

        def by_short_key(claims: Claims) -> str:
            head = unsigned({"alg": "RS256", "kid": "short"}, claims).rstrip(".")
            made = base64.urlsafe_b64encode(signer.sign(head.encode(), short)).rstrip(b"=")
            return f"{head}.{made.decode()}"

        async with place.server.client() as browser:
            for sign in (
                by_short_key,
                signed(EC_KEY, "ES256", kid="curve"),
                signed(RSA_KEY, "RS256", kid="odd"),
            ):
                place.fake.sign = sign
                refused(await tries(place, browser), 403, "key")


async def test_an_address_counts_only_when_it_is_verified_and_free(store: Store) -> None:
    async with outside(store) as place:
        await person(place.server, "owner", email="taken@mail.test", mailbox="taken@mail.test")
        for number, (said, kept) in enumerate(MAILS):
            async with place.server.client() as browser:
                answer = await place.enter(browser, "oidc", {"sub": f"s{number}", **said})
                await entered(answer)
                mail = (await data(await browser.get("/api/user/self")))["email"]
                assert mail.partition("@")[0] == kept, said


async def test_the_client_proves_itself_as_the_provider_wants(store: Store) -> None:
    async with outside(store) as place:
        async with place.server.client() as browser:
            place.fake.methods = ["client_secret_post"]
            zoe = await entered(await tries(place, browser))
            await data(await browser.get("/api/user/logout"))
            await place.options(OidcClientSecret="wrong")
            refused(await tries(place, browser), 403, "invalid_grant")
            await place.options(OidcClientSecret=SECRET)
            assert await entered(await tries(place, browser)) == zoe


async def test_the_page_of_one_api_brings_what_openid_needs_itself(store: Store) -> None:
    async with outside(store, OidcAuthorizationEndpoint="https://elsewhere.test/yes") as place:
        place.fake.person = ZOE
        async with place.server.client() as browser:
            begun = (await browser.get("/api/oauth/state")).json()
            assert begun["code_challenge_method"] == "S256" and begun["expires_in"] == 600
            assert "authorize_url" not in begun
            query = {
                "client_id": CLIENT,
                "redirect_uri": "http://gate.test/oauth/oidc",
                "response_type": "code",
                "state": begun["data"],
                **{name: begun[name] for name in ("nonce", "code_challenge")},
                "code_challenge_method": "S256",
            }
            address = str(httpx.URL(f"{place.fake.url}/oidc/authorize", params=query))
            back = place.fake.say_yes(address)
            await entered(await browser.get("/api/oauth/oidc", params=back))
            other = await browser.get("/api/oauth/state?provider=oidc")
            assert other.json()["authorize_url"].startswith("https://elsewhere.test/yes?")


async def test_a_provider_that_is_not_where_it_says_is_not_asked(store: Store) -> None:
    async with outside(store) as place:
        async with place.server.client() as browser:
            await place.options(OidcWellKnown=place.fake.well_known + "?x=1")
            refused(await browser.get("/api/oauth/state?provider=oidc"), 503, "issuer")
            await place.options(OidcWellKnown=f"{place.fake.url}/oidc/jwks")
            refused(await browser.get("/api/oauth/state?provider=oidc"), 503, "issuer")
            await place.options(OidcWellKnown=place.fake.well_known)
            place.fake.userinfo = {"sub": "somebody else"}
            refused(await tries(place, browser), 403, "two different people")
