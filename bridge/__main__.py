"""Makes `python3 -m bridge` work in a fresh checkout: sets up `.venv` once, then goes on in it.

Standard library only, and syntax that an old Python 3 can read: it has to say in one sentence that it is too old.
From an installed wheel (no `pyproject.toml` beside the package) this file steps aside.
"""

import io
import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - people do start this with an older one
    sys.exit("posthog-bridge needs Python 3.11 or newer; this is Python %d.%d." % sys.version_info[:2])

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SETS = {"run": ".", "dev": ".[dev]"}
"""What is installed: what runs the bridge, or that and what tests it. The bigger set serves for the smaller."""
DEV_COMMANDS = ("test", "lint", "screenshots")
TOLD_LINES = 12
"""How many of an installer's last lines are worth showing."""
RESUMED = "BRIDGE_SET_UP"
"""Set for the process that set-up hands over to, so that a stamp that never matches ends in words, not in a circle."""


def note(file: io.TextIOWrapper, text: str) -> None:
    """Replace what the file says."""
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


class Checkout:
    """A checkout's `.venv` and the stamp that says what is in it."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.venv = os.path.join(root, ".venv")
        self.python = os.path.join(self.venv, "bin", "python")
        self.stamp = os.path.join(self.venv, ".bridge-stamp")
        self.lock = os.path.join(root, ".venv.lock")

    def digest(self) -> str:
        """What the project asks for, in short."""
        import hashlib

        with open(os.path.join(self.root, "pyproject.toml"), "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    def is_fresh(self, which: str) -> bool:
        """Whether `.venv` is complete, up to date, and holds at least this set."""
        try:
            with open(self.stamp, encoding="utf-8") as file:
                digest, python, version, held = file.read().split("\n")
        except (OSError, ValueError):
            return False
        # A Python upgraded under its path leaves the packages behind in the old version's folder; that shows inside.
        is_same = not self.is_inside() or version == "%d.%d" % sys.version_info[:2]
        is_there = os.access(self.python, os.X_OK) and os.path.realpath(self.python) == python
        return is_there and is_same and held in (which, "dev") and digest == self.digest()

    def is_inside(self) -> bool:
        """Whether this process runs in that `.venv`."""
        return os.path.realpath(sys.prefix) == os.path.realpath(self.venv)

    def holds(self) -> str:
        """The set that `.venv` held when it was last complete, however old; an empty text when it never was."""
        try:
            with open(self.stamp, encoding="utf-8") as file:
                return file.read().rpartition("\n")[2]
        except OSError:
            return ""

    def set_up(self, which: str) -> None:
        """Make or complete `.venv` so that it holds the set; one process at a time, redone after an interruption."""
        import fcntl

        with open(self.lock, "a+", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                say("Another start is setting up .venv: waiting for it.")
                fcntl.flock(lock, fcntl.LOCK_EX)
            if self.is_fresh(which):
                return
            lock.seek(0)
            was_interrupted = lock.read() == "unfinished"
            note(lock, "unfinished")
            self.install("dev" if self.holds() == "dev" else which, was_interrupted)
            note(lock, "")

    def install(self, which: str, was_interrupted: bool) -> None:  # noqa: FBT001 - one caller
        """Make `.venv` if there is none that works, put the set into it, and stamp it.

        Raises: `SystemExit` with the installer's last lines when that fails.
        """
        import time

        began = time.monotonic()
        what = "what the bridge needs" + (" and what its tests need" if which == "dev" else "")
        say("Setting up .venv with %s: once, %s." % (what, "a minute" if which == "dev" else "some 20 seconds"))
        if was_interrupted or not self.is_usable():
            self.make()
        told = self.fill(which)
        if told:
            sys.exit("Setting up .venv failed; the installer said:\n%s" % told)
        version = output([self.python, "-c", "import sys; print('%d.%d' % sys.version_info[:2], end='')"])[1]
        with open(self.stamp + ".new", "w", encoding="utf-8") as file:
            file.write("\n".join((self.digest(), os.path.realpath(self.python), version, which)))
        os.replace(self.stamp + ".new", self.stamp)
        say("Done in %d s." % (time.monotonic() - began))

    def is_usable(self) -> bool:
        """Whether `.venv` has a Python that runs, is new enough, and is of the version that its packages are for."""
        code = (
            "import os, sys, sysconfig\n"
            "sys.exit(sys.version_info < (3, 11) or not os.path.isdir(sysconfig.get_path('purelib')))"
        )
        return os.access(self.python, os.X_OK) and output([self.python, "-c", code])[0] == 0

    def make(self) -> None:
        """Make an empty `.venv` with the first way that this machine has.

        Raises: `SystemExit` with one line when it has none.
        """
        base = getattr(sys, "_base_executable", "") or sys.executable
        ways = [
            [base, "-m", "venv", "--clear", self.venv],
            [base, "-m", "venv", "--clear", "--without-pip", self.venv],
        ]
        uv = which_uv()
        if uv:
            ways.insert(0, [uv, "venv", "--clear", "--quiet", "--python", base, self.venv])
        if not any(output(way)[0] == 0 for way in ways):
            sys.exit(
                "This Python can make no virtual environment. On Debian and Ubuntu: apt-get install -y python3-venv"
            )

    def fill(self, which: str) -> str:
        """What the installer said when the set could not be installed; an empty text when it was."""
        base = getattr(sys, "_base_executable", "") or sys.executable
        told = ""
        uv = which_uv()
        if uv:
            install = [uv, "pip", "install", "--quiet", "--python", self.python, "-e", SETS[which]]
            status, told = output(install, self.root)
            if status == 0:
                return ""
        # uv does not read pip's own settings (index, proxy, certificates): where it failed pip may still do it.
        for pip in ([self.python, "-m", "pip"], [base, "-m", "pip", "--python", self.python]):
            if output([*pip, "--version"])[0] == 0:
                quiet = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-warn-script-location"]
                status, told = output([*pip, "install", *quiet, "-e", SETS[which]], self.root)
                return (told or "nothing") if status else ""
        return told or "There is no pip. On Debian and Ubuntu: apt-get install -y python3-venv"


def which_uv() -> str:
    """Where uv is, or an empty text."""
    import shutil

    return shutil.which("uv") or ""


def output(command: list[str], folder: str | None = None) -> tuple[int, str]:
    """How a program ended and the last lines of what it said."""
    import subprocess

    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    except OSError as error:
        return 1, str(error)
    return done.returncode, "\n".join(done.stdout.decode("utf-8", "replace").rstrip().split("\n")[-TOLD_LINES:])


def say(line: str) -> None:
    """One line of progress, where it does not disturb what a program reads."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def asked_set(arguments: list[str]) -> str:
    """The set that a command line needs."""
    words = iter(arguments)
    for word in words:
        if word in ("--config", "--data"):
            next(words, None)
        elif not word.startswith("-"):
            return "dev" if word in DEV_COMMANDS else "run"
    return "run"


