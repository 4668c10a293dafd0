/* SPDX-License-Identifier: Apache-2.0 */
/* A topology that was taken leads from each end to each other, over neighbours. */
#include <stddef.h>
#include <stdint.h>

#include "proa/assert.h"
#include "sim/radio/topology.h"

static void goes(const sim_topology *t, unsigned from, unsigned to)
{
    PROA_ASSERT(from == to || sim_topology_hops(t, from, to) < t->node_count);
}

static void look(const sim_topology *t)
{
    const unsigned ends[] = {t->host, t->requester, SIM_TOPOLOGY_WIRED};
    PROA_ASSERT(t->node_count >= 3 && t->node_count <= SIM_TOPOLOGY_NODES_MAX);
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            goes(t, ends[i], ends[j]);
        }
    }
    for (unsigned n = 0; n < t->node_count; n++) {
        for (unsigned to = 0; to <= SIM_TOPOLOGY_NODES_MAX; to++) {
            unsigned hop = t->next[n][to];
            bool is_wire = hop == SIM_TOPOLOGY_WIRED && n == t->border_router;
            PROA_ASSERT(hop == n || is_wire ||
                        (hop < t->node_count && (t->hears[n] >> hop & 1) != 0));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sim_topology topology;
    char problem[96]; /* shorter than some are, on purpose */
    if (sim_topology_parse("topology", (const char *)data, size, &topology, problem,
                           sizeof problem)) {
        look(&topology);
    }
    return 0;
}
