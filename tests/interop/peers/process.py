# SPDX-License-Identifier: Apache-2.0
"""Programs that a case starts, talks to and ends.

Nothing here waits for a fixed time: a case waits for a line that a program prints, up to a limit
that is long enough for a slow machine. A program is ended by its process, asked first and forced
only when it does not listen."""

import json
import queue
import re
import shutil
import signal
import subprocess
import threading
import time

LINE_TIMEOUT_S = 20
END_TIMEOUT_S = 10


class Failed(Exception):
    """What was asked for did not come."""


class Skipped(Exception):
    """The case cannot be run here; says why."""


def find(name):
    """The full name of an installed program."""
    path = shutil.which(name)
    if path is None:
        raise Skipped(f"{name} is not installed")
    return path


def run(argv, timeout_s=LINE_TIMEOUT_S, cwd=None):
    """Run to the end; gives the exit status and everything that was printed."""
    try:
        done = subprocess.run(
            argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as late:
        printed = late.stdout or b""
        raise Failed(f"{argv[0]} did not end within {timeout_s} s; it printed: "
                     f"{shorten(printed.decode(errors='replace'))}") from late
    return done.returncode, done.stdout


def run_json(argv, timeout_s=LINE_TIMEOUT_S, cwd=None):
    """Run one of our programs; gives its JSON lines, of which the last is the result."""
    _, text = run(argv, timeout_s, cwd)
    lines = [json_of(line) for line in text.splitlines()]
    if not lines or lines[-1] is None:
        raise Failed(f"no JSON on the last line: {shorten(text)}")
    return [line for line in lines if line is not None]


def json_of(line):
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def shorten(text, limit=300):
    text = " ".join(text.split())
    return text if len(text) <= limit else "... " + text[-limit:]


class Program:
    """A program that runs while cases talk to it, line by line."""

    def __init__(self, name, argv, cwd=None, pass_fds=()):
        self.name = name
        self.seen = []
        self.lines = queue.Queue()
        self.process = subprocess.Popen(
            argv, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", bufsize=1, pass_fds=pass_fds)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def say(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise Failed(f"{self.name} is gone: {self._last()}") from error

    def drain(self):
        """Forget what was said so far."""
        while not self.lines.empty():
            line = self.lines.get()
            if line is None:
                self.lines.put(None)
                return
            self.seen.append(line)

    def _next(self, deadline, wanted):
        try:
            line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            line = None
            why = "did not say"
        else:
            why = "ended without saying"
        if line is None:
            raise Failed(f"{self.name} {why} {wanted}; its last lines: {self._last()}")
        self.seen.append(line)
        return line

    def _last(self):
        return shorten(" | ".join(self.seen[-4:])) or "none"

    def wait(self, pattern, timeout_s=LINE_TIMEOUT_S):
        """The match of the next line that has this pattern; lines before it are gone."""
        deadline = time.monotonic() + timeout_s
        while True:
            match = re.search(pattern, self._next(deadline, f'"{pattern}"'))
            if match is not None:
                return match

    def wait_json(self, timeout_s=LINE_TIMEOUT_S, **members):
        """The next JSON line with these members; lines before it are gone."""
        deadline = time.monotonic() + timeout_s
        while True:
            value = json_of(self._next(deadline, str(members)))
            if value is not None and all(value.get(name) == members[name] for name in members):
                return value

    def alive(self):
        return self.process.poll() is None

    def ends_within(self, timeout_s):
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self):
        """Without a word: a crash, or a power failure."""
        self.process.kill()
        self.process.wait()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def ended(self, timeout_s=END_TIMEOUT_S):
        """Wait for the end that was asked for; gives the exit status."""
        if not self.ends_within(timeout_s):
            raise Failed(f"{self.name} does not end; its last lines: {self._last()}")
        return self.process.returncode

    def stop(self):
        for ask in (self.process.terminate, self.process.kill):
            if self.alive():
                ask()
            if self.ends_within(END_TIMEOUT_S):
                break
        self.reader.join(END_TIMEOUT_S)
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except OSError:
                pass
