/* SPDX-License-Identifier: Apache-2.0 */
/* No DTLS: the account is NoSec. */
#include "bench/size/board.h"

board_box box_open(proa_random random, proa_memory memory, board_find_psk find)
{
    board_box box = {
        .account = {.uri = proa_span_of("coap://[fd00::1]"), .mode = PROA_SECURITY_NOSEC}};
    (void)random;
    (void)memory;
    (void)find;
    return box;
}

size_t box_peak(void)
{
    return 0;
}
