"""A forgotten password, replaced by who reads the mailbox and by nobody else."""

import re
import time
from urllib.parse import parse_qs, urlsplit

import httpx

from ledger.store import Store
from tests.admin.harness import ROOT_PASSWORD, data, person, refused
from tests.admin.people import PASSWORD, WEB_ADDRESS, Town, town


async def link(place: Town, client: httpx.AsyncClient, mail: str) -> dict[str, str]:
    """Ask for a link; return what it carries."""
    await data(await client.get("/api/reset_password", params={"email": mail}))
    (arrived,) = await place.post()
    found = re.search(rf"{WEB_ADDRESS}/#/reset\?\S+", arrived.text)
    assert found is not None and arrived.encrypted
    query = parse_qs(urlsplit(found[0]).fragment.partition("?")[2])
    return {"email": query["email"][0], "token": query["token"][0]}


async def sign_in(client: httpx.AsyncClient, name: str, password: str) -> int:
    sent = {"username": name, "password": password}
    return (await client.post("/api/user/login", json=sent)).status_code


async def test_a_link_sets_one_password_once_on_any_node(store: Store) -> None:
    async with town(store, nodes=2) as place:
        await person(place.server, "mia", email="Mia@mail.test")
        one, two, browser = (place.nodes[i].client() for i in (0, 1, 1))
        async with one, two, browser:
            assert await sign_in(browser, "mia", ROOT_PASSWORD) == 200
            carried = await link(place, one, "mia@mail.test")
            assert carried["token"] not in str(await store.find_list("proofs", {}))
            for forged in (
                {**carried, "token": "0" * 32},
                {**carried, "email": "root@mail.test"},
                {**carried, "token": carried["token"].upper() + "x"},
            ):
                refused(await two.post("/api/user/reset", json=forged), 400, "token")
            refused(await two.post("/api/user/reset", json={**carried, "password": "x"}), 400)
            made = await data(await two.post("/api/user/reset", json=carried))
            assert len(made) == 12 and await sign_in(one, "mia", made) == 200
            assert await sign_in(one, "mia", ROOT_PASSWORD) == 401
            refused(await browser.get("/api/user/self"), 401)
            refused(await two.post("/api/user/reset", json=carried), 400, "used")
            carried = await link(place, two, "MIA@mail.test")
            sent = {**carried, "password": PASSWORD}
            assert await data(await one.post("/api/user/reset", json=sent)) is None
            assert await sign_in(two, "MIA@mail.test", PASSWORD) == 200
            events = await store.find_list("events", {"body.action": "user.password_reset"})
            assert len(events) == 2 and made not in str(events)


async def test_nobody_learns_who_has_an_account(store: Store) -> None:
    async with town(store) as place:
        await person(place.server, "ned", email="ned@mail.test")
        gone = await person(place.server, "gone", email="gone@mail.test", status=2)
        async with place.server.client() as client:
            answers, taken = [], []
            for mail in ("ned@mail.test", "nemo@mail.test", "gone@mail.test"):
                began_s = time.monotonic()
                answers.append(await client.get("/api/reset_password", params={"email": mail}))
                taken.append(time.monotonic() - began_s)
            assert {(a.status_code, a.text) for a in answers} == {(200, answers[0].text)}
            assert min(taken) >= 0.2
            (only,) = await place.post()
            assert only.receivers == ["ned@mail.test"]
            token = await place.server.directory.proofs.token("gone@mail.test")
            sent = {"email": "gone@mail.test", "token": token}
            refused(await client.post("/api/user/reset", json=sent), 400, "token")
            assert (await place.server.directory.users.get(gone.id)).session_epoch == 1


async def test_who_proved_the_mailbox_is_the_one(store: Store) -> None:
    async with town(store) as place:
        claims = await person(place.server, "claims", email="pat@mail.test")
        pat = await person(place.server, "pat", email="pat@mail.test", mailbox="pat@mail.test")
        async with place.server.client() as client:
            carried = await link(place, client, "pat@mail.test")
            await data(await client.post("/api/user/reset", json={**carried, "password": PASSWORD}))
            assert await sign_in(client, "pat", PASSWORD) == 200
            assert await sign_in(client, "claims", ROOT_PASSWORD) == 200
            assert claims.id != pat.id
