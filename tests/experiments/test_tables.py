#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CSV files: one order, one text; and the topology files that people write."""

import tempfile
import unittest

import place
import tables
from topologies import Topology, parse


class TestTables(unittest.TestCase):
    def test_order_does_not_depend_on_who_came_first(self):
        rows = [{"image": image, "flash": flash, "ram": None, "reason": None}
                for image, flash in (("b", 2), ("a", 10), ("a", 9), ("a", None))]
        text = tables.dump("memory", rows)
        self.assertEqual(text, tables.dump("memory", rows[::-1]))
        self.assertEqual(text, "image,flash,ram,reason\na,,,\na,9,,\na,10,,\nb,2,,\n")

    def test_there_and_back(self):
        with tempfile.TemporaryDirectory() as folder:
            row = {"topology": "x", "app": "y", "sim_us": 1, "live_us": 1.5, "difference_pct": -0.25, "reason": 'a, "b"'}
            tables.write(folder, "live", [row])
            self.assertEqual(tables.read(folder, "live"), [row])
            self.assertEqual(tables.read(folder, "nodes"), [])


class TestTopologies(unittest.TestCase):
    def row(self, routes):
        with tempfile.TemporaryDirectory() as folder:
            return Topology(place.write(folder, "t.json", place.ONE_HOP % ("t", routes))).row()

    def test_hops(self):
        direct, tree = self.row(place.NEIGHBOURS), self.row("")
        self.assertEqual((direct["hops_server"], direct["hops_direct"], direct["through_border_router"]), (2, 1, "no"))
        self.assertEqual((tree["hops_server"], tree["hops_direct"], tree["through_border_router"]), (2, 2, "yes"))

    def test_comments_but_not_in_strings(self):
        self.assertEqual(parse('{"a": "//b", // c "d"\n "e\\"//": 1}'), {"a": "//b", 'e"//': 1})


if __name__ == "__main__":
    unittest.main()
