"""Values of several parts (files, links, addresses, periods …) in the form in which Yida takes them (step 5).

Pure. But for times, each function takes its own output again unchanged: so what Yida shows is read with the
same function that wrote it. All raise ValueError, whose text says what the component expects. The shapes are
the vendor's pages on form data; bounds without a source there are our own, so that no record grows without
end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

import orjson

from xmsyncd.transform.value_types import is_empty, text_of
from xmsyncd.yida.times import beijing, epoch_milliseconds, moment_of

_T = TypeVar("_T")

MAX_OPTION: Final = 255
"""Characters of an option (vendor doc)."""

MAX_ENTRIES: Final = 200
"""Options, people or files of one component."""

MAX_LEVELS: Final = 20
MAX_ADDRESS: Final = 2000
MAX_NAME: Final = 200

FILE_EXPECTED: Final = (
    "an address that begins with https:// or http://, a list of such, or objects with url (file_url) and name"
)
LINK_EXPECTED: Final = "an address that begins with https:// or http://, or objects with link (url) and text"
PERIOD_EXPECTED: Final = (
    "two times, as a list or as text with ~ or a comma between them; the end must be told"
)
ADDRESS_EXPECTED: Final = "an address as text, or an object with address, regionIds and regionText"
ASSOCIATION_EXPECTED: Final = "objects with appType, formUuid and instanceId"

_URL = re.compile(r"https?://[^\s/?#]++[^\s]*+", re.IGNORECASE)
_BETWEEN_URLS = re.compile(r"(?<![\s,;，；])[\s,;，；]++(?=https?://)", re.IGNORECASE)
_BETWEEN_TIMES = re.compile(r"[~～,，至]")
_MAX_URL: Final = 2048
_JSON_IN_JSON: Final = 3


def from_json(value: Any) -> Any:
    """The list or object that a text holds as JSON, also where that is itself a JSON text; else as it is."""
    found = value
    for _ in range(_JSON_IN_JSON):
        if not isinstance(found, str) or not found.lstrip().startswith(("[", "{", '"')):
            break
        try:
            found = orjson.loads(found)
        except ValueError:
            return value
    return found if isinstance(found, (list, dict)) else value


def texts(value: Any, expected: str = "a list of texts") -> list[str]:
    """One or several texts, without the empty ones and without repeats."""
    found = _several(from_json(value))
    if any(isinstance(one, (list, tuple, Mapping)) for one in found):
        raise ValueError(expected)
    return _bounded(list(dict.fromkeys(text_of(one) for one in found)))


def options(value: Any) -> list[str]:
    """A set of options: sorted, because neither a source nor Yida promises an order."""
    found = sorted(texts(value, "one or several options, as a list of texts"))
    for one in found:
        option(one)
    return found


def option(text: str) -> str:
    """One option."""
    if len(text) > MAX_OPTION:
        raise ValueError(f"an option of at most {MAX_OPTION} characters")
    return text


def members(value: Any) -> list[str]:
    """Ids of people or departments, in their order; text may hold several with commas between."""
    found = from_json(value)
    if isinstance(found, str):
        found = re.split(r"[,，]", found)
    expected = "one or several ids, as text or numbers"
    ids = _several(found)
    if any(isinstance(one, (bool, float)) for one in ids):
        raise ValueError(expected)
    return texts([one.strip() if isinstance(one, str) else one for one in ids], expected)


def path(value: Any) -> list[str]:
    """The levels of a choice from the first to the last; text has ``/`` between them."""
    found = from_json(value)
    if isinstance(found, str):
        found = [part.strip() for part in found.split("/")]
    levels = [] if is_empty(found) else found
    if not isinstance(levels, (list, tuple)) or any(
        isinstance(one, (list, tuple, Mapping, bool)) or is_empty(one) for one in levels
    ):
        raise ValueError("the levels in their order, as a list of texts or as a/b/c")
    if len(levels) > MAX_LEVELS:
        raise ValueError(f"at most {MAX_LEVELS} levels")
    return [text_of(one) for one in levels]


def moment(value: Any) -> int | None:
    """Epoch milliseconds; a date of zeros is none."""
    # PHP and MySQL write "no date" as a date of zeros; OKKI's back end is of that family (inferred).
    if isinstance(value, str) and value.strip().startswith("0000-00-00"):
        return None
    return epoch_milliseconds(moment_of(value, beijing()))


def period(value: Any) -> list[str]:
    """Begin and end as texts of epoch milliseconds; an open begin is "", an open end is not documented."""
    found = from_json(value)
    if isinstance(found, str):
        found = _BETWEEN_TIMES.split(found.strip())
    elif isinstance(found, Mapping):
        found = [found.get("start"), found.get("end")]
    if not isinstance(found, (list, tuple)) or len(found) != 2:
        raise ValueError(PERIOD_EXPECTED)
    begin, end = (None if is_empty(one) else moment(one) for one in found)
    if begin is None and end is None:
        return []
    if end is None:
        raise ValueError(PERIOD_EXPECTED)
    if begin is not None and begin > end:
        raise ValueError("a begin that is not after the end")
    return ["" if begin is None else str(begin), str(end)]


def shown_period(value: Any) -> list[str]:
    """What Yida shows of a period: both are milliseconds, however early."""
    found = from_json(value)
    if not isinstance(found, (list, tuple)) or len(found) != 2:
        raise ValueError(PERIOD_EXPECTED)
    return ["" if is_empty(one) else text_of(one).strip() for one in found]


def country(value: Any) -> list[dict[str, str]]:
    """``[{"value": "CN"}]``, from the code alone, a list of it or the object."""
    found = _several(from_json(value))
    codes = [one.get("value") if isinstance(one, Mapping) else one for one in found]
    if len(codes) > 1 or any(not isinstance(code, str) or is_empty(code) for code in codes):
        raise ValueError("the code of one country, such as CN")
    return [{"value": text_of(code).strip()} for code in codes]


def address(value: Any) -> dict[str, Any] | None:
    """``{"address", "regionIds", "regionText"}``; text alone is the address without a region."""
    found = from_json(value)
    if isinstance(found, str):
        found = {"address": found}
    if not isinstance(found, Mapping) or not found.keys() & {"address", "regionIds", "regionText"}:
        raise ValueError(ADDRESS_EXPECTED)
    detail, ids, names = (
        found.get("address") or "",
        found.get("regionIds") or [],
        found.get("regionText") or [],
    )
    if not (isinstance(detail, str) and isinstance(ids, (list, tuple)) and isinstance(names, (list, tuple))):
        raise ValueError(ADDRESS_EXPECTED)
    if is_empty(detail) and not ids and not names:
        return None
    if max(len(ids), len(names)) > MAX_LEVELS or len(detail) > MAX_ADDRESS:
        raise ValueError(f"at most {MAX_LEVELS} regions and {MAX_ADDRESS} characters of an address")
    return {
        "address": detail,
        "regionIds": [_region_id(one) for one in ids],
        "regionText": [_region_name(one) for one in names],
    }


def images(value: Any) -> list[dict[str, Any]]:
    """Yida's image objects; ``size`` only where it is told."""
    found = []
    for each in _files(value):
        image = _file(each, "image")
        size = each.get("size", each.get("file_size"))
        if isinstance(size, int) and not isinstance(size, bool) and size >= 0:
            image["size"] = size
        found.append(image)
    return _bounded(found)


