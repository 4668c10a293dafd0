/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TOOLS_DEMO_HOUSE_H
#define PROA_TOOLS_DEMO_HOUSE_H

#include <stdbool.h>

#include "tools/demo/child.h"

/* The demo's little house: a folder of its own with fresh keys, and three programs in it on loopback
 * (proad, a lamp, a switch) that know nothing of each other but what their files say. */
typedef struct demo_house {
    char directory[64];
    char programs[512]; /* folder of proad and proa */
    const char *pcap;   /* prefix of capture files, NULL = none */
    bool oscore;        /* every pair by OSCORE over plain CoAP, instead of DTLS */
    demo_child server, lamp, light_switch;
    int control_fd;        /* proad's control socket */
    char lamp_address[80]; /* where the lamp registered from */
} demo_house;

/* Make the folder and start everything; ends with both devices registered. False with the reason on
 * standard error. */
bool demo_house_open(demo_house *house, const char *argv0, const char *pcap, bool oscore);

/* Stop everything and remove the folder. Safe at any time after demo_house_open began. */
void demo_house_close(demo_house *house);

/* Send one request to the control socket and wait for its answer. A new reference, NULL if none. */
json_t *demo_house_control(demo_house *house, const char *request);

#endif
