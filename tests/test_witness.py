"""The search for secrets and pictures finds what is planted."""

from tests.witness import IMAGES, forms, leaks

PASSWORD = "c@nary/5w&rd+\u5bc6"


def test_the_search_finds_what_is_planted() -> None:
    """A password in clear, in Base64, percent-encoded or in hex, and a picture, would be found."""
    for form in forms(PASSWORD):
        assert leaks([PASSWORD], {"here": b"x" + form + b"y", "there": b"nothing"}) == ["here"]
    assert IMAGES.search(b"..\xff\xd8\xff\xe0..")
    assert IMAGES.search(b"\x00\x00\x00\x01\x67..")
