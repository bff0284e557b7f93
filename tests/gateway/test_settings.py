"""Settings: where values come from, what is refused and how, and the documents made of them."""

from pathlib import Path

import pytest

from gateway import settings_docs
from gateway.envfile import read_env_file
from gateway.settings import Settings, SettingsError, load, resolve, rows
from gateway.settings_oneapi import FOREIGN

NOWHERE = Path("/nonexistent/.env")

# Every variable that One API's code reads or its README names.
ONE_API = """
PORT SESSION_SECRET SQL_DSN LOG_SQL_DSN SQLITE_PATH SQLITE_BUSY_TIMEOUT SQL_MAX_IDLE_CONNS
SQL_MAX_OPEN_CONNS SQL_MAX_LIFETIME SQL_CONN_MAX_LIFETIME REDIS_CONN_STRING REDIS_PASSWORD
REDIS_MASTER_NAME MEMORY_CACHE_ENABLED SYNC_FREQUENCY NODE_TYPE FRONTEND_BASE_URL
CHANNEL_TEST_FREQUENCY CHANNEL_UPDATE_FREQUENCY POLLING_INTERVAL BATCH_UPDATE_ENABLED
BATCH_UPDATE_INTERVAL RELAY_TIMEOUT RELAY_PROXY USER_CONTENT_REQUEST_PROXY
USER_CONTENT_REQUEST_TIMEOUT GEMINI_SAFETY_SETTING GEMINI_VERSION THEME GLOBAL_API_RATE_LIMIT
GLOBAL_WEB_RATE_LIMIT ENABLE_METRIC METRIC_QUEUE_SIZE METRIC_SUCCESS_RATE_THRESHOLD
METRIC_SUCCESS_CHAN_SIZE METRIC_FAIL_CHAN_SIZE ENFORCE_INCLUDE_USAGE TEST_PROMPT
INITIAL_ROOT_TOKEN INITIAL_ROOT_ACCESS_TOKEN TIKTOKEN_CACHE_DIR DATA_GYM_CACHE_DIR DEBUG DEBUG_SQL
GIN_MODE ONLY_ONE_LOG_FILE HTTP_PROXY HTTPS_PROXY
""".split()


def from_env(**environ: str) -> Settings:
    return resolve({}, environ, NOWHERE)


def problems(**environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        from_env(**environ)
    return refused.value.problems


def test_defaults() -> None:
    settings = from_env()
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 3000, 1)
    assert settings.data_dir == Path("data")
    assert settings.mongo_url is None
    assert (settings.mongo_db, settings.driver) == ("tollgate", "pymongo")
    assert from_env(MONGO_URL="mongodb://db/").driver == "motor"
    assert from_env(MONGO_DRIVER="motor").driver == "motor"
    assert settings.max_body_bytes == 32 * 1024 * 1024
    assert settings.disconnect_policy == "drain"
    assert settings.notices == ()


def test_a_flag_beats_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("PORT=1001\nHOST=10.0.0.1\nMONGO_DB=from_file\n")
    settings = load(["--port", "1003"], {"PORT": "1002", "HOST": "10.0.0.2"}, file)
    assert (settings.port, settings.host, settings.mongo_db) == (1003, "10.0.0.2", "from_file")


def test_an_empty_value_counts_as_not_set(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("PORT=1001\nMONGO_URL=\nSQL_DSN=\n")
    settings = load([], {"PORT": "", "REDIS_CONN_STRING": ""}, file)
    assert settings.port == 1001
    assert settings.mongo_url is None


def test_switches_need_no_value() -> None:
    assert load(["--demo"], {}, NOWHERE).demo is True
    assert load([], {}, NOWHERE).demo is False


@pytest.mark.parametrize("given", ["true", "True", "1"])
def test_truth(given: str) -> None:
    assert from_env(DEBUG=given).debug is True


@pytest.mark.parametrize("given", ["false", "FALSE", "0"])
def test_falsehood(given: str) -> None:
    assert from_env(ALLOW_UNPRICED_MODELS=given).allow_unpriced_models is False


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "3000 "),
        ("PORT", "3e3"),
        ("PORT", "٣"),
        ("OPS_PORT", "0"),
        ("MAX_BODY_BYTES", "10"),
        ("MAX_PENDING_EVENTS", "0"),
        ("RELAY_TIMEOUT", "1.5"),
        ("DEBUG", "yes please"),
        ("MONGO_DRIVER", "mongoengine"),
        ("DISCONNECT_POLICY", "charge"),
        ("THEME", "berry"),
        ("WORKERS", "-1"),
        ("WORKERS", "many"),
        ("SYNC_FREQUENCY", "often"),
        ("MEMORY_CACHE_ENABLED", "maybe"),
    ],
)
def test_a_bad_value_is_named_with_its_fix(name: str, value: str) -> None:
    (problem,) = problems(**{name: value})
    assert problem.startswith(f"{name}={value}: ")
    assert "\n" not in problem


@pytest.mark.parametrize("value", ["auto", "0", "AUTO"])
def test_workers_can_be_one_for_each_core(value: str) -> None:
    assert 1 <= from_env(WORKERS=value).workers <= 1024


