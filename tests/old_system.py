"""Databases of One API and of new-api, as their programs make them in SQLite."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import bcrypt

PASSWORD = "old-password"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4, prefix=b"2a")).decode()
ROOT_KEY, KEY, RICH_KEY = "R" * 48, "aB3" * 16, "cD4" * 16
CODE, USED_CODE = "c" * 32, "d" * 32
ACCESS_TOKEN = "e" * 32

_ONE_API = """
CREATE TABLE `users` (`id` integer PRIMARY KEY AUTOINCREMENT,`username` text UNIQUE,`password` text
 NOT NULL,`display_name` text,`role` int DEFAULT 1,`status` int DEFAULT 1,`email` text,`github_id`
 text,`wechat_id` text,`lark_id` text,`oidc_id` text,`access_token` char(32),`quota` bigint DEFAULT
 0,`used_quota` bigint DEFAULT 0,`request_count` int DEFAULT 0,`group` varchar(32) DEFAULT
 "default",`aff_code` varchar(32),`inviter_id` int);
CREATE TABLE `tokens` (`id` integer PRIMARY KEY AUTOINCREMENT,`user_id` integer,`key` char(48),
 `status` integer DEFAULT 1,`name` text,`created_time` bigint,`accessed_time` bigint,`expired_time`
 bigint DEFAULT -1,`remain_quota` bigint DEFAULT 0,`unlimited_quota` numeric DEFAULT false,
 `used_quota` bigint DEFAULT 0,`models` text,`subnet` text DEFAULT "");
CREATE TABLE `channels` (`id` integer PRIMARY KEY AUTOINCREMENT,`type` integer DEFAULT 0,`key` text,
 `status` integer DEFAULT 1,`name` text,`weight` integer DEFAULT 0,`created_time` bigint,`test_time`
 bigint,`response_time` integer,`base_url` text DEFAULT "",`other` text,`balance` real,
 `balance_updated_time` bigint,`models` text,`group` varchar(32) DEFAULT "default",`used_quota`
 bigint DEFAULT 0,`model_mapping` varchar(1024) DEFAULT "",`priority` bigint DEFAULT 0,`config`
 text,`system_prompt` text);
CREATE TABLE `redemptions` (`id` integer PRIMARY KEY AUTOINCREMENT,`user_id` integer,`key` char(32),
 `status` integer DEFAULT 1,`name` text,`quota` bigint DEFAULT 100,`created_time` bigint,
 `redeemed_time` bigint);
CREATE TABLE `options` (`key` text PRIMARY KEY,`value` text);
CREATE TABLE `logs` (`id` integer PRIMARY KEY AUTOINCREMENT,`user_id` integer,`created_at` bigint,
 `type` integer,`content` text,`username` text DEFAULT "",`token_name` text DEFAULT "",`model_name`
 text DEFAULT "",`quota` integer DEFAULT 0,`prompt_tokens` integer DEFAULT 0,`completion_tokens`
 integer DEFAULT 0,`channel_id` integer,`request_id` text DEFAULT "",`elapsed_time` integer DEFAULT
 0,`is_stream` numeric DEFAULT false,`system_prompt_reset` numeric DEFAULT false);
