"""What a shell completes: a file, and after its colon the functions in it."""

import ast
import glob
from pathlib import Path

import click
from click.shell_completion import CompletionItem


class Target(click.ParamType):
    """`FILE.py:FUNCTION` or `MODULE:FUNCTION`; what is there is found out when it is loaded."""

    name = "target"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Files before the colon, functions behind it: also those of the only file that it can be."""
        file, colon, begun = incomplete.rpartition(":")
        if not colon:
            begins = Path(incomplete)
            files = [] if begins.is_dir() else list(begins.parent.glob(f"{glob.escape(begins.name)}*"))
            if [path.suffix for path in files] != [".py"]:
                return [CompletionItem(incomplete, type="file")]
            file, begun = str(files[0]), ""
        return [CompletionItem(f"{file}:{name}") for name in _functions(Path(file)) if name.startswith(begun)]


def _functions(path: Path) -> list[str]:
    """The functions of a file that take no argument, without running it."""
    try:
        statements = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return []
    functions = [statement for statement in statements if isinstance(statement, ast.FunctionDef)]
    return [function.name for function in functions if _takes_nothing(function.args)]


def _takes_nothing(arguments: ast.arguments) -> bool:
    positional = len(arguments.posonlyargs) + len(arguments.args)
    return positional <= len(arguments.defaults) and None not in arguments.kw_defaults
