"""Options that several commands share, and settings read from the environment."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from store.model.runaway import Budget
from tui.cli.amount import DOLLARS, SPEED, TOKENS

if TYPE_CHECKING:
    from store.pricing.pricer import Pricer

PRICES_VARIABLE = "TREETOP_PRICES"
"""Environment variable with the path of the file of the user's prices."""

Function = TypeVar("Function", bound=Callable[..., Any])


def _before_command(ctx: click.Context, option: click.Parameter, value: Any) -> Any:
    """Option callback: a value given before the command holds for the command and overrides the environment."""

    def given(context: click.Context | None) -> bool:
        source = None if context is None else context.get_parameter_source(option.name or "")
        return source is click.core.ParameterSource.COMMANDLINE

    if ctx.parent is not None and given(ctx.parent) and not given(ctx):
        return ctx.parent.params[option.name or ""]
    return value


def _shared(*names: str, **attributes: Any) -> Callable[[Function], Function]:
    return click.option(*names, callback=_before_command, show_envvar=True, **attributes)


def _url(name: str, text: str) -> Callable[[Function], Function]:
    return _shared(name, "url", metavar="URL", envvar="REDIS_URL", default="redis://localhost:6379/0", help=text)


PATH = click.Path(dir_okay=False, path_type=Path)

DB = _shared("--db", type=PATH, envvar="SQLITE_DB_PATH", default="events.db", help="File that contains the runs.")

REDIS = _url("--redis", "Address of the Redis server, Sentinels or Cluster.")

TO = _url("--to", "Address of the Redis server to publish to.")


class _StreamName(click.types.StringParamType):
    """The name of a stream. It may contain blanks and commas, so the environment variable holds one name."""

    name = "name"

    def split_envvar_value(self, rv: str) -> list[str]:
        return [rv]


STREAMS = _shared(
    "--stream",
    "streams",
    metavar="NAME",
    type=_StreamName(),
    multiple=True,
    envvar="EVENT_STREAM",
    default=["agent_events"],
    help="Stream to which agents publish. May be repeated.",
)


def _hand_on(ctx: click.Context, option: click.Parameter, value: Path | None) -> None:
    """Option callback: puts the path into the environment, from which `pricer` and child processes read it."""
    if (path := _before_command(ctx, option, value)) is not None:
        os.environ[PRICES_VARIABLE] = str(path)


PRICES = click.option(
    "--prices",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    envvar=PRICES_VARIABLE,
    show_envvar=True,
    callback=_hand_on,
    expose_value=False,
    help="Your own prices of models.  [default: prices.toml in your folder of treetop's configuration]",
)


def pricer() -> "Pricer":
    """The prices of calls: the user's own, if there is a file of them, and the bundled list. Raises PricesUnreadable."""
    from platformdirs import user_config_path

    from store.pricing.price_file import PRICE_FILE
    from store.pricing.pricer import Pricer

    given, default = os.environ.get(PRICES_VARIABLE), user_config_path("treetop") / PRICE_FILE
    return Pricer.of(Path(given) if given else default if default.is_file() else None)


LIGHT = click.option("--light", is_flag=True, help="Start with the light theme.")

ASCII = click.option(
    "--ascii", "ascii_only", is_flag=True, default=None, help="Draw with ASCII only.  [default: from the locale]"
)

AT = click.option(
    "--at",
    metavar="POSITION",
    help="Print the run as it was at an event number, a part (50%), a local time of day (14:03:20), or a time since the"
    " start (2m30s, 23:57.5). Positions outside the run are refused.",
)

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")

RUN = click.argument("run")
"""Id of a run, the beginning of an id, or `latest`."""


def budget(function: Function) -> Function:
    """The options of the budget of a run, which `budget_of` puts together."""
    tokens = _budget("--budget-tokens", TOKENS.parse, "N", "Mark runs that used more tokens than this, such as 500k, 2M.")
    return _budget("--budget-cost", DOLLARS.parse, "DOLLARS", "Mark runs that cost more than this, such as 2.50.")(
        tokens(function)
    )


def _budget(name: str, parse: Callable[[str], float], metavar: str, text: str) -> Callable[[Function], Function]:
    variable = f"TREETOP_{name.removeprefix('--').replace('-', '_').upper()}"
    return _shared(name, type=parse, metavar=metavar, envvar=variable, help=text)


def budget_of(cost: float | None, tokens: float | None) -> Budget:
    """The budget in these options."""
    return Budget(cost, None if tokens is None else round(tokens))


def speed(default: str, text: str) -> Callable[[Function], Function]:
    """The option --speed of a command."""
    return click.option("--speed", type=SPEED.parse, metavar="N", default=default, help=text)


def reload_latest() -> bool:
    """The value of RELOAD_LATEST_SESSION."""
    return os.environ.get("RELOAD_LATEST_SESSION", "").lower() in ("1", "true", "yes")