"""
_NEW_API = """
ALTER TABLE `users` ADD COLUMN `aff_quota` int DEFAULT 0;
ALTER TABLE `users` ADD COLUMN `linux_do_id` text;
ALTER TABLE `users` ADD COLUMN `deleted_at` datetime;
ALTER TABLE `users` ADD COLUMN `horoscope` text;
ALTER TABLE `tokens` ADD COLUMN `model_limits_enabled` numeric DEFAULT false;
ALTER TABLE `tokens` ADD COLUMN `model_limits` varchar(1024) DEFAULT "";
ALTER TABLE `tokens` ADD COLUMN `allow_ips` text DEFAULT "";
ALTER TABLE `tokens` ADD COLUMN `group` text DEFAULT "";
ALTER TABLE `tokens` ADD COLUMN `deleted_at` datetime;
ALTER TABLE `channels` ADD COLUMN `auto_ban` integer DEFAULT 1;
ALTER TABLE `logs` ADD COLUMN `use_time` integer DEFAULT 0;
ALTER TABLE `logs` ADD COLUMN `ip` text DEFAULT "";
ALTER TABLE `redemptions` ADD COLUMN `used_user_id` integer;
ALTER TABLE `redemptions` ADD COLUMN `expired_time` bigint DEFAULT 0;
"""
OPTIONS = {
    "SystemName": "旧系统",
    "GitHubOAuthEnabled": "true",
    "GitHubClientId": "client",
    "GitHubClientSecret": "hush-hush",
    "QuotaForNewUser": "5000",
    "LogConsumeEnabled": "false",
    "SomethingElse": "1",
    "ModelRatio": '{"gpt-4o": 2.5, "house-model": 0.075, "openrouter/auto": -500000}',
    "CompletionRatio": '{"house-model": 4}',
    "GroupRatio": '{"default": 1, "vip": 0.85, "内部": 0}',
}


class OldSystem:
    """One database file, to fill."""

    def __init__(self, path: Path, *, new_api: bool = False) -> None:
        self.path = path
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(_ONE_API + (_NEW_API if new_api else ""))

    def add(self, table: str, **row: Any) -> None:
        """Insert a row."""
        names = ", ".join(f"`{name}`" for name in row)
        marks = ", ".join("?" * len(row))
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", [*row.values()])

    def add_many(self, table: str, names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
        """Insert rows at once."""
        marks = ", ".join("?" * len(names))
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.executemany(f"INSERT INTO {table} {names} VALUES ({marks})", rows)

    def columns(self, table: str) -> list[str]:
        """Return the columns of a table."""
        with closing(sqlite3.connect(self.path)) as connection:
            return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]

    def change(self, table: str, number: int, **fields: Any) -> None:
        """Change a row."""
        names = ", ".join(f"`{name}` = ?" for name in fields)
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(
                f"UPDATE {table} SET {names} WHERE id = ?", [*fields.values(), number]
            )

    def run(self, statements: str) -> None:
        """Run statements."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(statements)

    def user(self, user_id: int, name: str, quota: int, **more: Any) -> None:
        """Insert a user with a password."""
        self.add("users", id=user_id, username=name, password=HASH, quota=quota, **more)


def awkward(path: Path) -> OldSystem:
    """A One API with all that makes moving hard."""
    old = OldSystem(path)
    old.user(1, "root", 500_000_000_000_000, role=100, access_token=ACCESS_TOKEN, aff_code="Ab1C")
    old.user(2, "李雷", 1_234_567, email="Li@Example.com", inviter_id=1, github_id="lilei")
    old.user(3, "hanmeimei", -77, email="li@example.com", role=10, group="vip", github_id="lilei")
    old.user(4, "deleted_0f8f", 40, status=3, aff_code="Zz9Z")
    old.user(5, "guest", 0, role=0)
    old.user(9, "off", 1, status=2, group="")
    old.add("tokens", id=1, user_id=1, key=ROOT_KEY, unlimited_quota=1, name="default")
    old.add("tokens", id=2, user_id=2, key=KEY, remain_quota=1_000, models="gpt-4o,sandbox-echo")
    old.add("tokens", id=3, user_id=2, key=RICH_KEY, unlimited_quota=1, remain_quota=-5)
    old.add("tokens", id=4, user_id=3, key="f" * 48, remain_quota=-20, subnet="10.0.0.0/8")
    old.add("tokens", id=5, user_id=77, key="g" * 48, remain_quota=300)
    old.add("tokens", id=6, user_id=2, key="h" * 48, remain_quota=9, subnet="nonsense", status=1)
    old.add("tokens", id=7, user_id=2, key="with-hyphen", remain_quota=6)
    old.add("channels", id=1, type=1, key="sk-one\nsk-two", name="主", models="gpt-4o", priority=5)
    old.add(
        "channels", id=2, type=3, key="k", other="2024-03-01-preview", base_url="https://a.test/"
    )
    old.add("channels", id=3, type=777, key="k", name="nobody knows")
    old.add("channels", id=4, type=11, key="k", name="retired", models="PaLM-2")
    old.add("channels", id=5, type=14, key="k", name="bad map", model_mapping="{", status=1)
    old.add("channels", id=6, type=14, key="k", name="no group", group="", status=1)
    for number, code in ((1, CODE), (3, "i" * 32)):
        old.add(
            "redemptions", id=number, user_id=1, key=code, name="促销", quota=500, created_time=7
        )
    used = {"status": 3, "redeemed_time": 1_700_000_000, "quota": 100}
    old.add("redemptions", id=2, user_id=1, key=USED_CODE, name="used", **used)
    old.add("redemptions", id=4, user_id=1, key="j" * 32, name="off", quota=5, status=2)
    old.add("redemptions", id=5, user_id=1, key="k" * 32, name="odd", quota=-5)
    for name, value in OPTIONS.items():
        old.add("options", key=name, value=value)
    return old
