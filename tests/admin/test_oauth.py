"""Signing in through others: whoever a service vouches for, in the browser that asked, once."""

import asyncio
import base64
from typing import Any

import httpx
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from ledger.store import Store
from tests.admin.harness import ROOT_PASSWORD, data, person, refused
from tests.admin.outside import Outside, entered, outside

ANN = {"id": 583_231, "login": "ann", "name": "Ann Example", "emails": []}
ALICE = {"id": 7, "login": "alice", "emails": [{"email": "Alice@mail.test", "verified": True}]}


async def test_newcomers_get_an_account_and_find_it_again(store: Store) -> None:
    async with outside(store, nodes=2, QuotaForNewUser=500, QuotaForInvitee=50) as place:
        bob = await person(place.server, "bob")
        inviter = await place.server.directory.users.get(bob.id)
        emails = [
            {"email": "claimed@mail.test", "verified": False, "primary": True},
            {"email": "second@mail.test", "verified": True, "primary": False},
            {"email": "ann@mail.test", "verified": True, "primary": True},
        ]
        ann = {**ANN, "emails": emails}
        async with place.nodes[0].client() as one, place.nodes[1].client() as two:
            back = await place.said_yes(one, "github", ann, aff=inviter.aff_code)
            two.cookies = one.cookies  # one browser, two nodes
            made = await data(await two.get("/api/oauth/github", params=back))
            assert made["username"] == f"github_{made['id']}" and made["role"] == 1
            one.cookies.update(two.cookies)
            me = await data(await one.get("/api/user/self"))
            assert (me["github_id"], me["email"], me["quota"]) == (
                "id:583231",
                "ann@mail.test",
                550,
            )
            assert me["display_name"] == "Ann Example" and me["inviter_id"] == bob.id
        async with place.nodes[1].client() as other:
            renamed = {**ann, "login": "ann2", "name": "Somebody"}
            assert await entered(await place.enter(other, "github", renamed)) == made["id"]
            lark = await place.enter(other, "lark", {"open_id": "ou_1", "name": "安"})
            assert lark.json()["message"] == "bind"
            assert (await data(await other.get("/api/user/self")))["lark_id"] == "ou_1"
        async with place.server.client() as third:
            answer = await place.enter(third, "lark", {"open_id": "ou_1"})
            assert await entered(answer) == made["id"]
            status = await data(await third.get("/api/status"))
            assert status["sign_in_through"] == ["github", "lark", "oidc", "wechat"]
        events = await store.find_list("events", {"body.action": "user.register"})
        assert len(events) == 1 and events[0]["actor"] == f"user:{made['id']}"


async def test_of_many_at_once_with_one_identity_one_user_is_made(store: Store) -> None:
    async with outside(store, nodes=2) as place:
        browsers = [place.nodes[i % 2].client() for i in range(4)]
        await person(place.server, "bob")
        next_id = await store.next_id("users") + 1
        await person(place.server, f"lark_{next_id + 1}", user_id=90)  # a name that is taken
        backs = [await place.said_yes(each, "lark", {"open_id": "ou_2"}) for each in browsers]
        tries = [
            each.get("/api/oauth/lark", params=back)
            for each, back in zip(browsers, backs, strict=True)
        ]
        ids = {await entered(answer) for answer in await asyncio.gather(*tries)}
        for each in browsers:
            await each.aclose()
        assert len(ids) == 1 and await store.count("users", {"lark_id": "ou_2"}) == 1


async def test_a_state_is_one_browsers_once_and_for_a_while(store: Store) -> None:
    async with outside(store, nodes=2) as place:
        async with place.server.client() as mine, place.nodes[1].client() as theirs:
            back = await place.said_yes(mine, "github", ANN)
            await place.said_yes(theirs, "github", ANN)
            # Another's browser, with a cookie of its own or with none; nobody is signed in.
            refused(await theirs.get("/api/oauth/github", params=back), 403, "state")
            theirs.cookies.clear()
            refused(await theirs.get("/api/oauth/github", params=back), 403, "state")
            for forged in ("0" * 64, "é", "x" * 199, back["state"].upper()):
                answer = await mine.get("/api/oauth/github", params={**back, "state": forged})
                refused(answer, 403, "state")
            refused(await mine.get("/api/oauth/lark", params=back), 403, "state")  # for another
            refused(await mine.get("/api/oauth/github", params=back), 403, "state")  # void by that
            back = await place.said_yes(mine, "github", ANN)
            cookies = [each for each in mine.cookies.jar if each.name == "oauth_state"]
            assert cookies[0].has_nonstandard_attr("HttpOnly") and cookies[0].path == "/api/oauth"
            assert cookies[0].get_nonstandard_attr("SameSite") == "Lax"
            kept = dict(mine.cookies)
            await entered(await mine.get("/api/oauth/github", params=back))
            theirs.cookies.update(kept)
            refused(await theirs.get("/api/oauth/github", params=back), 403, "state")  # replayed
            await data(await mine.get("/api/user/logout"))
            back = await place.said_yes(mine, "github", ANN)
            await store.update_many("oauth_states", {}, {"$set": {"expires_us": 1}})
            refused(await mine.get("/api/oauth/github", params=back), 403, "too old")
            assert await place.server.directory.oauth_states.sweep() >= 1
            foreign = {"Sec-Fetch-Site": "cross-site"}
            for path in ("/api/oauth/state", "/api/oauth/github?code=x&state=x"):
                refused(await mine.get(path, headers=foreign), 403, "another site")
            stored = str(await store.find_list("oauth_states", {}))
            assert back["state"] not in stored


