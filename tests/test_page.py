"""What the HTML pages share: templates that escape and miss nothing, pictures inside the page."""

import pytest
from jinja2 import UndefinedError

from pipeline import page


def test_what_is_filled_in_is_escaped():
    assert page.environment().from_string("{{ name }}").render(name="<b>") == "&lt;b&gt;"


def test_a_value_that_is_missing_is_an_error():
    with pytest.raises(UndefinedError, match="name"):
        page.environment().from_string("{{ name }}").render()


def test_a_picture_stands_in_its_own_address():
    """Base64: 0xfb 0xff is 111110 111111 1111(00), the letters + / 8, filled up with =; escaping changes none."""
    address = page.inline(b"\xfb\xff")
    assert address == "data:image/png;base64,+/8="
    assert page.environment().from_string("{{ src }}").render(src=address) == address
