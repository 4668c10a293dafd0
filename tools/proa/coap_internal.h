/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TOOLS_COAP_INTERNAL_H
#define PROA_TOOLS_COAP_INTERNAL_H

#include <signal.h>
#include <stdint.h>

#include "proa/limits.h"
#include "proa/secure.h"

/* What the files of `proa coap` share: coap.c asks, coap_serve.c answers. */

#define PROA_COAP_SCHEMA "proa-coap-1"

/* SIGINT or SIGTERM came. */
extern volatile sig_atomic_t proa__coap_stop;

/* `proa coap serve`. */
int proa__coap_serve(int argc, char **argv);

#endif
