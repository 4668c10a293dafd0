/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_EXPERIMENTS_MESH_H
#define PROA_EXPERIMENTS_MESH_H

#include "sim/carrier.h"
#include "sim/radio/radio.h"

/* A world's datagrams over the radio: each becomes an IPv6 packet that leaves the stack of its node, after the
 * device has computed what it takes: of a handshake, or the keys of a session that needs none. */

#define LAB_REQUESTER_NODE 1U /* of the world; node 0 is the server, at the end of the wire */
#define LAB_HOST_NODE 2U

typedef struct lab_mesh {
    const sim_topology *topology;
    sim_radio *radio;
    uint32_t handshake_us; /* of a device, for each datagram of a handshake that it sends */
    uint32_t first_us;     /* of a device, before the first record of a session that had none */
    sim_datagram *held;    /* of both, by the time when they are computed */
    bool has_keys[2];      /* of host and requester: they have computed those for each other */
} lab_mesh;

/* Drop what is held. The radio stays its owner's. */
void lab_mesh_close(lab_mesh *mesh);

/* Where this node of the world is. */
proa_addr lab_mesh_address(const lab_mesh *mesh, unsigned node);

/* Borrows mesh. */
sim_carrier lab_mesh_carrier(lab_mesh *mesh);

#endif
