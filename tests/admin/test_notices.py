"""Notices out: by mail with TLS that is verified, by other ways; retried, given up, sent again."""

import asyncio
import hashlib
import hmac
import re
from dataclasses import replace

import orjson
import pytest
import trustme

from gateway.channels.disable import Switch
from gateway.directory.notices import BACKOFF_S, MAIL, PUSHER, URL, WEBHOOK, Claimed, Words
from gateway.directory.operators import Operators, tell_faults
from gateway.notices.low_balance import remind
from gateway.notices.mail import Mail
from gateway.notices.ways import NotSent
from ledger.audit import Audit
from ledger.events import Draft
from ledger.store import Store
from tests.admin.harness import ROOT_TOKEN, admin_person, data, person, refused
from tests.admin.people import client_tls, server_tls, town
from tests.fakes.mail import ACCOUNT, TOKEN, MailServer
from tests.fakes.services import PUSH_TOKEN

WORDS = Words("标题 title", "text\nmore", "http://gate.test")
NOTICE = Claimed("id:1", MAIL, "a@mail.test;b@mail.test", WORDS, 1)
OPTIONS = {
    "SystemName": "Gate, Ltd.",
    "SMTPServer": "localhost",
    "SMTPFrom": "gate@gate.test",
    "SMTPAccount": ACCOUNT,
    "SMTPToken": TOKEN,
}


def mail_to(server: MailServer, **options: object) -> Mail:
    told = {**OPTIONS, "SMTPPort": server.port, **options}
    return Mail(told.__getitem__, client_tls)


async def test_mail_goes_encrypted_to_several_receivers() -> None:
    async with MailServer(server_tls()) as server:
        note = await mail_to(server).send(replace(NOTICE, to=NOTICE.to + ";nobody@mail.test"))
        (arrived,) = server.arrived
        assert note == "refused: nobody@mail.test"
        assert arrived.encrypted and arrived.account == ACCOUNT
        assert arrived.receivers == ["a@mail.test", "b@mail.test"]
        assert arrived.message["Subject"] == WORDS.title and arrived.message["Message-ID"]
        assert arrived.message["From"] == '"Gate, Ltd." <gate@gate.test>'
        assert arrived.text.splitlines()[:2] == ["text", "more"] and WORDS.link in arrived.text


async def test_tls_at_once_is_for_port_465(monkeypatch: pytest.MonkeyPatch) -> None:
    async with MailServer(server_tls(), implicit=True) as server:
        monkeypatch.setattr("gateway.notices.smtp.IMPLICIT_TLS_PORT", server.port)
        await mail_to(server).send(NOTICE)
        assert [arrived.encrypted for arrived in server.arrived] == [True]


@pytest.mark.parametrize(
    ("tls", "words"),
    [
        (server_tls(trustme.CA()), "CERTIFICATE_VERIFY_FAILED"),
        (server_tls(name="elsewhere.test"), "CERTIFICATE_VERIFY_FAILED"),
        (None, "no TLS"),
    ],
    ids=["another authority", "another name", "in the clear"],
)
async def test_the_password_goes_to_no_other_server(tls: object, words: str) -> None:
    async with MailServer(tls) as server:  # type: ignore[arg-type]
        with pytest.raises(NotSent, match=words):
            await mail_to(server).send(NOTICE)
        assert server.passwords == [] and server.arrived == []
        if tls is None:
            await mail_to(server, SMTPAccount="", SMTPToken="").send(NOTICE)
            assert [arrived.encrypted for arrived in server.arrived] == [False]


async def test_what_can_never_arrive_is_told_apart() -> None:
    async with MailServer(server_tls()) as server:
        for notice, options, for_ever in (
            (replace(NOTICE, to="none@mail.test"), {}, True),
            (NOTICE, {"SMTPToken": "wrong"}, False),
            (NOTICE, {"SMTPServer": ""}, True),
            (NOTICE, {"SMTPFrom": "", "SMTPAccount": "no address"}, True),
            (NOTICE, {"SMTPPort": 9}, False),
        ):
            with pytest.raises(NotSent) as caught:
                await mail_to(server, **options).send(notice)
            assert caught.value.for_ever is for_ever, caught.value
        server.busy = True
        with pytest.raises(NotSent) as caught:
            await mail_to(server).send(NOTICE)
        assert not caught.value.for_ever


