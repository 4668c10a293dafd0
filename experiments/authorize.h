/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_EXPERIMENTS_AUTHORIZE_H
#define PROA_EXPERIMENTS_AUTHORIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "experiments/stage.h"

/* A requester without an account asks for the host's text: how long until it has it, and what that took.
 *
 *   ac         until the server's answer, or its account, lets the requester go on
 *   handshake  until the session between the devices is open; with OSCORE there is none, nor before a first
 *              session
 *   read       until the text is there
 *   after      what the server is told and tells when the requester has what it wanted: no time that anybody
 *              waits for, but messages of this grant all the same
 *
 * What is on its way when a phase ends counts where it began. */

typedef enum lab_phase { LAB_AC, LAB_HANDSHAKE, LAB_READ, LAB_AFTER, LAB_PHASES } lab_phase;

const char *lab_phase_name(lab_phase phase);

typedef struct lab_tally {
    bool happened;
    uint64_t duration_us;
    uint32_t messages, udp_bytes; /* datagrams that left a node, without UDP's own header */
    uint32_t frames, frame_bytes; /* on air: each attempt, with header and FCS; no ACKs */
} lab_tally;

/* Do it. False if the text was not got or a rule broken, which has been said on standard error. */
bool lab_authorize(const lab_setup *setup, lab_tally out[LAB_PHASES]);

#endif
