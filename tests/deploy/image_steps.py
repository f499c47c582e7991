"""The steps of the Dockerfile one by one in a folder of their own, where no container engine runs.

What is not like an image: the base image is this machine's Python, the root of the file system is a folder
(absolute paths of the image are put below it), and what makes users is left out; ``left_out`` says so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATHS = ("/opt/xmsyncd", "/var/lib/xmsyncd", "/etc/xmsyncd", "/src")
"""The absolute paths of the image that its steps name."""

# How this machine reaches the package index is its own business.
KEPT = re.compile(r"PIP_(INDEX_URL|EXTRA_INDEX_URL|TRUSTED_HOST|CERT|CONFIG_FILE)|(HTTPS?|NO)_PROXY", re.I)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One line of the file, its continuations joined."""

    name: str
    text: str


@dataclass(slots=True)
class Image:
    """What a stage has come to."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = ""
    entry: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """Steps that were not run."""

    def path(self, absolute: str) -> Path:
        """Where a path of the image is here."""
        return self.root / absolute.lstrip("/")

    def moved(self, text: str) -> str:
        """The text with the image's paths as they are here."""
        names = "|".join(map(re.escape, PATHS))
        return re.sub(rf"(?<![\w.-])({names})(?![\w-])", lambda found: f"{self.root}{found[1]}", text)

    def environ(self) -> dict[str, str]:
        """A clean environment: the image's own, and the way to the package index."""
        kept = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
        base = f"{self.root}/base/bin:/usr/bin:/bin"
        own = {name: self.moved(value).replace("$PATH", base) for name, value in self.environment.items()}
        return {"PATH": base, "HOME": str(self.root), "LC_ALL": "C.UTF-8", **kept, **own}


def instructions(dockerfile: Path) -> list[Instruction]:
    """The file's instructions in order."""
    lines = [line for line in dockerfile.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [Instruction(*line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def build(dockerfile: Path, folder: Path) -> Image:
    """Run every step of every stage; returns the last one. Raises CalledProcessError with what was said."""
    stages: dict[str, Image] = {}
    image = Image(folder / "none")
    for step in instructions(dockerfile):
        match step.name:
            case "FROM":
                name = step.text.partition(" AS ")[2] or "last"
                # One root for all stages: a venv knows where it lies, as it does in an image.
                image = stages[name] = Image(folder / "root")
                _put_base(image)
            case "RUN":
                _run(step.text, image)
            case "COPY":
                _copy(step.text, image, stages)
            case "WORKDIR":
                image.folder = step.text
                image.path(step.text).mkdir(parents=True, exist_ok=True)
            case "ENV":
                image.environment |= _pairs(step.text)
            case "USER":
                image.user = step.text
            case "ENTRYPOINT":
                image.entry = json.loads(step.text)
            case "CMD":
                image.command = json.loads(step.text)
            case "HEALTHCHECK":
                image.health = json.loads(step.text[step.text.index("CMD ") + 4 :])
            case "ARG" | "LABEL" | "VOLUME" | "EXPOSE" | "STOPSIGNAL":
                pass
            case _:
                raise ValueError(f"an instruction that is not known here: {step.name}")
    return image


def _put_base(image: Image) -> None:
    binaries = image.path("/base/bin")
    binaries.mkdir(parents=True, exist_ok=True)
    for name in ("python", "python3"):
        if not (binaries / name).exists():
            (binaries / name).symlink_to(Path(sys.base_prefix) / "bin" / "python3")


def _run(command: str, image: Image) -> None:
    parts = list(command.split("&&"))
    for part in parts:
        if part.split()[0] in ("groupadd", "useradd"):
            image.left_out.append(part.strip())
            continue
        text = part.replace("--owner=10001 --group=10001", "") if os.geteuid() else part
        subprocess.run(
            ["/bin/sh", "-ec", image.moved(text)],
            cwd=image.path(image.folder),
            env=image.environ(),
            check=True,
            capture_output=True,
            text=True,
            timeout=600,
        )


def _copy(text: str, image: Image, stages: Mapping[str, Image]) -> None:
    words = text.split()
    if words[0].startswith("--from="):
        return  # the stages share a root: what is copied lies there already
    *sources, target = words
    into = image.path(target if target.startswith("/") else f"{image.folder}/{target}")
    into.mkdir(parents=True, exist_ok=True)
    for source in sources:
        path = ROOT / source
        if path.is_dir():
            shutil.copytree(
                path, into, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
            )
        else:
            shutil.copy(path, into)


def _pairs(text: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in text.split())
