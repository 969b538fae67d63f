"""What a shell completes: a file, and after its colon the functions in it."""

import ast
from pathlib import Path

import click
from click.shell_completion import CompletionItem


class Target(click.ParamType):
    """`FILE.py:FUNCTION` or `MODULE:FUNCTION`; what is there is found out when it is loaded."""

    name = "target"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Files before the colon, functions behind it."""
        file, colon, begun = incomplete.rpartition(":")
        if not colon:
            return [CompletionItem(incomplete, type="file")]
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
