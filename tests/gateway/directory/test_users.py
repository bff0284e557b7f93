"""Users on a real database."""

import asyncio

import pytest

from gateway.directory.directory import Directory
from gateway.directory.errors import Conflict, Invalid, NotFound
from gateway.directory.users import ROLE_ADMIN, STATUS_DELETED, STATUS_DISABLED, User

PASSWORD = "correct horse"


async def make(directory: Directory, name: str, **changes) -> User:
    return await directory.users.create(name, PASSWORD, **changes)


async def test_a_new_user_is_stored_with_one_apis_defaults(directory: Directory) -> None:
    user = await make(directory, "alice")
    assert await directory.users.get(user.id) == user
    assert (user.role, user.status, user.group, user.display_name) == (1, 1, "default", "alice")
    assert len(user.aff_code) == 8 and user.account == f"user:{user.id}" and user.is_usable
    assert user.created_s > 1_600_000_000 and user.changed_us // 1_000_000 == user.created_s


async def test_ids_are_given_once_under_concurrency(directory: Directory) -> None:
    users = await asyncio.gather(*(make(directory, f"user{n}") for n in range(20)))
    assert len({user.id for user in users}) == 20


async def test_two_users_cannot_have_one_name(directory: Directory) -> None:
    results = await asyncio.gather(
        *(make(directory, "bob") for _ in range(8)), return_exceptions=True
    )
    made = [result for result in results if isinstance(result, User)]
    refused = [result for result in results if isinstance(result, Conflict)]
    assert (len(made), len(refused)) == (1, 7)
    assert {error.field for error in refused} == {"username"}
    other = await make(directory, "carol")
    with pytest.raises(Conflict):
        await directory.users.update(other.id, {"username": "bob"})


@pytest.mark.parametrize(
    "changes",
    [
        {"username": ""},
        {"username": "x" * 31},
        {"username": "a b"},
        {"username": {"$gt": ""}},
        {"display_name": "x" * 21},
        {"role": 5},
        {"role": True},
        {"status": 3},
        {"email": "x" * 51},
        {"group": ""},
        {"password_hash": "x"},
        {"session_epoch": 1},
        {"deleted": True},
        {"id": 9},
    ],
)
async def test_a_bad_update_changes_nothing(directory: Directory, changes: dict) -> None:
    user = await make(directory, "dave")
    with pytest.raises(Invalid):
        await directory.users.update(user.id, {"display_name": "Changed", **changes})
    assert await directory.users.get(user.id) == user


async def test_sign_in_by_name_and_by_an_address_that_one_user_has(directory: Directory) -> None:
    erin = await make(directory, "erin", email="erin@a.example")
    for name in ("f1", "f2"):
        await make(directory, name, email="shared@a.example")
    by_password = directory.users.by_password
    assert await by_password("erin", PASSWORD) == erin
    assert await by_password("erin@a.example", PASSWORD) == erin
    assert await by_password("shared@a.example", PASSWORD) is None
    assert await by_password("erin", "wrong horse") is None
    for stranger in ("nobody", "", "@", "\ud800", "a\x00b", ".*"):
        assert await by_password(stranger, PASSWORD) is None


async def test_a_new_password_role_or_status_ends_sessions(directory: Directory) -> None:
    user = await make(directory, "gina")
    same = await directory.users.update(user.id, {"display_name": "Gina"})
    assert same.session_epoch == user.session_epoch
    epochs = [
        (await directory.users.set_password(user.id, "another horse")).session_epoch,
        (await directory.users.update(user.id, {"role": ROLE_ADMIN})).session_epoch,
        (await directory.users.update(user.id, {"status": STATUS_DISABLED})).session_epoch,
    ]
    assert epochs == [2, 3, 4]
    assert await directory.users.by_password("gina", PASSWORD) is None


