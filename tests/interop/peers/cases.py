# SPDX-License-Identifier: Apache-2.0
"""Cases, their groups, and what is said about them.

A group sets up two programs and has cases that talk to them in order. Setting up is the case
"start". What could not run is skipped and says why; it never counts as passed."""

import json
import os
import tempfile

from peers.process import Failed, Program, Skipped


class Group:
    """Base of all groups. `cases` names the methods in the order in which they run; the failure of
    one that stands in `gates` skips the rest, which has nothing to talk to."""

    name = ""
    cases = ()
    gates = ("start",)

    def __init__(self, place):
        self.place = place
        self.folder = None
        self.programs = []

    def start(self):
        """Set up; raises Skipped when this machine lacks something."""

    def launch(self, name, argv):
        program = Program(name, argv, cwd=self.folder)
        self.programs.append(program)
        return program

    def secret_file(self, name, text):
        """Our programs read keys only from files that nobody else may read."""
        path = f"{self.folder}/{name}"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        return path

    def run(self, report):
        with tempfile.TemporaryDirectory(prefix="proa-interop-") as self.folder:
            try:
                blocked = ""
                for case in ("start", *self.cases):
                    function = getattr(self, case.replace("-", "_"))
                    result = report.run(f"{self.name}/{case}", function, blocked)
                    if result[0] != "passed" and case in self.gates and not blocked:
                        blocked = result[1] if result[0] == "skipped" else f"{case} failed"
            finally:
                for program in reversed(self.programs):
                    program.stop()


class Report:
    """Counts, and one line a case as it happens."""

    def __init__(self, schema):
        self.schema = schema
        self.cases = []

    def run(self, name, function, blocked=""):
        result, why = "passed", ""
        try:
            if blocked:
                raise Skipped(blocked)
            function()
        except Skipped as reason:
            result, why = "skipped", str(reason)
        except Failed as reason:
            result, why = "failed", str(reason)
        except (OSError, LookupError, TypeError, ValueError) as error:
            result, why = "failed", f"unexpected answer: {type(error).__name__}: {error}"
        self.cases.append({"name": name, "result": result, "why": why})
        print(f"{result:8} {name}" + (f": {why}" if why else ""), flush=True)
        return result, why

    def count(self, result):
        return sum(case["result"] == result for case in self.cases)

    def finish(self, build, as_json):
        """The last line, and the exit status: 0 passed, 1 failed, 3 nothing was run."""
        passed, failed, skipped = (self.count(r) for r in ("passed", "failed", "skipped"))
        ok = failed == 0 and passed > 0
        if as_json:
            print(json.dumps({"schema": self.schema, **build, "ok": ok, "passed": passed,
                              "failed": failed, "skipped": skipped, "cases": self.cases}))
        else:
            print(f"{passed} passed, {failed} failed, {skipped} skipped")
        return 1 if failed else 0 if ok else 3


def expect(condition, what):
    if not condition:
        raise Failed(what)


def expect_equal(got, wanted, what):
    expect(got == wanted, f"{what}: {got!r}, not {wanted!r}")
