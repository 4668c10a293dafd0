# SPDX-License-Identifier: Apache-2.0
"""The report's section on method, as HTML with places for the numbers of a run."""

METHOD = """
<p>What is measured is the real client, server and authority of Proa, with real DTLS 1.2 (PSK, CCM_8) or OSCORE, as
pure engines on a virtual clock. Only the network is a model.</p>
<h3>Modelled</h3>
<ul>
<li>IEEE 802.15.4 at 2.4 GHz: 250 kbit/s, frames of at most 127 bytes, unslotted CSMA-CA (back-off exponent 3 to 5,
four back-offs, three repetitions), acknowledgements, inter-frame spaces, collisions between nodes that a third one
hears, half duplex.</li>
<li>6LoWPAN: IPHC, NHC for UDP, fragments, reassembly with a time-out. Static routes from a topology file, queues in
every node.</li>
<li>A border router with a serial line of 500,000 baud, and {wired} ms of wire each way between it and the
server.</li>
<li>Processor time for each message, from the instructions counted on the firmware; for the relay at the server at
most 0.1 ms.</li>
</ul>
<h3>Not modelled</h3>
<ul>
<li>Fading, interference, capture: a frame is lost by collision or not at all, and neighbours hear each other
always.</li>
<li>Sleeping radios and routing protocols: every node listens, and routes are there.</li>
<li>The paper's own server side (Leshan, HTTP, events, a Python program). Its part here is one relay rule in the
server, which is why the server-centric arm is at its best.</li>
</ul>
<h3>Parameters</h3>
<p>Those of the paper's artifact (inetrg/ipsn-2022-lwm2mc2c): twelve topologies, resource /3311/0/5706 with a
counter of five digits. Not in the artifact, and chosen here: intervals of {intervals} ms, {count} notifications for
each point and seed, {seeds} seeds. Notifications are not confirmable, the server's request to the requester is;
neither arm merges updates. What arrives more
than five seconds after the last update is lost.</p>
<h3>Statistics</h3>
<p>A figure is the median over seeds; within a seed, delays are the quantiles among what arrived. Confidence
intervals are those of order statistics (binomial): the narrowest pair of seeds that encloses the median with at
least 95 %, without any assumption about the distribution.</p>
<h3>Throughput</h3>
<p>For each seed, the shortest interval at which 99 % arrive, at 99 % of the rate at which they were sent: the slowest
percent is later than at one notification a second by at most a hundredth of the run. Else a queue that has not
overflowed yet would pass for a rate that is sustained. Intervals differ by a factor of {ratio}, from an offset that each
seed has for itself. None of the next shorter ones, by 15 % at least, is sustained; a longer one need not be. This is the
reading that favours the server: where notifications fall into step with the requester's answers, a few of these are
lost and the write is sent again seconds later, so that at some longer intervals the server-centric arm is late in
some runs.</p>
<h3>The bound</h3>
<p>For each frame of an undisturbed notification: the mean of the first back-off ({backoff} ms), channel assessment
0.128 ms, turnaround 0.192 ms, 0.032 ms a byte with six bytes of preamble and length; {ack} µs of acknowledgement
before the next frame; 0.02 ms a byte on the serial line; the wire. No collision, no queue, no processor. It is
computed from what crosses the path (paths.csv).</p>
"""