async def test_a_code_is_good_once_and_services_may_be_silent_or_off(store: Store) -> None:
    async with outside(store) as place:
        async with place.server.client() as browser:
            used = await place.said_yes(browser, "github", ANN)
            await entered(await browser.get("/api/oauth/github", params=used))
            await data(await browser.get("/api/user/logout"))
            for service in ("github", "lark", "oidc"):
                someone = {"open_id": "ou", "sub": "s", **ANN}
                back = await place.said_yes(browser, service, someone)
                again = {**back, "code": used["code"]}
                answer = await browser.get(f"/api/oauth/{service}", params=again)
                refused(answer, 403, "refused")
                back = await place.said_yes(browser, service, someone)
                place.fake.down = True
                answer = await browser.get(f"/api/oauth/{service}", params=back)
                refused(answer, 503, "does not answer")
                place.fake.down = False
            await place.options(GitHubOAuthEnabled=False, LarkClientId="")
            for service in ("github", "lark"):
                query = {"provider": service}
                refused(await browser.get("/api/oauth/state", params=query), 403, "switched off")
            answer = await browser.get("/api/oauth/state", params={"provider": "wechat"})
            refused(answer, 400, "provider")


async def test_who_may_not_come_in_does_not(store: Store) -> None:
    async with outside(store, RegisterEnabled=False) as place:
        users = place.server.directory.users
        async with place.server.client() as browser:
            refused(await place.enter(browser, "github", ANN), 403, "registration")
            await place.options(RegisterEnabled=True)
            ann = await entered(await place.enter(browser, "github", ANN))
            await users.update(ann, {"status": 2})
            refused(await place.enter(browser, "github", ANN), 403, "disabled")
            refused(await browser.get("/api/user/self"), 401)
            await users.delete(ann)
            assert await entered(await place.enter(browser, "github", ANN)) != ann
            await data(await browser.get("/api/user/logout"))
            for bad in (
                {"id": True, "login": "x"},
                {"id": "7", "login": "x"},
                {"id": 0, "login": "x"},
            ):
                refused(await place.enter(browser, "github", bad), 403, "GitHub")
            for name in ("", 7, " ou", "o" * 101, "ou\n"):
                refused(await place.enter(browser, "lark", {"open_id": name}), 403, "who this is")
            answers = [await browser.get("/api/oauth/wechat?code=1") for _ in range(13)]
            assert answers[-1].status_code == 429 and answers[0].status_code == 403


async def test_a_name_that_one_api_kept_counts_only_with_the_address(store: Store) -> None:
    async with outside(store) as place:
        old = await person(place.server, "old", github_id="alice", email="alice@mail.test")
        digits = await person(place.server, "digits", github_id="583231")
        users = place.server.directory.users
        async with place.server.client() as browser:
            taken = {**ALICE, "id": 666, "emails": []}  # who took the name when it was free
            refused(await place.enter(browser, "github", taken), 409, "changed hands")
            other = {**taken, "emails": [{"email": "alice@mail.test", "verified": False}]}
            refused(await place.enter(browser, "github", other), 409, "changed hands")
            assert await entered(await place.enter(browser, "github", ALICE)) == old.id
            assert (await users.get(old.id)).github_id == "id:7"
            await data(await browser.get("/api/user/logout"))
            # From now on the id counts: the name is anybody's.
            assert await entered(await place.enter(browser, "github", taken)) != old.id
            await data(await browser.get("/api/user/logout"))
            assert await entered(await place.enter(browser, "github", ANN)) != digits.id


