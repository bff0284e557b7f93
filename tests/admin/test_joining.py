"""People who come in: codes by mail, registration, binding an address; forged and used codes."""

import asyncio

from ledger.store import Store
from tests.admin.harness import ROOT_TOKEN, data, person, refused
from tests.admin.people import PASSWORD, newcomer, signed_up, town


async def test_who_reads_the_mailbox_signs_up_with_it_on_any_node(store: Store) -> None:
    async with town(store, nodes=2, EmailVerificationEnabled=True, QuotaForNewUser=500) as place:
        one, two = (node.client() for node in place.nodes)
        async with one, two:
            code = await place.code(one, "Carol@mail.test")
            kept = await store.find_list("proofs", {})
            assert len(kept) == 1 and code not in str(kept) and "carol" not in str(kept).lower()
            assert code not in str(await store.find_list("notices", {}))

            async def try_code(mail: str, given: str) -> None:
                answer = await signed_up(two, "carol", email=mail, verification_code=given)
                refused(answer, 400, "verification_code")

            fields = {"email": "carol@mail.test", "verification_code": code}
            refused(await signed_up(two, "a name", **fields), 400, "username")
            refused(await signed_up(two, "root", **fields), 409, "username")
            await try_code("carol@mail.test", "ZZZZZZ")
            await try_code("dave@mail.test", code)
            joined = await signed_up(
                two, "carol", email="carol@mail.test", verification_code=f" {code.lower()}"
            )
            await data(joined)
            again = await signed_up(two, "carl", email="carol@mail.test", verification_code=code)
            refused(again, 400, "verification_code", "used")
            # Whoever asks with an address that is known is not told so, but its owner is.
            answer = await one.get("/api/verification", params={"email": "carol@mail.test"})
            assert answer.json() == {"success": True, "message": "", "data": None}
            (told,) = await place.post()
            assert "sign in" in told.text and told.receivers == ["carol@mail.test"]
            said = await data(
                await one.post(
                    "/api/user/login", json={"username": "carol@mail.test", "password": PASSWORD}
                )
            )
            assert said["username"] == "carol"
            me = await data(await one.get("/api/user/self"))
            assert (me["email"], me["quota"]) == ("carol@mail.test", 500)
            events = await store.find_list("events", {"body.action": "user.register"})
            assert [event["actor"] for event in events] == [f"user:{me['id']}"]


async def test_a_code_ends_by_time_and_by_guesses(store: Store) -> None:
    async with town(store, EmailVerificationEnabled=True) as place:
        async with place.server.client() as client:
            code = await place.code(client, "gus@mail.test")
            for _ in range(5):
                wrong = await signed_up(client, "gus", email="gus@mail.test", verification_code="A")
                refused(wrong, 400, "verification_code")
            right = newcomer("gus", email="gus@mail.test", verification_code=code)
            refused(await client.post("/api/user/register", json=right), 400, "too old")
            right["verification_code"] = await place.code(client, "gus@mail.test")
            await store.update_many("proofs", {}, {"$set": {"expires_us": 1}})
            refused(await client.post("/api/user/register", json=right), 400, "too old")
            assert await place.server.directory.proofs.sweep() == 1


async def test_of_many_who_ask_for_one_name_or_one_mailbox_one_gets_it(store: Store) -> None:
    async with town(store, nodes=2, EmailVerificationEnabled=False) as place:
        clients = [node.client() for node in place.nodes]
        async with clients[0], clients[1]:
            tries = [signed_up(clients[i % 2], "dora") for i in range(6)]
            statuses = sorted(answer.status_code for answer in await asyncio.gather(*tries))
            assert statuses == [200, 409, 409, 409, 409, 409]
            await place.options(EmailVerificationEnabled=True)
            code = await place.code(clients[0], "fay@mail.test")
            fields = {"email": "fay@mail.test", "verification_code": code}
            tries = [signed_up(clients[i % 2], f"fay{i}", **fields) for i in range(4)]
            statuses = sorted(answer.status_code for answer in await asyncio.gather(*tries))
            assert statuses == [200, 400, 400, 400]
        assert await store.count("users", {"mailbox": "fay@mail.test"}) == 1
        assert await store.count("keys", {}) == 3  # root's, dora's and fay's


