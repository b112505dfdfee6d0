"""Debian's PostgreSQL, started by the tests in a directory of their own, without TCP."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from processes import Program

VERSIONS = Path("/usr/lib/postgresql")


def programs():
    versions = sorted((int(folder.name) for folder in VERSIONS.glob("[0-9]*")), reverse=True)
    if not versions:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    return VERSIONS / str(versions[0]) / "bin"


class PostgreSQL:
    """A server with one database, `postern`. It refuses to run as root, so it runs as the user `postgres`."""

    name = "postgresql"

    def __init__(self, folder):
        self.programs = programs()
        self.folder = Path(folder)
        # A socket's path may not be long.
        self.home = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
        self.user = []
        if os.geteuid() == 0:
            self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
            shutil.chown(self.home, "postgres")
        self.run("initdb", "-D", self.home / "data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-N")
        self.program = None
        self.start()
        self.sql("CREATE DATABASE postern", "postgres")

    @property
    def url(self):
        return f"postgresql://postgres@/postern?host={self.home}"

    def run(self, program, *arguments, **more):
        return subprocess.run(
            [*self.user, self.programs / program, *map(str, arguments)], cwd=self.home, check=True, capture_output=True,
            text=True, **{"timeout": 60, **more})

    def sql(self, text, database="postern", **more):
        """Runs SQL and returns what it printed."""
        arguments = ["-XAtqc", text, "-h", self.home, "-U", "postgres", "-d", database]
        return self.run("psql", *arguments, **more).stdout.strip()

    def start(self):
        arguments = [
            *self.user, self.programs / "postgres", "-D", self.home / "data", "-k", self.home, "-c", "listen_addresses=",
            "-c", "fsync=off", "-c", "max_connections=40"]
        self.program = Program("postgresql", arguments, self.folder)
        deadline = time.monotonic() + 30
        while subprocess.run(
                [*self.user, self.programs / "pg_isready", "-q", "-h", self.home], cwd=self.home).returncode != 0:
            assert self.program.running and time.monotonic() < deadline, self.program.tail()
            time.sleep(0.05)

    def end(self, how=signal.SIGINT):
        """Ends the server: SIGINT stops it, SIGQUIT ends it as a crash would."""
        if self.program.running:
            os.kill(self.program.pid, how)
            self.program.process.wait(30)

    def keep_copy(self):
        """Keeps the database as it is, while the server is down."""
        shutil.copytree(self.home / "data", self.home / "copy")

    def bring_back_copy(self):
        """Makes the database what it was."""
        shutil.rmtree(self.home / "data")
        (self.home / "copy").rename(self.home / "data")
        if self.user:
            subprocess.run(["chown", "-R", "postgres", self.home / "data"], check=True)

    def stop(self):
        self.end(signal.SIGQUIT)
        shutil.rmtree(self.home, ignore_errors=True)
