/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_OSCORE_H
#define PROA_SIM_OSCORE_H

#include "sim/world.h"

/* OSCORE between devices and the server, if the world's plan says so. Both keep what must survive in
 * stores that outlive their reboots. */

/* The context of a device and the server; spans borrow from the device. */
proa_oscore_params sim__oscore_params(const sim_device *device, bool of_server);

/* The server's table, with all devices in it; NULL if they use DTLS. */
proa_oscore *sim__oscore_of_server(sim_server *server);

#endif