async def test_the_second_factor_is_asked_for(store: Store) -> None:
    async with outside(store, nodes=2) as place:
        bob = await person(place.server, "bob", github_id="id:583231")
        codes = await second_factor(place, bob.token)
        async with place.server.client() as browser, place.nodes[1].client() as elsewhere:
            answer = await place.enter(browser, "github", ANN)
            assert answer.status_code == 401 and "session" not in browser.cookies
            body = {"ticket": answer.json()["data"]["ticket"], "code": "000000"}
            refused(await elsewhere.post("/api/user/login/second", json=body), 401, "code")
            body["code"] = codes[0]
            tries = [elsewhere.post("/api/user/login/second", json=body) for _ in range(3)]
            statuses = sorted(each.status_code for each in await asyncio.gather(*tries))
            assert statuses == [200, 401, 401]
            again = {**body, "code": codes[1]}
            refused(await elsewhere.post("/api/user/login/second", json=again), 401, "ticket")
            assert (await data(await elsewhere.get("/api/user/self")))["id"] == bob.id
            answer = await place.enter(browser, "github", ANN)
            body = {"ticket": answer.json()["data"]["ticket"], "code": "000000"}
            for _ in range(5):
                refused(await browser.post("/api/user/login/second", json=body), 401, "wrong")
            body["code"] = codes[2]
            refused(await browser.post("/api/user/login/second", json=body), 401, "ticket")
            answer = await place.enter(browser, "github", ANN)
            body["ticket"] = answer.json()["data"]["ticket"]
            await place.server.directory.users.set_password(bob.id, "another-password")
            refused(await browser.post("/api/user/login/second", json=body), 401, "ticket")
            answer = await place.enter(browser, "github", ANN)
            body["ticket"] = answer.json()["data"]["ticket"]
            await store.update_many("sign_in_tickets", {}, {"$set": {"expires_us": 1}})
            refused(await browser.post("/api/user/login/second", json=body), 401, "too old")
            assert await place.server.directory.tickets.sweep() == 3
            wrong: tuple[Any, ...] = (
                {"ticket": 1, "code": "1"},
                {"ticket": "x"},
                [],
                {"code": None},
            )
            for sent in wrong:
                assert (await browser.post("/api/user/login/second", json=sent)).status_code == 400


async def second_factor(place: Outside, token: str) -> list[str]:
    """Switch it on; return recovery codes."""
    async with place.server.client(token) as client:
        body = {"password": ROOT_PASSWORD}
        secret = (await data(await client.post("/api/user/totp", json=body)))["secret"]
        totp = TOTP(base64.b32decode(secret), 6, SHA1(), 30)
        now_s = place.server.context.clock.now_us() // 1_000_000
        body = {"code": totp.generate(now_s).decode()}
        answer = await client.put("/api/user/totp", json=body)
        return list((await data(answer))["recovery_codes"])


async def test_bindings_are_ones_own_and_the_last_way_in_stays(store: Store) -> None:
    async with outside(store) as place:
        bob = await person(place.server, "bob")
        eve = await person(place.server, "eve", github_id="id:583231")
        async with place.server.client(bob.token) as client, place.server.client() as browser:
            refused(await place.enter(client, "github", ANN), 409, "github id")
            place.fake.wechat = {"1": "wx-bob", "2": "wx-bob", "3": "wx-new"}
            assert (await client.get("/api/oauth/wechat/bind?code=1")).json()["message"] == "bind"
            assert await entered(await browser.get("/api/oauth/wechat?code=2")) == bob.id
            # Signed in by somebody who did not begin: nothing is bound to anybody.
            back = await place.said_yes(browser, "lark", {"open_id": "ou_9"})
            await data(await browser.get("/api/user/logout"))
            refused(await browser.get("/api/oauth/lark", params=back), 403, "meanwhile")
            await data(await client.delete("/api/oauth/wechat/bind"))
            refused(await client.delete("/api/oauth/wechat/bind"), 404, "wechat")
            token = await client.post("/api/user/tokens", json={"name": "m", "scope": "manage"})
            text = (await data(token))["token"]
        async with place.server.client(text) as manager, place.server.client() as browser:
            refused(await manager.get("/api/oauth/state"), 403, "full")
            refused(await manager.get("/api/oauth/wechat?code=3"), 403, "full")
            refused(await manager.get("/api/oauth/wechat/bind?code=3"), 403, "full")
            refused(await manager.delete("/api/oauth/github/bind"), 403, "full")
            # Who came in through one service alone keeps it, until there is another way.
            await entered(await browser.get("/api/oauth/wechat?code=3"))
            refused(await browser.delete("/api/oauth/wechat/bind"), 409, "password")
            assert (await place.enter(browser, "lark", {"open_id": "ou_3"})).status_code == 200
            await place.options(LarkClientId="")  # off: no way in
            refused(await browser.delete("/api/oauth/wechat/bind"), 409, "password")
            await data(await browser.put("/api/user/self", json={"password": "long-enough-1"}))
            await data(await browser.delete("/api/oauth/wechat/bind"))
            await data(await browser.delete("/api/oauth/lark/bind"))
        assert (await place.server.directory.users.get(eve.id)).github_id == "id:583231"
        events = await store.find_list("events", {"body.action": "user.unbind"})
        assert len(events) == 3


async def test_two_ways_in_are_not_both_given_up_at_once(store: Store) -> None:
    async with outside(store, nodes=2) as place:
        async with place.server.client() as browser, place.nodes[1].client() as other:
            await entered(await place.enter(browser, "lark", {"open_id": "ou_5"}))
            await data(await place.enter(browser, "github", ANN))
            other.cookies = browser.cookies
            tries: list[httpx.Response] = list(
                await asyncio.gather(
                    browser.delete("/api/oauth/lark/bind"), other.delete("/api/oauth/github/bind")
                )
            )
            assert sorted(each.status_code for each in tries) == [200, 409]
