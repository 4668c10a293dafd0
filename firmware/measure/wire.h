/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_FIRMWARE_WIRE_H
#define PROA_FIRMWARE_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "proa/bytes.h"

/* The other end of the wire to which the device is connected instead of a network
 * (ports/mcu/lwip/net.h). */

/* What the device sent next; valid until it sends again. False if there is nothing. */
bool wire_take(proa_span *datagram);

/* Send to the device. */
void wire_give(proa_span datagram);

/* Datagrams that the device has sent and received so far, and the length of its last one. */
unsigned wire_moved(void);
size_t wire_last_len(void);

#endif
