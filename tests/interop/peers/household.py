# SPDX-License-Identifier: Apache-2.0
"""proad and the devices that it knows, in a folder of their own."""

import json
import os

from peers.process import Program, run_json


def write(folder, name, content):
    """A file that nobody else may read, since programs take keys from no other; gives its path."""
    path = os.path.join(folder, name)
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(content if isinstance(content, str) else json.dumps(content))
    return path


class Household:
    """`programs` is the folder of proad and proa."""

    def __init__(self, programs, folder):
        self.programs = programs
        self.folder = folder
        self.server = None
        self.devices = {}

    def program(self, name):
        return os.path.join(self.programs, name)

    def launch_server(self, config, *options):
        """Start proad, or start it again; gives the line by which it says that it listens."""
        path = write(self.folder, "proad.json", config)
        self.server = Program("proad", [self.program("proad"), "--config", path, "--json", *options])
        return self.server.wait_json(event="listening")

    def control(self, *words, timeout_s=30):
        """What the server answers to `proa ctl`."""
        socket = os.path.join(self.folder, "proad.sock")
        return run_json([self.program("proa"), "ctl", "--socket", socket, "--json", *words], timeout_s)[-1]

    def close(self):
        for program in [*self.devices.values(), self.server]:
            if program is not None:
                program.stop()
