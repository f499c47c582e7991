"""Puts promtool, prometheus, amtool and alertmanager into ``.venv/tools/bin``, out of Debian's packages.

No service is started, and of these nothing is installed on the machine: the packages are downloaded as any
user may (``apt-get download``, from the sources that this machine has) and four programs are taken out of
them. What is on PATH already is not fetched. A Chromium is too large for that: where the tools are asked for
(CI) and this is root, it is installed. Ends with 0 when all are there, with 1 and a sentence when not: the
tests that need them are then skipped, or fail where ``XMSYNCD_TEST_TOOLS=required``.

Standard library only; readable by Python 3.6, as house.py.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".venv" / "tools"
BIN = TOOLS / "bin"
PACKAGES = {
    "prometheus": ("prometheus", "promtool"),
    "prometheus-alertmanager": ("prometheus-alertmanager", "amtool"),
}
# What the same program is called outside Debian.
ALSO_CALLED = {"prometheus-alertmanager": "alertmanager"}

# Debian's Alertmanager reads its templates from a fixed folder, even if it needs none. In our copy this is
# a path of the same length below the working directory, which has to be .venv/tools: /usr stays as it is.
TEMPLATES = b"/usr/share/prometheus/alertmanager"
OWN_TEMPLATES = b"././././././././alertmanager-files"
TEMPLATE_SUFFIX = ".tmpl"

COMMAND_SECONDS = 300
PAUSES_SECONDS = (0, 5, 20)


def main() -> int:
    wanted = os.environ.get("XMSYNCD_TEST_TOOLS") in ("wanted", "required")
    lacking = [package for package, programs in PACKAGES.items() if not all(is_here(one) for one in programs)]
    has_browser = browser(wanted)
    if not lacking:
        return 0 if has_browser else 1
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return missing(lacking, "this is no Debian or Ubuntu: install Prometheus and Alertmanager yourself")
    why = ""
    # CI needs them and tries again; a person waits for one try only.
    for pause in PAUSES_SECONDS if wanted else PAUSES_SECONDS[:1]:
        if pause:
            print(f"  once more in {pause} s", flush=True)
            time.sleep(pause)
        why = fetch(lacking)
        if not why:
            print("Test tools: {} in .venv/tools".format(", ".join(lacking)), flush=True)
            return 0 if has_browser else 1
        print(f"Test tools: {why}", file=sys.stderr, flush=True)
    return missing(lacking, why)


def is_here(program: str) -> bool:
    names = (program, ALSO_CALLED.get(program, program))
    return (BIN / program).exists() or any(shutil.which(name) for name in names)


def browser(wanted: bool) -> bool:
    """Whether there is a Chromium for the tests of the console, in the end."""
    if shutil.which("chromium"):
        return True
    why = "apt install chromium"
    if wanted and shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing chromium (once; 100 MB, for the tests only)", flush=True)
        why = apt(ROOT, "install", "--yes", "--no-install-recommends", "chromium")
        if why:
            # No package lists on this machine, or old ones.
            why = apt(ROOT, "update") or apt(ROOT, "install", "--yes", "--no-install-recommends", "chromium")
    if shutil.which("chromium"):
        return True
    print(f"Test tools: no Chromium ({why}). The tests of the console need it.", file=sys.stderr, flush=True)
    return False


def missing(packages: "list[str]", why: str) -> int:
    print(
        "Test tools missing ({}): {}. The tests of the Prometheus rules that need them are {}.".format(
            ", ".join(packages),
            why,
            "failing" if os.environ.get("XMSYNCD_TEST_TOOLS") == "required" else "skipped",
        ),
        file=sys.stderr,
        flush=True,
    )
    return 1


def fetch(packages: "list[str]") -> str:
    """Download and take out; returns what went wrong, or nothing."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    print("Fetching {} (once; 30 MB, for the tests only)".format(" and ".join(packages)), flush=True)
    with tempfile.TemporaryDirectory(dir=str(TOOLS)) as name:
        folder = Path(name)
        failed = apt(folder, "download", *packages)
        if failed:
            # No package lists on this machine, or old ones: fetch them too, into a place of our own.
            for part in ("lists/partial", "cache/archives/partial"):
                (folder / part).mkdir(parents=True)
            own = (
                "-o",
                f"Dir::State::Lists={folder}/lists",
                "-o",
                f"Dir::Cache={folder}/cache",
            )
            failed = apt(folder, *own, "update") or apt(folder, *own, "download", *packages)
        if failed:
            return failed
        try:
            for package in packages:
                for found in folder.glob(package + "_*.deb"):
                    take_out(found, PACKAGES[package])
        except (OSError, tarfile.TarError) as error:
            return f"cannot take the programs out of the package: {error}"
    lacking = [one for package in packages for one in PACKAGES[package] if not (BIN / one).exists()]
    return "the packages lack {}".format(", ".join(lacking)) if lacking else ""


def apt(folder: Path, *arguments: str) -> str:
    """Run apt-get in ``folder``; returns the last thing it said when it failed."""
    options = [
        "-q",
        "-o",
        "Acquire::Retries=2",
        "-o",
        "Acquire::http::Timeout=20",
        "-o",
        "Acquire::https::Timeout=20",
    ]
    if os.geteuid() == 0:
        options += ["-o", "APT::Sandbox::User=root"]  # the user _apt may not enter this folder
    try:
        ended = subprocess.run(
            ["apt-get", *options, *arguments],
            cwd=str(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"apt-get: {error}"
    if ended.returncode == 0:
        return ""
    said = ended.stdout.decode(errors="replace").strip().splitlines() or ["no word"]
    asked = next(one for one in ("update", "install", "download") if one in arguments)
    return f"apt-get {asked}: {said[-1]}"


def take_out(package: Path, programs: "tuple[str, ...]") -> None:
    """Put the programs of a .deb into ``.venv/tools/bin``, each in one step."""
    files = package.with_suffix(".tar")
    with files.open("wb") as out:
        if subprocess.call(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=out) != 0:
            raise OSError("dpkg-deb failed (see above)")
    with tarfile.open(str(files)) as archive:
        for member in archive:
            path = Path(member.name)
            if path.parent.name == "bin" and path.name in programs:
                target = BIN / path.name
            elif path.suffix == TEMPLATE_SUFFIX:
                target = TOOLS / os.fsdecode(OWN_TEMPLATES) / path.name
            else:
                continue
            content = archive.extractfile(member)
            if content is not None:
                put(target, content.read().replace(TEMPLATES, OWN_TEMPLATES))


def put(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    partial.write_bytes(content)
    partial.chmod(0o755)
    partial.replace(target)


if __name__ == "__main__":
    sys.exit(main())