async def test_an_access_token_is_shown_once_and_works_until_replaced(directory: Directory) -> None:
    user = await make(directory, "hugo")
    await make(directory, "without")
    first = await directory.users.make_access_token(user.id)
    found = await directory.users.by_access_token(first)
    assert found is not None and found.id == user.id and len(first) == 32
    assert first not in repr(found) and found.access_token_hash != first
    second = await directory.users.make_access_token(user.id)
    assert await directory.users.by_access_token(first) is None
    assert await directory.users.by_access_token("") is None
    await directory.users.update(user.id, {"status": STATUS_DISABLED})
    assert await directory.users.by_access_token(second) is None


async def test_a_deleted_user_gives_up_the_name_and_keeps_the_id(directory: Directory) -> None:
    user = await make(directory, "ivan", github_id="ivan-h")
    token = await directory.users.make_access_token(user.id)
    gone = await directory.users.delete(user.id)
    assert gone.username.startswith(f"deleted_{user.id}_") and gone.status == STATUS_DELETED
    assert gone.github_id == "" and not gone.is_usable and gone.session_epoch > user.session_epoch
    assert await directory.users.by_access_token(token) is None
    assert await directory.user(user.id) is None
    assert (await directory.users.get_many([user.id]))[user.id] == gone
    for attempt in (directory.users.get, directory.users.delete):
        with pytest.raises(NotFound):
            await attempt(user.id)
    with pytest.raises(NotFound):
        await directory.users.update(user.id, {"display_name": "Back"})
    assert (await make(directory, "ivan")).id != user.id
    assert (await directory.users.list()).total == 1


async def test_lists_page_count_and_filter(directory: Directory) -> None:
    for n in range(25):
        await make(directory, f"user{n:02}", group="vip" if n % 5 == 0 else "default")
    first = await directory.users.list(0, 10)
    last = await directory.users.list(2, 10)
    assert [user.username for user in first.items][:2] == ["user24", "user23"]
    assert (first.total, len(last.items), last.items[-1].username) == (25, 5, "user00")
    assert (await directory.users.list(99, 10)).items == []
    assert (await directory.users.list(filters={"group": "vip"})).total == 5
    assert await directory.group_names() == ["default", "vip"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"page": -1},
        {"page": 10**30},
        {"page_size": 0},
        {"page_size": 100_000},
        {"order": "password_hash"},
        {"filters": {"password_hash": "x"}},
        {"filters": {"group": {"$ne": ""}}},
    ],
)
async def test_bad_listings_are_refused(directory: Directory, arguments: dict) -> None:
    with pytest.raises(Invalid):
        await directory.users.list(**arguments)


@pytest.mark.parametrize(
    "keyword, found",
    [
        ("kim", ["kim", "kimono"]),
        ("im", []),
        (".*", []),
        ("k.m", []),
        ("^kim", []),
        ("(", []),
        ("a+b", ["a+b"]),
        ("%", []),
        ("Leo", ["kim"]),
        ("kim@", ["kim"]),
        ("2", ["kimono"]),
        ("²", []),
        ("9" * 40, []),
        ("", ["a+b", "kim", "kimono"]),
    ],
)
async def test_search_is_by_literal_prefix_or_id(
    directory: Directory, keyword: str, found: list[str]
) -> None:
    await make(directory, "kim", email="kim@a.example", display_name="Leo")
    await make(directory, "kimono")
    await make(directory, "a+b")
    page = await directory.users.search(keyword)
    assert sorted(user.username for user in page.items) == found
    assert page.total == len(found)


async def test_search_refuses_what_cannot_be_asked(directory: Directory) -> None:
    for keyword in ("a\x00b", "\ud800"):
        with pytest.raises(Invalid):
            await directory.users.search(keyword)
    with pytest.raises(NotFound):
        await directory.users.get(2**70)


async def test_secrets_do_not_show(directory: Directory) -> None:
    user = await make(directory, "mona")
    assert user.password_hash.startswith("$2b$04$")
    assert user.password_hash not in repr(user)
