/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_ERR_H
#define PROA_ERR_H

/* What can go wrong.
 *
 * A function that can fail returns proa_err: PROA_OK (0) or one of the negative reasons below.
 * A function that counts returns a non-negative number, or such a reason. Nothing here is a CoAP
 * code: codes are data that travel in messages, and proa_err_to_coap() (coap.h) is the only place
 * where one becomes the other.
 *
 * Who is to blame decides what happens. What a peer sent wrong is returned and counted. What the
 * programmer did wrong (a NULL where none is allowed, a handle never given out) stops at
 * PROA_ASSERT (assert.h). */
typedef enum proa_err {
    PROA_OK = 0,
    PROA_E_TRUNCATED = -1, /* the input ends before what it announced */
    PROA_E_FORMAT = -2,    /* the input breaks the grammar of its format */
    PROA_E_UNSUPPORTED =
        -3,                /* well formed, but nothing we do: an option, a media type, a version */
    PROA_E_RANGE = -4,     /* a number or a length outside what its field allows */
    PROA_E_TYPE = -5,      /* a value of another type than the resource has */
    PROA_E_NO_SPACE = -6,  /* the caller's buffer is too small for the result */
    PROA_E_FULL = -7,      /* a bounded table, queue or pool has no free place */
    PROA_E_TOO_LARGE = -8, /* larger than the limit of limits.h for such a thing */
    PROA_E_NOT_FOUND = -9, /* no such path, handle, peer, key */
    PROA_E_EXISTS = -10,   /* it is there already, and there can be one only */
    PROA_E_DENIED = -11,   /* rights or protection do not allow it */
    PROA_E_METHOD = -12,   /* the thing exists, but not for this operation */
    PROA_E_STATE = -13,    /* not now: not registered, already closing */
    PROA_E_AGAIN = -14,    /* not ready yet; come back at the next deadline */
    PROA_E_TIMEOUT = -15,  /* the peer did not answer in time */
    PROA_E_CRYPTO = -16,   /* a cryptographic operation failed */
    PROA_E_IO = -17,       /* a port (file, socket, store) failed */
    PROA_E_NO_MEMORY = -18 /* the port could not give more storage */
} proa_err;

/* Must-check: ignoring the reason of a failure has to be visible in the source. */
#define PROA_CHECK __attribute__((warn_unused_result))

/* The name of `err` without its prefix ("truncated", "no space"), for logs and messages.
 * Never NULL; "unknown" for a number that is none of the above. */
const char *proa_err_name(proa_err err);

#endif
