"""Files outside docs/ that pages link to: they come into the site under the path that they have in the repository.

So a link such as `../benchmarks/README.md` holds on GitHub and in the site. Markdown becomes a page, Python a page that
shows it, anything else is copied. A link to what does not exist is left alone, and fails the strict build.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
DOCS = "docs"
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what the pages link to, and what these link to in turn."""
    waiting = [file for file in files.documentation_pages() if "::: " not in file.content_string]
    waiting += [
        _added(files, config, named) for named in _named_in_nav(config.nav) if not files.get_file_from_path(named)
    ]
    while waiting:
        page = waiting.pop()
        for _, target, _ in LINK.findall(page.content_string):
            path = _in_repository(page, target)
            if path and not files.get_file_from_path(_in_site(path)) and (ROOT / path).is_file():
                added = _added(files, config, path)
                if path.endswith(".md"):
                    waiting.append(added)
    return files


def on_page_markdown(markdown: str, page, config: MkDocsConfig, files: Files) -> str:
    """Points the links at where the files are in the site."""

    def moved(link: re.Match) -> str:
        path = _in_repository(page.file, link[2])
        if path is None or not files.get_file_from_path(_in_site(path)):
            return link[0]
        return link[1] + posixpath.relpath(_in_site(path), posixpath.dirname(page.file.src_uri) or ".") + link[3]

    return LINK.sub(moved, markdown)


def _added(files: Files, config: MkDocsConfig, path: str) -> File:
    """A file of the repository, now one of the site too."""
    if path.endswith(".py"):
        text = (ROOT / path).read_text(encoding="utf-8")
        file = File.generated(config, _in_site(path), content=f"# {path}\n\n~~~~python\n{text}~~~~\n")
    else:
        file = File.generated(config, _in_site(path), abs_src_path=str(ROOT / path))
    files.append(file)
    return file


def _named_in_nav(nav) -> list[str]:
    """The paths in the navigation."""
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [path for part in parts for path in _named_in_nav(part)]


def _in_repository(page: File, target: str) -> str | None:
    """The path that a link means in the repository; None for an address elsewhere."""
    if re.match(r"[a-z]+:", target):
        return None
    folder = DOCS if page.generated_by is None else ""
    path = posixpath.normpath(posixpath.join(folder, posixpath.dirname(page.src_uri), target))
    return None if path.startswith("..") else path


def _in_site(path: str) -> str:
    """Where a file of the repository is in the site."""
    path = posixpath.relpath(path, DOCS) if path.startswith(f"{DOCS}/") else path
    return re.sub(r"\.py$", ".md", path)
