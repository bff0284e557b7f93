"""The first start, and sign-ups: repeatable, and safe when two processes do it at once."""

import asyncio

import pytest

from gateway.directory.bootstrap import ROOT_KEY_ID, ROOT_QUOTA, FirstStart, first_start
from gateway.directory.directory import Directory
from gateway.directory.errors import Conflict, Invalid
from gateway.directory.signup import finish_signups, new_user
from gateway.directory.users import ROLE_ROOT, ROOT_ID
from ledger.errors import BooksUnavailable, KeyReused
from tests.gateway.directory.conftest import MakeDirectory, MovableClock, Recorded


async def test_root_gets_a_printed_password_a_key_and_credit(
    directory: Directory, books: Recorded
) -> None:
    made = await first_start(directory, books)
    assert made is not None and made.password is not None and len(made.password) == 16
    root = await directory.users.by_password("root", made.password)
    assert root is not None and (root.id, root.role) == (ROOT_ID, ROLE_ROOT)
    key = await directory.key_by_secret(made.key)
    assert key is not None and (key.id, key.user_id, key.name) == (ROOT_KEY_ID, ROOT_ID, "default")
    assert key.unlimited and key.usable(2e9) is None
    assert made.password not in repr(made) and made.key not in repr(made)
    [draft] = books.drafts.values()
    assert (draft.id, draft.account, draft.amount_nano) == (
        "open:user:1",
        "user:1",
        ROOT_QUOTA * 2_000,
    )
    assert await first_start(directory, books) is None
    assert (await directory.users.create("next", "password1")).id > ROOT_ID
    assert (await directory.keys.create(9, {}))[0].id > ROOT_KEY_ID


async def test_the_settings_of_the_operator_are_used(directory: Directory, books: Recorded) -> None:
    made = await first_start(
        directory,
        books,
        root_password="chosen by me",
        root_token="sk-chosentoken",
        root_access_token="chosen access",
    )
    assert made == FirstStart("root", None, "chosentoken")
    assert await directory.users.by_password("root", "chosen by me")
    assert await directory.users.by_access_token("chosen access")
    assert await directory.key_by_secret("chosentoken")


@pytest.mark.parametrize("settings", [{"root_password": "short"}, {"root_token": "sk-a-b"}])
async def test_unusable_settings_write_nothing(
    directory: Directory, books: Recorded, settings: dict
) -> None:
    with pytest.raises(Invalid):
        await first_start(directory, books, **settings)
    assert not books.drafts and (await directory.users.list()).total == 0
    assert (await directory.keys.list()).total == 0
    assert await first_start(directory, books)


async def test_processes_that_start_at_once_make_one_root(
    make_directory: MakeDirectory, books: Recorded
) -> None:
    directories = [await make_directory() for _ in range(4)]
    results = await asyncio.gather(*(first_start(d, books) for d in directories))
    [made] = [result for result in results if result is not None]
    assert made.password and await directories[0].users.by_password("root", made.password)
    assert (await directories[0].users.list()).total == 1
    assert (await directories[0].keys.list()).total == 1 and len(books.drafts) == 1
    assert await directories[0].key_by_secret(made.key)


async def test_an_interrupted_first_start_is_finished_by_the_next(
    directory: Directory, books: Recorded
) -> None:
    books.error = BooksUnavailable("not now")
    with pytest.raises(BooksUnavailable):
        await first_start(directory, books, root_token="chosentoken")
    books.error = None
    made = await first_start(directory, books, root_token="chosentoken")
    assert made is not None and made.password and made.key == "chosentoken"
    assert len(books.drafts) == 1


async def test_a_new_user_gets_a_key_and_the_credit_of_the_option(
    directory: Directory, books: Recorded
) -> None:
    poor = await new_user(directory, books, "poor", "password1")
    assert not books.drafts and poor.welcomed
    await directory.options.set("QuotaForNewUser", 500_000)
    rich = await new_user(directory, books, "rich", "password1", actor="user:1", group="vip")
    [draft] = books.drafts.values()
    assert (draft.id, draft.amount_nano, draft.actor) == (
        f"grant:signup:{rich.id}",
        1_000_000_000,
        "user:1",
    )
    assert rich.group == "vip"
    for user in (poor, rich):
        [key] = (await directory.keys.list(filters={"user_id": user.id})).items
        assert (key.name, key.unlimited, key.expired_s) == ("default", True, -1)
    with pytest.raises(Conflict):
        await new_user(directory, books, "rich", "password1")
    assert (await directory.keys.list()).total == 2


@pytest.mark.parametrize("granted_before", [False, True])
async def test_an_interrupted_sign_up_is_finished_later(
    directory: Directory, books: Recorded, clock: MovableClock, granted_before: bool
) -> None:
    await directory.options.set("QuotaForNewUser", 5)
    books.error = BooksUnavailable("not now")
    with pytest.raises(BooksUnavailable):
        await new_user(directory, books, "late", "password1", actor="user:1")
    books.error = KeyReused("grant:signup:1", {}) if granted_before else None
    assert await finish_signups(directory, books) == 0
    clock.ahead_s += 120
    assert await finish_signups(directory, books) == 1
    assert await finish_signups(directory, books) == 0
    user = await directory.users.by_username("late")
    assert user is not None and user.welcomed
    assert (await directory.keys.list(filters={"user_id": user.id})).total == 1
    assert len(books.drafts) == (0 if granted_before else 1)
