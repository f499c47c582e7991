"""Foreign text, shortened and made visible."""

import pytest

from xmsyncd.showing import cut_to, escaped, harmless


@pytest.mark.parametrize(("text", "shown"), [("", ""), ("abcde", "abcde"), ("abcdef", "abcd…")])
def test_a_text_is_cut_to_what_fits(text, shown):
    assert cut_to(text, 5) == shown


@pytest.mark.parametrize(
    ("text", "shown"), [("六角 M8", "六角 M8"), ("a\u200bb", "a\\u200bb"), ("\x1b[31m", "\\u001b[31m")]
)
def test_what_cannot_be_seen_is_shown_as_its_code(text, shown):
    assert escaped(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("六角　M8\n二\t三 👨‍👩‍👧", "六角　M8\n二\t三 👨‍👩‍👧"),
        ("\x1b[2J\x00\x7f\r", "␛[2J␀␡␍"),
        ("\x9b2J\u202egnp\u2066\ud800\u2028", "�2J�gnp���"),
    ],
)
def test_what_a_terminal_would_obey_has_a_sign_in_its_place(text, shown):
    assert harmless(text) == shown
    assert len(shown) == len(text)