async def test_one_mailbox_is_one_person(store: Store) -> None:
    restricted = {"EmailDomainWhitelist": "Gmail.com, mail.test"}
    async with town(store, EmailVerificationEnabled=True, **restricted) as place:
        await place.options(EmailDomainRestrictionEnabled=True)
        async with place.server.client() as client:
            for mail, words in (
                ("a@elsewhere.test", "domain"),
                ("a+b@mail.test", "aliases"),
                ("a@b@mail.test", "e-mail address"),
                ("no address", "e-mail address"),
                ("x" * 60 + "@mail.test", "50"),
            ):
                answer = await client.get("/api/verification", params={"email": mail})
                refused(answer, 400, "email", words)
            assert await place.post() == []
            code = await place.code(client, "j.doe@gmail.com")
            await data(
                await signed_up(client, "jo", email="j.doe@gmail.com", verification_code=code)
            )
            await data(await client.get("/api/verification?email=jd.oe@gmail.com"))
            (told,) = await place.post()
            assert "belongs to an account" in told.text
            status = await data(await client.get("/api/status"))
            assert status["email_domains"] == ["gmail.com", "mail.test"] and status["mail"] is True


async def test_an_address_is_bound_once_it_is_proved(store: Store) -> None:
    async with town(store) as place:
        hal = await person(place.server, "hal", email="hal@old.test")
        eve = await person(place.server, "eve", email="hal@mail.test")
        async with place.server.client(hal.token) as client, place.server.client() as stranger:
            code = await place.code(client, "hal@mail.test")
            query = {"email": "hal@mail.test", "code": code}
            refused(await stranger.get("/api/oauth/email/bind", params=query), 401)
            wrong = {**query, "code": "WRONG1"}
            refused(await client.get("/api/oauth/email/bind", params=wrong), 400, "code")
            await data(await client.get("/api/oauth/email/bind", params=query))
            assert (await data(await client.get("/api/user/self")))["email"] == "hal@mail.test"
            code = await place.server.directory.proofs.code("hal@mail.test")
        async with place.server.client(eve.token) as client:
            taken = {"email": "hal@mail.test", "code": code}
            refused(await client.get("/api/oauth/email/bind", params=taken), 409, "e-mail address")
        # An address that an admin writes is proved by nobody.
        user = await place.server.directory.users.update(hal.id, {"email": "other@mail.test"})
        assert user.mailbox == ""


async def test_what_is_switched_off_is_refused(store: Store) -> None:
    async with town(store) as place:
        async with place.server.client() as client:
            await place.options(RegisterEnabled=False)
            refused(await signed_up(client, "ida"), 403, "switched off")
            await place.options(RegisterEnabled=True, PasswordRegisterEnabled=False)
            refused(await signed_up(client, "ida"), 403, "switched off")
            await place.options(PasswordRegisterEnabled=True)
            for fields, named in (
                ({"username": "ida@mail.test"}, "username"),
                ({"password": "short"}, "password"),
                ({"password": 12345678}, "password"),
                ({"role": 100}, "role"),
                ({"aff_code": ["x"]}, "aff_code"),
            ):
                answer = await client.post("/api/user/register", json=newcomer("ida", **fields))
                refused(answer, 400, named)
            await data(await signed_up(client, "ida", email="claimed@mail.test", aff_code=None))
            ida = await place.server.directory.users.by_username("ida")
            assert ida is not None and ida.email == "" and ida.role == 1
            await place.options(SMTPServer="")
            refused(await client.get("/api/verification?email=a@mail.test"), 409, "no mail")
            refused(await client.get("/api/reset_password?email=a@mail.test"), 409, "no mail")
        async with place.server.client(ROOT_TOKEN) as root:
            body = {"key": "EmailVerificationEnabled", "value": "true"}
            refused(await root.put("/api/option/", json=body), 400, "mail server first")


async def test_one_mailbox_is_not_flooded(store: Store) -> None:
    async with town(store) as place:
        async with place.server.client() as client:
            codes = [
                await client.get("/api/verification?email=kit@mail.test", headers={"X-N": str(n)})
                for n in range(6)
            ]
            assert [answer.status_code for answer in codes] == [200] * 5 + [429]
            assert int(codes[-1].headers["Retry-After"]) > 0
            assert len(await place.post()) == 5
            foreign = {"Sec-Fetch-Site": "cross-site"}
            answer = await client.get("/api/verification?email=lea@mail.test", headers=foreign)
            refused(answer, 403, "another site")
