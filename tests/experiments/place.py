# SPDX-License-Identifier: Apache-2.0
"""Where the code under test is, and the program that stands for proa-experiment."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
EXPERIMENTS = os.path.join(HERE, "..", "..", "experiments")
FAKE = os.path.join(HERE, "fake_experiment.py")
sys.path.insert(0, EXPERIMENTS)

ONE_HOP = """// A comment, as people write them.
{ "name": "%s",
  "nodes": [{"id": 1, "role": "border_router"}, {"id": 2, "role": "requester"}, {"id": 3, "role": "host"}],
  "links": [[1, 2], [1, 3], [2, 3]],
  "routes": [{"node": 1, "to": 2, "via": 2}, {"node": 1, "to": 3, "via": 3}, {"node": 2, "to": "default", "via": 1},
             {"node": 3, "to": "default", "via": 1}%s]}
"""
NEIGHBOURS = ', {"node": 2, "to": 3, "via": 3}, {"node": 3, "to": 2, "via": 2}'


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def lines(path):
    return read(path).splitlines() if os.path.exists(path) else []