def attachments(value: Any) -> list[dict[str, Any]]:
    """Yida's attachment objects; ``ext`` is that of the name unless told."""
    found = []
    for each in _files(value):
        file = _file(each, "attachment")
        ext = each.get("ext")
        tail = file["name"].rpartition(".")
        file["ext"] = ext.strip() if isinstance(ext, str) else tail[2].lower() if tail[1] else ""
        found.append(file)
    return _bounded(found)


def links(value: Any) -> list[dict[str, str]]:
    """``[{"link", "text"}]``; without a text the address stands for it."""
    found = []
    for each in _several(_urls(from_json(value))):
        entry = {"link": each} if isinstance(each, str) else each
        if not isinstance(entry, Mapping):
            raise ValueError(LINK_EXPECTED)
        names = ("link", "url", "href")
        link = _first_text(entry, *names)
        if not link and any(name in entry for name in names):
            continue
        found.append(
            {"link": _url(link, LINK_EXPECTED), "text": _first_text(entry, "text", "name", "title") or link}
        )
    return _bounded(found)


def associations(value: Any) -> list[dict[str, str]]:
    """References to instances of other forms."""
    found = []
    for each in _several(from_json(value)):
        if not isinstance(each, Mapping):
            raise ValueError(ASSOCIATION_EXPECTED)
        entry = {
            name: _first_text(each, name)
            for name in ("appType", "formUuid", "formType", "instanceId", "title", "subTitle")
        }
        if not (entry["appType"] and entry["formUuid"] and entry["instanceId"]):
            raise ValueError(ASSOCIATION_EXPECTED)
        entry["formType"] = entry["formType"] or "receipt"
        found.append(entry)
    return _bounded(found)


