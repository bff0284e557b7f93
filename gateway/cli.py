"""The command `tollgate`: reads the command line and hands over.

Exit status: 0 done, 1 a check failed or the books cannot be used, 2 the command line or a setting
is wrong. What went wrong is said in one line first, on standard error unless it is a result.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gateway import __version__
from gateway.collector import tune_collector
from gateway.commands import COMMANDS
from gateway.settings import Settings, SettingsError, add_flags, environment_help, resolve

ENV_FILE = Path(".env")
LATER_IMPORT = "importing from One API comes later; channels and users can be made by its /api"

Run = Callable[[argparse.Namespace, Settings], int]


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Run one command and return its exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    parser = build_parser()
    if not given or (given[0].startswith("-") and given[0] not in ("-h", "--help", "--version")):
        if given:
            print(f"tollgate: say a command first: tollgate serve {given[0]} …", file=sys.stderr)
        parser.print_help(sys.stderr)
        return 2
    args = parser.parse_args(given)
    if "refusal" in args:
        return _fail(f"{args.refusal} (not in version {__version__})", 2)
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


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; the flags come from the table of settings."""
    parser = argparse.ArgumentParser(
        prog="tollgate",
        description="Tollgate, an OpenAI-compatible LLM gateway that keeps books.",
        epilog="`tollgate COMMAND --help` tells more. Settings are also read from the environment"
        " and from .env; flags come first, then the environment, then .env.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tollgate {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    serve = commands.add_parser(
        "serve",
        help="run the gateway",
        epilog=environment_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_flags(serve)
    serve.set_defaults(command=_serve)
    _add_doctor(commands)
    ledger = commands.add_parser("ledger", help="check, rebuild, export and read the books")
    _add_ledger_commands(ledger.add_subparsers(metavar="COMMAND", required=True))
    _add_refused(commands, "import", LATER_IMPORT)
    return parser


def _add_ledger_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    for command in COMMANDS.values():
        parser = commands.add_parser(
            command.name, help=command.help, description=command.help, allow_abbrev=False
        )
        add_flags(parser, ["data_dir"])
        command.add_arguments(parser)
        parser.set_defaults(command=_ledger, ledger_command=command.name)


def _add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = (
        "Look at everything that a server needs, change nothing, and say what to mend. Exit"
        " status: 0 all is well, 1 there are warnings, 2 there are faults."
    )
    parser = commands.add_parser(
        "doctor", help="look for what is wrong", description=about, allow_abbrev=False
    )
    add_flags(parser, ["data_dir", "log_dir"])
    parser.add_argument("--json", action="store_true", help="Tell it as JSON")
    parser.set_defaults(examine=True)


def _add_refused(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, refusal: str
) -> None:
    parser = commands.add_parser(name, help="(not in this version)", prefix_chars="\0")
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    parser.set_defaults(refusal=f"{name}: {refusal}")


def _serve(args: argparse.Namespace, settings: Settings) -> int:
    for notice in settings.notices:
        print(f"tollgate: {notice}", file=sys.stderr)
    if settings.workers == 1:
        from gateway.server import serve

        return serve(settings)
    from gateway import workers

    # What is set by the environment of a process stays; .env is read again.
    return workers.serve(settings, lambda: resolve(vars(args), os.environ, ENV_FILE))


def _doctor(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from gateway.doctor.command import examine

    try:
        return asyncio.run(examine(args, environ, ENV_FILE))
    except KeyboardInterrupt:
        return 130


def _ledger(args: argparse.Namespace, settings: Settings) -> int:
    from gateway.commands import run
    from ledger.errors import LedgerError

    try:
        return asyncio.run(run(args, settings))
    except BrokenPipeError:
        # Who read our output has seen enough; nothing may be flushed to it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (LedgerError, OSError) as error:
        return _fail(str(error), 1)


def _fail(message: str | Sequence[str], status: int) -> int:
    lines = [message] if isinstance(message, str) else message
    for line in lines:
        print(f"tollgate: {line}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
