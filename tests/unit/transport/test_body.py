"""JSON in both directions."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmsyncd.transport.body import NotJsonError, decode_json, encode_json


@pytest.mark.parametrize("digits", ["12345678901234567890123", "9223372036854775808", "18446744073709551616"])
def test_integers_beyond_64_bits_stay_exact(digits):
    """orjson reads the first as 1.2345678901234568e22."""
    assert decode_json(f'{{"id": {digits}, "n": 1}}'.encode()) == {"id": int(digits), "n": 1}
    assert decode_json(f'{{"id": -{digits}}}'.encode()) == {"id": -int(digits)}
    assert encode_json({"id": int(digits)}) == f'{{"id":{digits}}}'.encode()


def test_an_absurd_number_of_digits_stays_text_instead_of_failing():
    assert decode_json(b"[" + b"7" * 5000 + b"]") == ["7" * 5000]


@settings(max_examples=60)
@given(st.integers(min_value=-(10**25), max_value=10**25), st.text(max_size=10))
def test_what_is_written_is_what_is_read(number, text):
    value = {"id": number, "text": text, "list": [None, True, 1.5]}
    assert decode_json(encode_json(value)) == value
    assert decode_json(json.dumps(value).encode()) == value


def test_a_lone_surrogate_passes_in_both_directions():
    assert decode_json(rb'{"name": "\ud800"}') == {"name": "\ud800"}
    assert encode_json({"name": "\ud800"}) == rb'{"name":"\ud800"}'


def test_a_byte_order_mark_is_read_over():
    assert decode_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    "body", [b"", b"<html>502</html>", b"{", b"NaN", b'{"a": Infinity}', b"\xff\xfe", b"[" * 100_000, b"1 2"]
)
def test_anything_else_is_not_json(body):
    with pytest.raises(NotJsonError):
        decode_json(body)


def test_nan_is_never_written_as_such():
    assert b"NaN" not in encode_json([float("nan")])


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("levels", [300, 1100, 60_000])
def test_a_document_deeper_than_a_parser_takes_is_read_all_the_same(opening, closing, levels):
    deep = opening * levels + b"1" + closing * levels
    body = b'{"before": "a [ \\" { \\n [[", "deep": ' + deep + b', "after": 1234567890123456789012}'
    read = decode_json(body)
    assert read["before"] == 'a [ " { \n [['
    assert read["after"] == 1234567890123456789012
    assert read["deep"]