def _files(value: Any) -> Iterable[Mapping[str, Any]]:
    """One object for each file that has an address; OKKI shows "no picture" as an empty address."""
    for each in _several(_urls(from_json(value))):
        entry = {"url": each} if isinstance(each, str) else each
        if not isinstance(entry, Mapping):
            raise ValueError(FILE_EXPECTED)
        names = ("url", "file_url", "fileUrl", "downloadUrl", "src", "image_url")
        if not _first_text(entry, *names) and any(name in entry for name in names):
            continue
        yield {**entry, "url": _url(_first_text(entry, *names), FILE_EXPECTED)}


def _file(entry: Mapping[str, Any], stand_in: str) -> dict[str, Any]:
    url = entry["url"]
    name = _first_text(entry, "name", "file_name", "fileName")
    if len(name) > MAX_NAME:
        raise ValueError(f"a file name of at most {MAX_NAME} characters")
    if not name:
        last = unquote(urlsplit(url).path.rpartition("/")[2], errors="replace")
        name = last[-MAX_NAME:].strip() or stand_in
    return {
        "name": name,
        "url": url,
        "downloadUrl": _url(_first_text(entry, "downloadUrl") or url, FILE_EXPECTED),
        "previewUrl": _url(_first_text(entry, "previewUrl") or url, FILE_EXPECTED),
    }


def _url(text: str, expected: str) -> str:
    if len(text) > _MAX_URL or not _URL.fullmatch(text):
        raise ValueError(expected)
    try:
        urlsplit(text)
    except ValueError:
        raise ValueError(expected) from None
    return text


def _urls(value: Any) -> Any:
    return _BETWEEN_URLS.split(value.strip()) if isinstance(value, str) else value


def _region_id(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{1,18}", value.strip(), re.ASCII):
        return int(value)
    raise ValueError(ADDRESS_EXPECTED)


def _region_name(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        return {"zh_CN": value, "en_US": value}
    if isinstance(value, Mapping):
        chinese, english = _first_text(value, "zh_CN", "en_US"), _first_text(value, "en_US", "zh_CN")
        if chinese:
            return {"zh_CN": chinese, "en_US": english}
    raise ValueError(ADDRESS_EXPECTED)


def _several(value: Any) -> list[Any]:
    """The elements of a list, or the value alone; without those that hold nothing."""
    found = value if isinstance(value, (list, tuple)) else [value]
    return [one for one in found if not is_empty(one)]


def _bounded(found: list[_T]) -> list[_T]:
    if len(found) > MAX_ENTRIES:
        raise ValueError(f"at most {MAX_ENTRIES} entries")
    return found


def _first_text(entry: Mapping[str, Any], *names: str) -> str:
    """The first of these that is text or a number and not blank, without blanks at its ends."""
    for name in names:
        value = entry.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and not is_empty(value):
            return text_of(value).strip()
    return ""