async def test_notices_are_retried_given_up_and_sent_again(store: Store) -> None:
    async with town(store) as place:
        notices, root = place.server.directory.notices, place.server.client(ROOT_TOKEN)
        place.mail.busy = True
        assert await notices.put(MAIL, "a@mail.test", WORDS, notice_id="n:1")
        assert not await notices.put(MAIL, "a@mail.test", WORDS, notice_id="n:1")
        for attempt in range(len(BACKOFF_S) + 1):
            assert await place.post() == []
            (doc,) = await store.find_list("notices", {})
            assert doc["attempts"] == attempt + 1 and "refused" in doc["error"]
            if attempt < len(BACKOFF_S):
                wait_s = (doc["next_us"] - await store.server_now_us()) / 1_000_000
                assert BACKOFF_S[attempt] - 2 < wait_s <= BACKOFF_S[attempt]
                assert await place.post() == []  # not before its time
            await store.update_many("notices", {}, {"$set": {"next_us": 0}})
        alice = await admin_person(place.server)
        async with root, place.server.client(alice.token) as admin:
            listed = await data(await admin.get("/api/notices/?state=dead"))
            assert [(row["id"], row["state"]) for row in listed] == [("n:1", "dead")]
            assert "words_enc" not in listed[0] and "text" not in str(listed[0]["title"])[6:]
            place.mail.busy = False
            refused(await admin.post("/api/notices/n:2/resend"), 404)
            await data(await admin.post("/api/notices/n:1/resend"))
            (arrived,) = await place.post()
            assert "more" in arrived.text
            refused(await admin.post("/api/notices/n:1/resend"), 409, "sent")
            refused(await admin.get("/api/notices/?state=lost"), 400, "state")
            refused(await admin.post("/api/notices/test"), 403)
            refused(await root.post("/api/notices/test"), 409, "no way")
            await notices.put(MAIL, "c@mail.test", replace(WORDS, secret=True), valid_s=0)
            assert await place.post() == []
            (late,) = await data(await admin.get("/api/notices/?state=dead"))
            assert "time was over" in late["error"]
            refused(await admin.post(f"/api/notices/{late['id']}/resend"), 409, "void")
        await store.update_many("notices", {}, {"$set": {"ended_us": 1}})
        assert await notices.sweep() == 2


async def test_two_senders_send_once_and_a_dead_one_is_followed(store: Store) -> None:
    async with town(store) as place:
        notices = place.server.directory.notices
        for number in range(10):
            await notices.put(MAIL, f"m{number}@mail.test", replace(WORDS, secret=True))
        (lost, *_) = await notices.claim(1)  # by a process that dies now
        await asyncio.gather(*(place.sender.run(asyncio.Event()) for _ in range(2)))
        assert len(place.mail.arrived) == 9
        await store.update_many("notices", {"_id": lost.id}, {"$set": {"next_us": 0}})
        (arrived,) = await place.post()
        assert arrived.receivers == [lost.to]
        assert {doc["words_enc"] for doc in await store.find_list("notices", {})} == {""}


async def test_operators_hear_by_every_way_that_is_set_up(store: Store) -> None:
    async with town(store) as place:
        url, secret = place.services.url, "hook-secret"
        await place.options(
            NoticeReceivers="a@mail.test, b@mail.test",
            MessagePusherAddress=f"{url}/push",
            MessagePusherToken=PUSH_TOKEN,
            NoticeWebhookUrl=f"{url}/hook",
            NoticeWebhookSecret=secret,
            NoticeUrlTemplate=f"{url}/bark/KEY/{{title}}/{{text}}?url={{url}}",
        )
        async with place.server.client(ROOT_TOKEN) as root:
            options = {row["key"] for row in await data(await root.get("/api/option/"))}
            assert not options & {"NoticeUrlTemplate", "NoticeWebhookSecret", "SMTPToken"}
            assert await data(await root.post("/api/notices/test")) == 4
            listed = (await root.get("/api/notices/")).json()
            assert {each["way"] for each in listed["ways"]} == {MAIL, PUSHER, WEBHOOK, URL}
            (arrived,) = await place.post()
            assert arrived.receivers == ["a@mail.test", "b@mail.test"]
            rows = await data(await root.get("/api/notices/?state=sent"))
            assert {row["way"] for row in rows} == {MAIL, PUSHER, WEBHOOK, URL}
            assert await data(await root.post("/api/notices/test", json={"way": MAIL})) == 1
            refused(await root.post("/api/notices/test", json={"way": "owl"}), 400, "way")
            await place.post()
        asked = {each.path.split("/")[1]: each for each in place.services.asked}
        pushed = orjson.loads(asked["push"].body)
        assert set(pushed) == {"title", "description", "content", "url", "channel", "token"}
        hook = asked["hook"]
        stamp = hook.headers["X-Tollgate-Timestamp"]
        signed = hmac.new(secret.encode(), f"{stamp}.".encode() + hook.body, hashlib.sha256)
        assert hook.headers["X-Tollgate-Signature"] == f"sha256={signed.hexdigest()}"
        assert asked["bark"].query == {"url": "http://gate.test"}
        assert "%20" in asked["bark"].path or "+" in asked["bark"].path
        place.services.status = 500
        await place.options(MessagePusherToken="wrong")
        operators = Operators(place.server.directory)
        assert await operators.tell("again", "t", "x") == 4
        assert await operators.tell("again", "t", "x") == 0
        await place.post()
        waiting = await store.find_list("notices", {"state": "waiting"})
        assert sorted(doc["way"] for doc in waiting) == sorted((PUSHER, URL, WEBHOOK))
        assert not [doc for doc in waiting if PUSH_TOKEN in doc["error"] or "KEY" in doc["error"]]


