"""`tokenmgr`: the groups, loaded when they are asked for, and the one place where an error becomes an exit status."""

from __future__ import annotations

import sys
from typing import Any

import click

from tokenmgr import __version__
from tokenmgr.cli.help import LazyGroup
from tokenmgr.cli.output import Exit, Output, prepare_streams
from tokenmgr.wiring.words import t

# name -> where it is. A command that is not asked for is not imported: `tokenmgr media` must start quickly.
COMMANDS = {
    "media": "tokenmgr.cli.media:media",
    "medium": "tokenmgr.cli.medium:medium",
    "pin": "tokenmgr.cli.pin:pin",
    "acquire": "tokenmgr.cli.renewing:acquire",
    "renew": "tokenmgr.cli.renewing:renew",
    "resume": "tokenmgr.cli.renewing:resume",
    "status": "tokenmgr.cli.status:status",
    "login": "tokenmgr.cli.login:login",
    "clean": "tokenmgr.cli.cleaning:clean",
    "pc": "tokenmgr.cli.pc:pc",
    "verify": "tokenmgr.cli.verify:verify",
    "csr": "tokenmgr.cli.csr:csr",
    "import": "tokenmgr.cli.importing:import_",
    "desk": "tokenmgr.cli.desk:desk",
    "doctor": "tokenmgr.cli.doctor:doctor",
    "native-host": "tokenmgr.cli.native_host:native_host",
    "drivers": "tokenmgr.cli.drivers:drivers",
    "completion": "tokenmgr.cli.completion:completion",
    "testbed": "tokenmgr.cli.testbed:testbed",
    "ca": "tokenmgr.cli.ca:ca",
    "bank": "tokenmgr.cli.bank:bank",
}


@click.group(
    cls=LazyGroup, lazy=COMMANDS, help=t("help.main"), context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="tokenmgr", help=t("help.o_version"))
@click.option("--lang", type=click.Choice(["ja", "en"]), expose_value=False, help=t("help.o_lang"))
def cli() -> None:
    pass


def run(arguments: list[str] | None = None) -> int:
    """The exit status. Nothing else in the program ends the process, and no traceback reaches a person (R15)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    prepare_streams()
    out = Output(as_json="--json" in arguments)
    try:
        value: Any = cli.main(arguments, prog_name="tokenmgr", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return Exit.USAGE
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except click.Abort as error:  # click's word for Ctrl-C, at a prompt without a cause
        return out.cancelled(during_work=isinstance(error.__cause__, KeyboardInterrupt))
    except KeyboardInterrupt:
        return out.cancelled(during_work=True)
    except Exception as error:  # noqa: BLE001  the last line of defence
        return out.failure(error)
    return value if isinstance(value, int) else Exit.FINE