def is_checkout(root: str) -> bool:
    """Whether the package lies in its own checkout, and not where a wheel was installed to."""
    try:
        with open(os.path.join(root, "pyproject.toml"), encoding="utf-8") as file:
            return 'name = "posthog-bridge"' in file.read()
    except OSError:
        return False


def main() -> None:
    """Run the command line, in a checkout inside its `.venv`, which is set up when it must be."""
    arguments = sys.argv[1:]
    was_resumed = os.environ.pop(RESUMED, "") == ROOT
    if is_checkout(ROOT):
        checkout = Checkout(ROOT)
        which = asked_set(arguments)
        is_fresh = checkout.is_fresh(which)
        if not (is_fresh and checkout.is_inside()):
            if was_resumed:
                sys.exit("Setting up .venv did not take: remove the folder %s and start again." % checkout.venv)
            if not is_fresh:
                try:
                    checkout.set_up(which)
                except OSError as error:
                    sys.exit("Setting up .venv failed: %s" % error)
                except KeyboardInterrupt:
                    sys.exit("Interrupted; the next start sets .venv up again.")
            os.environ[RESUMED] = ROOT
            os.execv(checkout.python, [checkout.python, "-m", "bridge", *arguments])  # noqa: S606 - no shell is wanted
    from bridge.cli import main as run_command

    run_command()


if __name__ == "__main__":
    main()
