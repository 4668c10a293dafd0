/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the errors in err.h; nothing else. */
#include "proa/err.h"

const char *proa_err_name(proa_err err)
{
    switch (err) {
    case PROA_OK:
        return "ok";
    case PROA_E_TRUNCATED:
        return "truncated";
    case PROA_E_FORMAT:
        return "malformed";
    case PROA_E_UNSUPPORTED:
        return "unsupported";
    case PROA_E_RANGE:
        return "out of range";
    case PROA_E_TYPE:
        return "wrong type";
    case PROA_E_NO_SPACE:
        return "no space";
    case PROA_E_FULL:
        return "full";
    case PROA_E_TOO_LARGE:
        return "too large";
    case PROA_E_NOT_FOUND:
        return "not found";
    case PROA_E_EXISTS:
        return "exists";
    case PROA_E_DENIED:
        return "denied";
    case PROA_E_METHOD:
        return "method not allowed";
    case PROA_E_STATE:
        return "wrong state";
    case PROA_E_AGAIN:
        return "not ready";
    case PROA_E_TIMEOUT:
        return "timeout";
    case PROA_E_CRYPTO:
        return "crypto failed";
    case PROA_E_IO:
        return "input/output failed";
    case PROA_E_NO_MEMORY:
        return "no memory";
    }
    return "unknown";
}
