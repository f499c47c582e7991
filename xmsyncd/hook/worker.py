"""The process in which the function runs; started by its path, and knows nothing of the rest of xmsyncd.

One JSON line in, one JSON line out: first ``{"ready": true}`` or ``{"fault": {"found", "expected"}}``, then
for each product ``{"result": {…}}``, ``{"result": null}`` (left out) or ``{"error": "…"}``. A mark stands
before each product and again before its answer: none is ever taken for that of another product. It ends
when its input does. A call that outlives its parent's patience is ended by the kernel, whatever Python does.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LONGEST_MESSAGE = 200
_LARGEST_RESULT = 4 * 1024 * 1024
_LOADING_SECONDS = 60.0

Function = Callable[[dict[str, Any]], dict[str, Any] | None]


class LoadError(Exception):
    """The function cannot be had; says what was found, and what would do."""

    def __init__(self, found: str, expected: str) -> None:
        self.found = found
        self.expected = expected
        super().__init__(found)


def load(folder: Path, module_name: str, function_name: str) -> Function:
    """The function, from that folder and from nowhere else. Raises LoadError."""
    if not folder.is_dir():
        raise LoadError(f"no such folder: {folder}", "the folder of hooks_dir, with the module in it")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            there = (
                ", ".join(sorted(path.name for path in folder.iterdir() if path.suffix == ".py")) or "none"
            )
            raise LoadError(f"no module {module_name} in {folder}", f"one of its files: {there}") from None
        raise LoadError(words_of(error), "a module that can be imported") from None
    except SyntaxError as error:
        where = f"{Path(error.filename or module_name).name}, line {error.lineno}"
        raise LoadError(f"{error.msg} ({where})", "Python that can be read") from None
    except BaseException as error:  # noqa: BLE001 - whatever the user's module does, the parent is told
        raise LoadError(words_of(error), "a module that can be imported") from None
    file = getattr(module, "__file__", None)
    if file is None or folder.resolve() not in Path(file).resolve().parents:
        raise LoadError(f"a module {module_name} from elsewhere", f"a module in {folder}")
    function = getattr(module, function_name, None)
    if not callable(function):
        names = [name for name, one in vars(module).items() if inspect.isfunction(one) and name[0] != "_"]
        raise LoadError(
            f"no function {function_name} in {module_name}", f"one of {', '.join(names) or 'none'}"
        )
    if inspect.iscoroutinefunction(function):
        raise LoadError(f"async def {function_name}", f"def {function_name}(product)")
    try:
        inspect.signature(function).bind({})
    except TypeError:
        raise LoadError(
            f"{function_name}{inspect.signature(function)}", f"{function_name}(product), one argument"
        ) from None
    except ValueError:
        pass  # built in C, without a signature
    loaded: Function = function
    return loaded


def words_of(error: BaseException) -> str:
    """Type and shortened message of an exception: no traceback, one line."""
    try:
        message = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - an exception that cannot say what it is
        message = ""
    if len(message) > _LONGEST_MESSAGE:
        message = message[:_LONGEST_MESSAGE] + "…"
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def answer_to(line: bytes, function: Function) -> str:
    """One product through the function, as a line of JSON; never raises."""
    try:
        result = function(json.loads(line))
        if result is not None and not isinstance(result, dict):
            return _error(f"returned {_kind(result)}; a dict, or None to leave the product out, is expected")
        text = json.dumps({"result": result}, allow_nan=False)
    except BaseException as error:  # noqa: BLE001 - SystemExit, too, is this product's matter
        return _error(words_of(error))
    if len(text) > _LARGEST_RESULT:
        return _error("returned a product of more than 4 MiB")
    return text


def _kind(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _error(text: str) -> str:
    return json.dumps({"error": text})


def main(folder: str, name: str, most_seconds: str) -> None:
    """Load, tell, and serve until the input ends."""
    # Ctrl-C and a stop of the service reach the whole group; the daemon ends this process by its input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with contextlib.suppress(OSError):  # where memory is short, this process goes first, not the daemon
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    lines, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "r+b") as nothing:  # noqa: PTH123 - what the function prints must not mix with answers
        os.dup2(nothing.fileno(), 0)
        os.dup2(nothing.fileno(), 1)

    def tell(text: str) -> None:
        answers.write(text.encode() + b"\n")
        answers.flush()

    signal.setitimer(signal.ITIMER_REAL, _LOADING_SECONDS)
    module_name, _, function_name = name.partition(":")
    try:
        function = load(Path(folder), module_name, function_name)
    except LoadError as error:
        tell(json.dumps({"fault": {"found": error.found, "expected": error.expected}}))
        return
    signal.setitimer(signal.ITIMER_REAL, 0)
    tell(json.dumps({"ready": True}))
    process = os.getpid()
    for line in lines:
        mark, _, product = line.partition(b" ")
        signal.setitimer(signal.ITIMER_REAL, float(most_seconds))
        answer = answer_to(product, function)
        if os.getpid() != process:
            os._exit(0)  # a copy that the function has made of this process
        signal.setitimer(signal.ITIMER_REAL, 0)
        tell(f"{mark.decode()} {answer}")


if __name__ == "__main__":
    main(*sys.argv[1:4])
    os._exit(0)  # threads that the module started do not keep it
