"""The command `tollgate`: reads the command line and hands over.

Exit status: 0 done, 1 a check failed or the books cannot be used, 2 the command line or a setting
is wrong. What went wrong is said in one line first, on standard error unless it is a result.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path

from gateway import __version__
from gateway.collector import tune_collector
from gateway.settings import Settings, SettingsError, add_flags, environment_help, resolve

ENV_FILE = Path(".env")

Run = Callable[[argparse.Namespace, Settings], int]


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Run one command and return its exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    parser = build_parser(given[0] if given else None)
    if not given or (given[0].startswith("-") and given[0] not in ("-h", "--help", "--version")):
        if given:
            print(f"tollgate: say a command first: tollgate serve {given[0]} …", file=sys.stderr)
        parser.print_help(sys.stderr)
        return 2
    args = parser.parse_args(given)
    if "examine" in args:
        return _doctor(args, environ)
    try:
        settings = resolve(vars(args), environ, ENV_FILE)
    except SettingsError as error:
        return _fail(error.problems, 2)
    try:
        if argv is None:  # the process is this command's own
            tune_collector()
        command: Run = args.command
        return command(args, settings)
    except KeyboardInterrupt:
        return 130


def build_parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of the command line; the flags come from the table of settings.

    Only the command that was chosen gets its arguments, or all of them get theirs: a server has no
    use for the code of the others, and would keep it in memory.
    """
    parser = argparse.ArgumentParser(
        prog="tollgate",
        description="Tollgate, an OpenAI-compatible LLM gateway that keeps books.",
        epilog="`tollgate COMMAND --help` tells more. Settings are also read from the environment"
        " and from .env; flags come first, then the environment, then .env.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tollgate {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (about, add) in _COMMANDS.items():
        command = commands.add_parser(name, help=about, allow_abbrev=False)
        if chosen is None or chosen == name:
            add(command)
    return parser


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.epilog = environment_help()
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_flags(parser)
    parser.set_defaults(command=_serve)


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Look at everything that a server needs, change nothing, and say what to mend. Exit"
        " status: 0 all is well, 1 there are warnings, 2 there are faults."
    )
    add_flags(parser, ["data_dir", "log_dir"])
    parser.add_argument("--json", action="store_true", help="Tell it as JSON")
    parser.set_defaults(examine=True)


def _add_ledger(parser: argparse.ArgumentParser) -> None:
    from gateway.commands import COMMANDS

    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS.values():
        one = commands.add_parser(
            command.name, help=command.help, description=command.help, allow_abbrev=False
        )
        add_flags(one, ["data_dir"])
        command.add_arguments(one)
        one.set_defaults(command=_ledger, ledger_command=command.name)


def _add_import(parser: argparse.ArgumentParser) -> None:
    from gateway.commands import moving

    parser.description = (
        f"{_IMPORT}. Its database is only read. Begin with --dry-run, which tells what"
        " comes along and what does not; stop the old system before the import itself."
    )
    parser.epilog = (
        "exit status: 0 all of it holds, 1 it does not or the source cannot be read, 2 the"
        " arguments are wrong or the instance is in use"
    )
    add_flags(parser, ["data_dir"])
    moving.add_arguments(parser)
    parser.set_defaults(command=_import)


def _add_export(parser: argparse.ArgumentParser) -> None:
    from gateway.commands import moving_back

    parser.description = _EXPORT
    add_flags(parser, ["data_dir"])
    moving_back.add_arguments(parser)
    parser.set_defaults(command=_export)


_IMPORT = "move in from One API or new-api: users, keys, channels, prices, balances, logs"
_EXPORT = "write users, keys and their balances as a database of One API: the way back"
#: What each command is for, and what gives it its arguments.
_COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "serve": ("run the gateway", _add_serve),
    "doctor": ("look for what is wrong", _add_doctor),
    "ledger": ("check, rebuild, export and read the books", _add_ledger),
    "import": (_IMPORT, _add_import),
    "export": (_EXPORT, _add_export),
}


def _serve(args: argparse.Namespace, settings: Settings) -> int:
    for notice in settings.notices:
        print(f"tollgate: {notice}", file=sys.stderr)
    if settings.workers == 1:
        from gateway.server import serve

        return serve(settings)
    from gateway import workers

    # What is set by the environment of a process stays; .env is read again.
    return workers.serve(settings, lambda: resolve(vars(args), os.environ, ENV_FILE))


def _import(args: argparse.Namespace, settings: Settings) -> int:
    from gateway.commands import moving

    return _on_books(lambda: moving.run(args, settings))


def _export(args: argparse.Namespace, settings: Settings) -> int:
    from gateway.commands import moving_back

    return _on_books(lambda: moving_back.run(args, settings))


def _doctor(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from gateway.doctor.command import examine

    try:
        return asyncio.run(examine(args, environ, ENV_FILE))
    except KeyboardInterrupt:
        return 130


def _ledger(args: argparse.Namespace, settings: Settings) -> int:
    from gateway.commands import run

    return _on_books(lambda: run(args, settings))


def _on_books(command: Callable[[], Coroutine[None, None, int]]) -> int:
    from gateway.directory.errors import DirectoryError
    from ledger.errors import LedgerError

    try:
        return asyncio.run(command())
    except BrokenPipeError:
        # Who read our output has seen enough; nothing may be flushed to it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (LedgerError, DirectoryError, OSError) as error:
        return _fail(str(error), 1)


def _fail(message: str | Sequence[str], status: int) -> int:
    lines = [message] if isinstance(message, str) else message
    for line in lines:
        print(f"tollgate: {line}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
