/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_LWIP_CC_H
#define PROA_LWIP_CC_H

/* What lwIP wants to know of compiler and platform. */
#include <stdint.h>

#include "proa/assert.h"

#define LWIP_NO_UNISTD_H 1
#define LWIP_NO_CTYPE_H 1
#define LWIP_TIMEVAL_PRIVATE 1
#define LWIP_PLATFORM_DIAG(message)
#define LWIP_PLATFORM_ASSERT(message) PROA_ASSERT(!message)

/* From the source that was given to proa_lwip_open. */
uint32_t proa__lwip_random(void);
#define LWIP_RAND() proa__lwip_random()

#endif
