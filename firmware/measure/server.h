/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_FIRMWARE_MEASURE_SERVER_H
#define PROA_FIRMWARE_MEASURE_SERVER_H

#include <stdbool.h>

/* Just enough of a server for one device: it lets it register, then follows one value. */
void server_open(void);

/* Whatever the device sent, and the answers to it. */
void server_work(void);

bool server_has_session(void); /* the handshake is over at this end, too */
bool server_has_registered(void);
void server_observe(void);
bool server_observes(void);

/* What a device does for a first session with somebody; DTLS only. */
void server_begin_first(void);

/* Notifications so far. */
unsigned server_notified(void);

#endif
