/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_OSCORE_WINDOW_H
#define PROA_CORE_OSCORE_WINDOW_H

#include <stdint.h>

/* Which numbers have been received: the newest, and the 31 before it (RFC 8613 §7.4, RFC 6347
 * §4.1.2.6). All zero is a window that has seen nothing. */
typedef struct proa__window {
    uint64_t top;  /* highest number seen */
    uint32_t seen; /* bit n: top - n */
} proa__window;

/* No bool, or somebody would get it the wrong way round. */
typedef enum proa__window_result {
    PROA__WINDOW_NONE = 0, /* no result */
    PROA__WINDOW_NEW,
    PROA__WINDOW_SEEN,
    PROA__WINDOW_OLD /* left of the window: nobody knows */
} proa__window_result;

/* Asking changes nothing, because a number counts only once its message is authentic. */
proa__window_result proa__window_look(const proa__window *w, uint64_t number);

/* The same, and a NEW one is remembered. */
proa__window_result proa__window_take(proa__window *w, uint64_t number);

#endif
