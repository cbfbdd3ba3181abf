"""The pages as Sphinx reads them: copies of docs/*.md with what is made put in, and links to the repository checked.

A page of this folder stays readable where it lies. What is made stands in it as a comment on a line of its own:

    <!-- made: picture NAME | caption -->       of build/pictures, drawn from a run
    <!-- made: screenshot NAME | caption -->    of build/screenshots, taken by tests/desk/test_desk_browser.py
    <!-- made: table NAME -->                   of `reference`, from the code
"""

import re
import shutil
import textwrap
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from docs import pictures, reference
from pipeline.errors import BadInput

MARK = re.compile(
    r"^(?P<indent> *)<!-- made: (?P<kind>picture|screenshot|table) (?P<name>[a-z0-9_]+)(?: \| (?P<caption>.+?))? -->$",
    re.MULTILINE,
)
LINK = re.compile(r"(?<!!)\[(?P<words>[^\]\n]+(?:\n[^\]\n]+)?)\]\((?P<to>\.\./[^)\s]*)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SHOT = re.compile(r'"([a-z_]+)": f?"/')  # how the browser tests name the pages they take
TALLEST = 900  # pixels of a screenshot that are shown
TAKEN_BY = "tests/desk/test_desk_browser.py"
HOW = {
    "picture": "`make docs` draws the picture `{name}` here from a finished run (`make run`).",
    "screenshot": "The screenshot `{name}` is taken by `python -m pytest tests/desk/test_desk_browser.py`; "
    "`make docs` then shows it here.",
}


@dataclass(frozen=True)
class Site:
    """Where the repository, the made pictures and the pages for Sphinx lie."""

    project: Path
    made: Path
    source: Path

    @property
    def docs(self) -> Path:
        return self.project / "docs"


def prepare(site: Site) -> list[str]:
    """Writes the pages into `site.source`; returns what is not made yet. BadInput names page, line and fault."""
    faults: list[str] = []
    lacking: list[str] = []
    shutil.rmtree(site.source, ignore_errors=True)
    site.source.mkdir(parents=True)
    for page in sorted(site.docs.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        faults += strange(page, text, site.project) + marked_wrong(page, text, site.project)
        if not faults:
            written = MARK.sub(lambda found: _made(found, site, lacking), plain_links(text))
            (site.source / page.name).write_text(written, encoding="utf-8")
    if faults:
        raise BadInput(*faults)
    if (site.docs / "pictures").is_dir():
        shutil.copytree(site.docs / "pictures", site.source / "pictures")
    return lacking


def strange(page: Path, text: str, project: Path) -> list[str]:
    """Links of a page to files that the repository does not have; Sphinx looks at the pages' own links only."""
    return [
        f"{page.name}:{line(text, found.start())}: link to {found['to']}: the repository has no such file"
        for found in LINK.finditer(without_code(text))
        if not _inside(page, found["to"], project)
    ]


def _inside(page: Path, to: str, project: Path) -> bool:
    target = (page.parent / to.split("#")[0]).resolve()
    return target.is_relative_to(project.resolve()) and target.exists()


def marked_wrong(page: Path, text: str, project: Path) -> list[str]:
    """Marks that nothing can fill: a misspelt comment, or a name that nobody makes."""
    known = {"picture": set(pictures.NAMES), "table": set(reference.MADE), "screenshot": screenshots(project)}
    found = [(m.start() + len(m["indent"]), m["kind"], m["name"]) for m in MARK.finditer(text)]
    starts = {at for at, _, _ in found}
    return [
        f"{page.name}:{line(text, at)}: {kind} {name}: nobody makes it"
        for at, kind, name in found
        if name not in known[kind]
    ] + [
        f"{page.name}:{line(text, m.start())}: a mark that cannot be read"
        for m in re.finditer("<!-- made:", text)
        if m.start() not in starts
    ]


def screenshots(project: Path) -> set[str]:
    """Names of the screenshots that the browser tests take, read from the tests themselves."""
    names = SHOT.findall((project / TAKEN_BY).read_text(encoding="utf-8"))
    return {f"{n}_{language}_{size}" for n in names for language in ("id", "en") for size in ("laptop", "phone")}


def line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def without_code(text: str) -> str:
    """The text with fenced code blanked, lines kept."""
    return FENCE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def plain_links(text: str) -> str:
    """Links to files of the repository as words with the file's name: the site is read without a checkout too."""
    return LINK.sub(lambda found: _named(found["words"], found["to"].removeprefix("../")), text)


def _named(words: str, path: str) -> str:
    return f"`{path}`" if words.strip("`") == path else f"{words} (`{path}` of the checkout)"


def _made(found: re.Match[str], site: Site, lacking: list[str]) -> str:
    kind, name, caption = found["kind"], found["name"], found["caption"] or ""
    return textwrap.indent(_filled(kind, name, caption, site, lacking), found["indent"])


def _filled(kind: str, name: str, caption: str, site: Site, lacking: list[str]) -> str:
    if kind == "table":
        return reference.MADE[name]()
    file = site.made / f"{kind}s" / f"{name}.png"
    if not file.is_file():
        lacking.append(f"{kind} {name}")
        return f"```{{note}}\n{HOW[kind].format(name=name)}\n```"
    target = site.source / "made" / file.name
    target.parent.mkdir(exist_ok=True)
    if kind == "screenshot":
        upper_part(file, target)
    else:
        shutil.copyfile(file, target)
    return f"```{{figure}} made/{file.name}\n:alt: {caption}\n:width: 100%\n\n{caption}\n```"


def upper_part(file: Path, target: Path) -> None:
    """Whole pages are taken; of a long one the first screen is enough here."""
    with Image.open(file) as shot:
        shot.crop((0, 0, shot.width, min(shot.height, TALLEST))).save(target)
