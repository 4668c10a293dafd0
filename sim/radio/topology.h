/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_RADIO_TOPOLOGY_H
#define PROA_SIM_RADIO_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who is there, who hears whom, and over whom each node sends: a file that people write.
 *
 * Routes are static, as in the experiments of the paper: a node sends to a destination over the hop that
 * is named for it, else over its default. Everything outside goes to the border router, whose wire leads to
 * one machine, the server's. What was loaded has no loop, and each of host, requester and the machine
 * reaches the others. */

#define SIM_TOPOLOGY_NODES_MAX 32U

/* In place of a node's index: the machine at the other end of the border router's wire. */
#define SIM_TOPOLOGY_WIRED SIM_TOPOLOGY_NODES_MAX

typedef enum sim_role {
    SIM_ROLE_BORDER_ROUTER,
    SIM_ROLE_HOST,
    SIM_ROLE_REQUESTER,
    SIM_ROLE_FORWARDER
} sim_role;

typedef struct sim_topology_node {
    uint32_t id; /* as the file calls it, 1..65535 */
    sim_role role;
} sim_topology_node;

typedef struct sim_topology {
    char name[48];
    sim_topology_node nodes[SIM_TOPOLOGY_NODES_MAX];
    unsigned node_count;
    unsigned border_router, host, requester; /* indexes, one of each */
    uint32_t hears[SIM_TOPOLOGY_NODES_MAX];  /* bit n of hears[m]: nodes n and m hear each other */
    /* next[n][d]: the index of the hop over which node n reaches node d (d = SIM_TOPOLOGY_WIRED: whatever is
     * outside); at the border router SIM_TOPOLOGY_WIRED stands for its wire; n itself = no route. */
    uint8_t next[SIM_TOPOLOGY_NODES_MAX][SIM_TOPOLOGY_NODES_MAX + 1];
} sim_topology;

/* Read a topology file: JSON with comments from // to the end of the line.
 *
 *     {"name": "small",                                      1 to 47 letters, digits, '_', '.', '-'
 *      "nodes": [{"id": 317, "role": "border_router"},       one of each of these three roles, and any
 *                {"id": 318, "role": "requester"},           number of forwarders; ids 1 to 65535
 *                {"id": 319, "role": "host"}],
 *      "links": [[317, 318], [317, 319]],                    who hears whom, both ways
 *      "routes": [{"node": 318, "to": "default", "via": 317},
 *                 {"node": 319, "to": "default", "via": 317},
 *                 {"node": 317, "to": 318, "via": 318},
 *                 {"node": 317, "to": 319, "via": 319}]}
 *
 * A neighbour is a destination like others: a node that has no route to it sends over its default. The border
 * router's default is its wire.
 *
 * path         of the file.
 * out          undefined unless true is returned.
 * problem      receives one line: file, line, column and reason; problem_len its room.
 * Returns false for whatever is not such a file, and for an unknown node, a link or node named twice, a hop that
 * is no neighbour, a loop, or a destination among host, requester and outside that cannot be reached. */
bool sim_topology_load(const char *path, sim_topology *out, char *problem, size_t problem_len);

/* The same of a text, called `name` in what is said of it. */
bool sim_topology_parse(const char *name, const char *text, size_t len, sim_topology *out,
                        char *problem, size_t problem_len);

/* Radio hops from one to the other, either of them a node or SIM_TOPOLOGY_WIRED. The loaded topology must lead
 * there. */
unsigned sim_topology_hops(const sim_topology *topology, unsigned from, unsigned to);

#endif