async def test_operators_hear_of_channels_and_of_books_once(store: Store) -> None:
    async with town(store, NoticeReceivers="ops@mail.test") as place:
        directory, books = place.server.directory, place.server.books
        channel = await directory.channels.create(
            {"name": "main", "type": 1, "models": "gpt-4o", "groups": "default"}, "sk-upstream"
        )
        switches = [Switch(directory.channels, books, Operators(directory).switched)] * 2
        await asyncio.gather(*(switch.rest(channel, "it is slow") for switch in switches))
        off = directory.channel(channel.id)
        assert off is not None and await switches[0].revive(off, "it works")
        found = Audit(await store.server_now_us())
        await tell_faults(directory, found)
        found.add("account changed", "user:1", "sums differ")
        for _ in range(2):
            await tell_faults(directory, found)
        ids = [doc["_id"] for doc in await store.find_list("notices", {})]
        assert all(re.fullmatch(r"[0-9A-Za-z:._-]{1,200}", each) for each in ids), ids
        mails = {mail.message["Subject"].partition(": ")[2]: mail for mail in await place.post()}
        assert len(mails) == len(ids) == 3
        assert "main: it is slow" in mails["channel 1 was switched off"].text
        assert "main: it works" in mails["channel 1 was switched on"].text
        assert "user:1: sums differ" in mails["the books do not verify"].text


async def test_a_low_balance_is_told_once_each_time(store: Store) -> None:
    async with town(store, QuotaRemindThreshold=1_000) as place:
        directory, books = place.server.directory, place.server.books
        people = [await person(place.server, n, email=f"{n}@mail.test") for n in ("old", "val")]
        old, val = (f"user:{each.id}" for each in people)

        async def move(account: str, nano: int) -> None:
            name = f"adjust:{account}:{await store.server_now_us()}"
            await books.record(
                Draft(name, "balance.adjusted", account, nano, "user:1", {"reason": "test"})
            )
            await books.settled()
            await store.update_one("accounts", {"_id": account}, {"$set": {"requests": 1}})

        await move(old, 1_000)
        await move(val, 10_000_000)
        assert await remind(directory) == 0  # who was low when it began is not written to
        await move(val, -9_000_000)
        assert [await remind(directory) for _ in range(2)] == [1, 0]
        await move(val, 9_000_000)
        assert await remind(directory) == 0
        await move(val, -9_000_000)
        assert await remind(directory) == 1
        # As if the process had died before it wrote down that the mail is in the post box.
        await store.update_one("low_balances", {"_id": val}, {"$set": {"told": False}})
        assert [await remind(directory) for _ in range(2)] == [0, 0]
        arrived = await place.post()
        assert [mail.receivers for mail in arrived] == [["val@mail.test"]] * 2
        assert "0.001 USD" in arrived[0].text

        await directory.users.update(people[1].id, {"remind_quota": 0})
        assert await remind(directory) == 0  # never, so nothing is remembered of it either
        for quota, written in ((400, 0), (501, 1), (501, 0), (-1, 0)):
            await directory.users.update(people[1].id, {"remind_quota": quota})
            assert await remind(directory) == written, quota
