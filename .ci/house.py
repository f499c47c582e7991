"""The house: builds ``.venv`` from the pinned requirements, then runs what a make target names.

Standard library only, and readable by Python 3.6 (hence the quoted annotations): a machine whose ``python3``
is too old for xmsyncd goes on with a newer one if it has one, and else gets a sentence instead of a syntax
error. ``python3 .ci/house.py help`` does without make.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
REQUIREMENTS = ROOT / "requirements"
OLDEST = (3, 11)
IS_NEW_ENOUGH = f"import sys; sys.exit(sys.version_info < {OLDEST})"
CACHES = (
    ".hypothesis",
    ".import_linter_cache",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    "build",
    "dist",
)

SOAK = (("SEED", "1"), ("MINUTES", "10"), ("PRODUCTS", "5000"))

HELP = """\
make demo      see it work: both vendors simulated on this machine, products arriving
make test      everything CI runs: the checks below, then the whole test suite
make check     format, lint, types, import contracts
make crash     the crash tests alone: a real process, killed at random and at named points
make soak      storms of faults, kills and edits, then a judge (SEED=1 MINUTES=10 PRODUCTS=5000)
make bench     memory and throughput of the daemon, up to 100,000 products (minutes; ARGS=memory: only that)
make bench-mapping  what a mapping costs beside the same one in Python; fails below 0.2 (seconds)
make format    put the code into its form
make set-up    only build .venv with everything a developer needs
make lock      resolve requirements/*.txt anew from pyproject.toml (ARGS=--upgrade for newer versions)
make clean     remove caches and build results (.venv stays)

ARGS="..." is passed on, for example: make test ARGS="-n 2 tests/unit"
"""


def main(arguments: "list[str]") -> int:
    """Run one command; the exit status is that of what it ran, or 2 for a machine that lacks something."""
    command, rest = (arguments[0] if arguments else "help"), arguments[1:]
    if command == "help":
        print(HELP, end="")
        return 0
    if command not in COMMANDS:
        print(f"house: unknown command {command!r}\n\n{HELP}", file=sys.stderr, end="")
        return 2
    if sys.version_info < OLDEST:
        return become(find_python(), __file__, *arguments)
    os.chdir(str(ROOT))
    return COMMANDS[command](rest)


def demo(rest: "list[str]") -> int:
    set_up("runtime")
    return become(str(BIN / "xmsyncd"), "demo", *rest)


def test(rest: "list[str]") -> int:
    checked = check([])
    # What is missing afterwards is said there and by the tests that need it.
    subprocess.call([sys.executable, str(ROOT / ".ci" / "debian_tools.py")])
    tested = run("pytest", *rest) if rest else whole_suite()
    if checked != 0:
        print("\nmake check failed, see the top of this output.", file=sys.stderr)
    return tested or checked


def whole_suite() -> int:
    """Two runs: what bears company, two to a core, for it mostly waits; then what is marked ``alone``."""
    workers = str(min(8, 2 * (os.cpu_count() or 1)))
    print(f"== pytest, {workers} at a time", flush=True)
    together = run("pytest", "-n", workers, "-m", "not alone")
    print("== pytest, one at a time: what wants the machine for itself", flush=True)
    return run("pytest", "-m", "alone") or together


def check(_rest: "list[str]") -> int:
    set_up("dev")
    steps = (
        ("ruff", "format", "--check"),
        ("ruff", "check"),
        ("mypy",),
        ("lint-imports", "--no-logo"),
    )
    failed = []
    for step in steps:
        print("== " + " ".join(step), flush=True)
        if run(*step) != 0:
            failed.append(" ".join(step))
    if failed:
        print("== failed: " + ", ".join(failed), file=sys.stderr, flush=True)
    return 1 if failed else 0


def crash(rest: "list[str]") -> int:
    set_up("dev")
    os.environ.setdefault("XMSYNCD_TEST_CRASH_SEEDS", "10")
    return become(str(BIN / "pytest"), "-m", "crash", "-v", *rest)


def soak(rest: "list[str]") -> int:
    set_up("dev")
    chosen = [os.environ.get(name) or default for name, default in SOAK]
    return become(str(BIN / "python"), "-m", "tests.soak.soak", *(rest or chosen))


def bench(rest: "list[str]") -> int:
    set_up("dev")
    names = rest or sorted(path.stem for path in (ROOT / "tests" / "benchmarks").glob("[!_]*.py"))
    # All of them run, also after one that failed.
    return max([run("python", "-m", "tests.benchmarks." + name) for name in names])


def bench_mapping(rest: "list[str]") -> int:
    return bench(rest or ["mapping"])


def reformat(_rest: "list[str]") -> int:
    set_up("dev")
    return run("ruff", "check", "--fix", "--exit-zero", "--quiet") or run("ruff", "format")


def only_set_up(_rest: "list[str]") -> int:
    set_up("dev")
    print("Ready: .venv has everything. Next: make demo, make test.")
    return 0


def lock(rest: "list[str]") -> int:
    """Write ``requirements/*.txt``; ``dev`` is held to the versions of the two others."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(BIN))
    if uv is None:
        return stop(
            "uv is missing: install it with 'pipx install uv' or 'pip install uv'; only 'make lock' needs it."
        )
    compile_ = [
        uv,
        "pip",
        "compile",
        "--quiet",
        "--universal",
        "--generate-hashes",
        "--no-emit-index-url",
        "--no-header",
    ]
    runtime, build = ("requirements/runtime.txt", "requirements/build.txt")
    for sources in (
        ["pyproject.toml", "-o", runtime],
        ["--group", "build", "-o", build],
        ["pyproject.toml", "--group", "dev", "-c", runtime, "-c", build, "-o", "requirements/dev.txt"],
    ):
        status = subprocess.call([*compile_, *sources, *rest])
        if status != 0:
            return status
    return 0


def clean(_rest: "list[str]") -> int:
    for name in CACHES:
        shutil.rmtree(ROOT / name, ignore_errors=True)
    for folder in ("xmsyncd", "tests"):
        for cache in list((ROOT / folder).rglob("__pycache__")):
            shutil.rmtree(cache, ignore_errors=True)
    return 0


COMMANDS = {
    "demo": demo,
    "test": test,
    "check": check,
    "crash": crash,
    "soak": soak,
    "bench": bench,
    "bench-mapping": bench_mapping,
    "format": reformat,
    "set-up": only_set_up,
    "lock": lock,
    "clean": clean,
}


def set_up(kind: str) -> None:
    """Bring ``.venv`` to what ``requirements/<kind>.txt`` pins (``dev`` holds all of ``runtime``).

    Costs nothing when a stamp says that this was done for these very files. An interrupted run leaves
    no stamp, and the next one goes on from where it was.
    """
    if any(is_current(done) for done in {kind, "dev"}):
        return
    python = find_python()
    started = time.monotonic()
    print(f"Setting up .venv with {Path(python).name} (once; usually well under a minute)", flush=True)
    usable = is_here(VENV) and can_run(str(BIN / "python"), IS_NEW_ENOUGH)
    if not usable and subprocess.call([python, "-m", "venv", "--clear", str(VENV)]) != 0:
        raise SystemExit(stop("python3 -m venv failed (see above)."))
    stamp(kind).unlink(missing_ok=True)
    pinned = ("--require-hashes", "--no-deps", "--no-build-isolation", "-r")
    install("build tools", *pinned, "requirements/build.txt")
    install(f"{kind} packages", *pinned, f"requirements/{kind}.txt")
    install("package itself", "--no-deps", "--no-build-isolation", "-e", ".")
    stamp(kind).write_text(fingerprint(kind))
    print(f"Set up in {time.monotonic() - started:.0f} s.", flush=True)


def is_current(kind: str) -> bool:
    try:
        return stamp(kind).read_text() == fingerprint(kind) and (BIN / "xmsyncd").exists()
    except FileNotFoundError:
        return False


def is_here(venv: Path) -> bool:
    """Whether ``venv`` was made in this place; its commands name their folder, so a moved one is no use."""
    try:
        return str(venv) in (venv / "bin" / "pip").read_text()
    except FileNotFoundError:
        return False


def stamp(kind: str) -> Path:
    return VENV / f"set-up-{kind}.stamp"


def fingerprint(kind: str) -> str:
    """Changes with the pinned versions, with ``pyproject.toml`` and when the folder is moved."""
    digest = hashlib.sha256(str(ROOT).encode())
    for path in (REQUIREMENTS / "build.txt", REQUIREMENTS / f"{kind}.txt", ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def install(what: str, *arguments: str) -> None:
    """Run pip with one line of progress; its own output is shown when it fails."""
    pip = [
        str(BIN / "python"),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--no-input",
        "install",
        "--progress-bar",
        "off",
    ]
    live = sys.stdout.isatty()
    seen = 0
    said: list[str] = []
    with subprocess.Popen(
        [*pip, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            said.append(line)
            if line.startswith(("Collecting ", "Requirement already satisfied: ")):
                seen += 1
                name = line.split(": ")[-1].replace("Collecting ", "").split()[0]
                note = f"  {what}: {seen:3d}  {name}"
            elif seen and line.startswith("Installing collected packages"):
                note = f"  {what}: {seen:3d}  unpacking"
            else:
                continue
            if live:
                print("\r\033[K" + note, end="", flush=True)
            elif seen % 10 == 0:
                print(note, flush=True)
    if live:
        print("\r\033[K", end="")
    if process.returncode != 0:
        print("".join(said[-20:]), file=sys.stderr, end="")
        print(
            f"pip could not install the {what} (its last lines are above). Is the package index reachable? "
            "A mirror is set with PIP_INDEX_URL.",
            file=sys.stderr,
        )
        raise SystemExit(1)
    print(f"  {what}: {seen} packages" if seen else f"  {what}: done", flush=True)


def find_python() -> str:
    """This Python if it will do, else another on PATH; exits with a sentence where there is none."""
    candidates = [sys.executable]
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11"):
            path = Path(folder, name)
            if os.access(str(path), os.X_OK):
                candidates.append(str(path))
    new_enough = [python for python in candidates if can_run(python, IS_NEW_ENOUGH)]
    for python in new_enough:
        if can_run(python, "import ensurepip, venv"):
            return python
    if new_enough:
        sentence = (
            "Python's venv is incomplete: install it (Debian, Ubuntu: apt install python3-venv), then repeat."
        )
    else:
        sentence = (
            "xmsyncd needs Python {}.{} or later and found {}.{}: install a newer one "
            "(Debian 12, Ubuntu 24.04 or later: apt install python3 python3-venv), then repeat."
        ).format(*OLDEST, *sys.version_info[:2])
    raise SystemExit(stop(sentence))


def can_run(python: str, code: str) -> bool:
    try:
        return (
            subprocess.call([python, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
        )
    except OSError:
        return False


def run(tool: str, *arguments: str) -> int:
    """Run a tool of ``.venv`` and wait for its end; Ctrl-C reaches the tool too, and is for it to answer."""
    with subprocess.Popen([str(BIN / tool), *arguments]) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def become(program: str, *arguments: str) -> int:
    """Replace this process, so that signals reach the program itself."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(program, [program, *arguments])


def stop(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print(file=sys.stderr)
        sys.exit(130)
