#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The analytic bound, against numbers worked out by hand from IEEE 802.15.4-2006 at 2.4 GHz."""

import unittest

import place  # noqa: F401
import bound


class TestBound(unittest.TestCase):
    def test_ieee802154_6_5_airtime_of_a_full_frame(self):
        # 3.5 units of 320 us, 128 us CCA, 192 us turnaround, 133 bytes of 32 us
        self.assertEqual(bound.frame_us(127), 1120 + 128 + 192 + 4256)

    def test_one_hop(self):
        found = bound.bound([("air", 90)], 20000)
        self.assertEqual((found.air_us, found.serial_us, found.wire_us, found.frames), (1440 + 96 * 32, 0, 0, 1))

    def test_ieee802154_7_5_6_a_second_frame_waits_for_the_acknowledgement(self):
        once, twice = (bound.bound([("air", 90)] * hops, 0).total_us for hops in (1, 2))
        self.assertEqual(twice, 2 * once + 192 + 11 * 32)

    def test_through_a_border_router(self):
        steps = [("air", 100), ("serial", 125), ("wire", 110), ("wire", 110), ("serial", 125), ("air", 100)]
        found = bound.bound(steps, 20000)
        self.assertEqual(found.serial_us, 2 * 125 * 20)  # ten bits at 500,000 baud
        self.assertEqual(found.wire_us, 40000)
        self.assertEqual(found.total_us, 2 * (1440 + 106 * 32) + 5000 + 40000)

    def test_an_unknown_medium_is_refused(self):
        with self.assertRaises(ValueError):
            bound.bound([("pigeon", 1)], 0)


if __name__ == "__main__":
    unittest.main()
