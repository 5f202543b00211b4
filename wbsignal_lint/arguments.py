"""The command line's options."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from wbsignal_lint.formats import format_names

__all__ = ["make_parser"]

_DESCRIPTION = """\
Finds the line that makes Weights & Biases lose a preempted run, explains it and fixes it:
signal handlers and exits in Python training scripts, sweep agents and trainers in whatever launches them:
shell and batch scripts, Makefiles, justfiles, Dockerfiles, YAML, notebooks."""

_EPILOG = """\
exit status:
  0  nothing left to report, also after everything was fixed
  1  findings are left (with --diff: something would change)
  2  something could not be read or fixed, or the call was wrong; findings are still printed

Settings come from [tool.wbsignal-lint] in the nearest pyproject.toml; the command line wins."""


def make_parser(commands: Mapping[str, str]) -> argparse.ArgumentParser:
    """Return the parser for linting.

    Args:
        commands: the subcommands with a few words on each, for the help text.
    """
    width = max(map(len, commands), default=0)
    listed = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in commands.items())
    parser = argparse.ArgumentParser(
        prog="wbsignal-lint",
        usage="wbsignal-lint [options] [PATH ...]\n       wbsignal-lint COMMAND ...",
        description=_DESCRIPTION,
        epilog=f"commands:\n{listed}\n  (a file of that name: ./{next(iter(commands), 'rule')})\n\n{_EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="files, folders, or - for standard input (default: the current folder)"
    )
    _add_fixing(parser.add_argument_group("fixing"))
    _add_rules(parser.add_argument_group("rules"))
    _add_files(parser.add_argument_group("files"))
    _add_output(parser.add_argument_group("output"))
    _add_other(parser.add_argument_group("other"))
    return parser


def _add_fixing(group: argparse._ArgumentGroup) -> None:
    switch = argparse.BooleanOptionalAction
    group.add_argument("--fix", action=switch, default=None, help="apply safe fixes")
    group.add_argument(
        "--unsafe-fixes",
        action=switch,
        default=None,
        help="with --fix or --diff also apply fixes that may change what the code means; alone, count them as fixable",
    )
    group.add_argument("--show-fixes", action="store_true", help="list what was fixed, by file and rule")
    group.add_argument("--diff", action="store_true", help="show what --fix would change, and change nothing")


def _add_rules(group: argparse._ArgumentGroup) -> None:
    selectors = "a code, the beginning of one, a name, or ALL; separated by commas"
    group.add_argument("--select", action="append", metavar="RULES", help=f"check these rules only: {selectors}")
    group.add_argument("--extend-select", action="append", metavar="RULES", help="check these rules, too")
    group.add_argument("--pedantic", action="store_true", help="check the rules of severity info, too")
    group.add_argument("--ignore", action="append", metavar="RULES", help="do not check these rules")
    group.add_argument("--disable-noqa", action="store_true", help="report what `# noqa` comments suppress, too")


def _add_files(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--exclude",
        action="append",
        metavar="PATTERNS",
        help="leave out files and folders (as in .gitignore; separated by commas)",
    )
    group.add_argument(
        "--force-exclude",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="leave out excluded files, ignored files and files of other kinds even if they are named as PATH",
    )
    group.add_argument(
        "--documentation",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="lint the code blocks of Markdown and reStructuredText files in folders, too",
    )
    group.add_argument("--no-gitignore", action="store_true", help="lint files that git ignores, too")
    group.add_argument("--stdin-filename", metavar="NAME", help="what standard input is to be taken for")


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--output-format", choices=format_names(), help="how findings are shown (default: full)")
    group.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="default: auto")
    group.add_argument("-q", "--quiet", action="store_true", help="findings only, no summary")
    group.add_argument("--exit-zero", action="store_true", help="exit with 0 even if there are findings")


def _add_other(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--config", metavar="FILE", help="take the settings of this TOML file for all files")
    group.add_argument("--isolated", action="store_true", help="take no settings from any file")
    group.add_argument("--jobs", type=_jobs, metavar="N", help="number of processes (default: as it pays)")
    group.add_argument("--list-rules", action="store_true", help="list all rules and exit")
    group.add_argument("--version", action="store_true", help="show the version and exit")
    group.add_argument("-h", "--help", action="help", help="show this help and exit")


def _jobs(text: str) -> int:
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a number from 1 on, not {text!r}")
    return number
