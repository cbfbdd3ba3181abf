"""What the HTML pages share: how a template is filled in, and how a picture stands in the page itself."""

import base64

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment() -> Environment:
    """The templates of the pages; what is filled in is escaped, and a value that is missing is an error."""
    return Environment(
        loader=PackageLoader("pipeline", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def inline(png: bytes) -> str:
    """The picture as an address that holds it, so that the page refers to nothing outside itself."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