def test_every_problem_is_told_at_once() -> None:
    told = problems(PORT="x", SQL_DSN="root:pw@tcp(db)/oneapi", WORKERS="9999")
    assert [line.split(":")[0] for line in told] == ["PORT=x", "WORKERS=9999", "SQL_DSN"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MONGO_URL", "http://user:hunter22@db"),
        ("RELAY_PROXY", "socks5://user:hunter22@proxy"),
        ("SQL_DSN", "root:hunter22@tcp(db:3306)/oneapi"),
        ("REDIS_PASSWORD", "hunter22"),
        ("INITIAL_ROOT_PASSWORD", "hunter2"),
        ("TOLLGATE_SECRET_KEY", "hunter22"),
    ],
)
def test_no_message_repeats_a_secret(name: str, value: str) -> None:
    (problem,) = problems(**{name: value})
    assert problem.startswith(f"{name}: ")
    assert "hunter" not in problem


def test_settings_can_be_printed_without_their_secrets() -> None:
    settings = from_env(
        MONGO_URL="mongodb://u:hunter22@db",
        SESSION_SECRET="hunter22",
        INITIAL_ROOT_PASSWORD="hunter22",
        TOLLGATE_SECRET_KEY="hunter22hunter22",
        RELAY_PROXY="http://u:hunter22@proxy",
    )
    assert "hunter" not in repr(settings)
    assert settings.mongo_url == "mongodb://u:hunter22@db"


def test_a_password_must_fit_bcrypt_whole() -> None:
    assert from_env(INITIAL_ROOT_PASSWORD="密码密码").initial_root_password == "密码密码"
    assert problems(INITIAL_ROOT_PASSWORD="密" * 25)
    assert problems(INITIAL_ROOT_PASSWORD="short")


def test_an_example_session_secret_is_not_used() -> None:
    settings = from_env(SESSION_SECRET="random_string")
    assert settings.session_secret is None
    assert "SESSION_SECRET" in settings.notices[0]


def test_either_name_of_the_tokenizer_cache_works_and_the_first_wins() -> None:
    assert from_env(DATA_GYM_CACHE_DIR="/b").tiktoken_cache_dir == Path("/b")
    both = from_env(TIKTOKEN_CACHE_DIR="/a", DATA_GYM_CACHE_DIR="/b")
    assert both.tiktoken_cache_dir == Path("/a")


def test_the_operations_port_is_another_port() -> None:
    assert "OPS_PORT=3000" in problems(OPS_PORT="3000")[0]
    assert from_env(OPS_PORT="3001").ops_port == 3001


def test_every_variable_of_one_api_is_known_exactly_once() -> None:
    own = [name for _, row, _ in rows() for name in row.env]
    assert len(own) == len(set(own))
    assert set(ONE_API) <= set(own) | set(FOREIGN)
    assert not set(own) & set(FOREIGN)


@pytest.mark.parametrize("name", [name for name, each in FOREIGN.items() if each.refused])
def test_what_this_version_lacks_is_refused_with_advice(name: str) -> None:
    (problem,) = problems(**{name: "something"})
    assert problem.startswith(f"{name}: ")
    assert "remove it" in problem


@pytest.mark.parametrize("name", [name for name, each in FOREIGN.items() if not each.refused])
def test_what_has_no_effect_is_said_in_one_line(name: str) -> None:
    settings = from_env(**{name: "1"})
    (notice,) = settings.notices
    assert notice.startswith(f"{name} has no effect")
    assert "\n" not in notice


@pytest.mark.parametrize(
    ("name", "value"),
    [("NODE_TYPE", "master"), ("DEBUG_SQL", "false"), ("ENABLE_METRIC", "0"), ("THEME", "default")],
)
def test_a_value_that_asks_for_nothing_is_accepted(name: str, value: str) -> None:
    assert from_env(**{name: value}).notices == ()


def test_env_file_lines(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "\ufeff# comment\n\nA=plain\nexport B = spaced out  # note\n"
        'C=\'single # $kept\\n\'\nD="double \\"quoted\\"\\nline" # note\nE=a#b\nF=#note\nG=x=y\n',
        encoding="utf-8",
    )
    assert read_env_file(file) == {
        "A": "plain",
        "B": "spaced out",
        "C": "single # $kept\\n",
        "D": 'double "quoted"\nline',
        "E": "a#b",
        "G": "x=y",
    }


@pytest.mark.parametrize("line", ["no equals sign", "1A=x", 'A="open', "A='open", 'A="x" y'])
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / ".env"
    file.write_text(f"OK=1\n{line}\n")
    with pytest.raises(SettingsError, match=r"\.env:2: not KEY=VALUE"):
        load([], {}, file)


def test_an_unreadable_env_file_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        load([], {}, tmp_path / ".env")


def test_the_committed_documents_are_up_to_date() -> None:
    assert settings_docs.main(["--check"]) == 0


def test_stale_documents_are_noticed_and_can_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in settings_docs.FILES:
        (tmp_path / name).parent.mkdir(parents=True)
    assert settings_docs.main(["--check"], tmp_path) == 1
    assert "conf/.env.example is out of date" in capsys.readouterr().out
    assert settings_docs.main(["--write"], tmp_path) == 0
    assert settings_docs.main(["--check"], tmp_path) == 0
    assert settings_docs.main([], tmp_path) == 2


def test_the_example_file_gives_the_defaults_when_uncommented(tmp_path: Path) -> None:
    lines = settings_docs.env_example().splitlines()
    assigned = [line[1:] for line in lines if line.startswith("#") and line[1:2].isupper()]
    file = tmp_path / ".env"
    file.write_text("\n".join(assigned))
    assert len(assigned) == sum(bool(row.env) for _, row, _ in rows())
    assert load([], {}, file) == from_env()
