/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_EXPERIMENTS_MESH_H
#define PROA_EXPERIMENTS_MESH_H

#include "sim/carrier.h"
#include "sim/radio/radio.h"

/* A world's datagrams over the radio: each becomes an IPv6 packet that leaves the stack of its node. */

#define LAB_REQUESTER_NODE 1U /* of the world; node 0 is the server, at the end of the wire */
#define LAB_HOST_NODE 2U

typedef struct lab_mesh {
    const sim_topology *topology;
    sim_radio *radio;
} lab_mesh;

/* Where this node of the world is. */
proa_addr lab_mesh_address(const lab_mesh *mesh, unsigned node);

/* Borrows mesh. */
sim_carrier lab_mesh_carrier(lab_mesh *mesh);

#endif
