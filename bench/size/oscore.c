/* SPDX-License-Identifier: Apache-2.0 */
/* A program that does everything a device does with OSCORE, but for the cryptography, the store and
 * CoAP's own engine: for what it takes of a board. */
#include "core/oscore/oscore_internal.h"

/* Their sizes are the figures; the linker need not keep them. */
__attribute__((used)) uint8_t oscore_context_len[sizeof(proa__context)];
__attribute__((used)) uint8_t oscore_table_len[sizeof(struct proa_oscore)];

extern proa_oscore_config board_oscore_config;
extern proa_oscore_params board_oscore_params;
extern uint8_t board_in[PROA_COAP_MESSAGE_MAX];
extern uint8_t board_out[PROA_COAP_MESSAGE_MAX];

proa_oscore_config board_oscore_config;
proa_oscore_params board_oscore_params;
uint8_t board_in[PROA_COAP_MESSAGE_MAX];
uint8_t board_out[PROA_COAP_MESSAGE_MAX];

int main(void);

int main(void)
{
    proa_oscore *o;
    proa_oscore_binding b;
    proa_oscore_received in;
    proa_oscore_info info;
    size_t len;
    proa_span message = proa_span_make(board_in, sizeof board_in);
    if (proa_oscore_open(&o, &board_oscore_config) != PROA_OK ||
        proa_oscore_add(o, 1, &board_oscore_params, PROA_OSCORE_KNOWN) != PROA_OK ||
        !proa_oscore_look(o, 1, &info)) {
        return 1;
    }
    int done = 0;
    done += proa_oscore_begin_request(o, 1, &b) == PROA_OSCORE_DONE;
    done +=
        proa_oscore_protect(o, &b, message, board_out, sizeof board_out, &len) == PROA_OSCORE_DONE;
    done += proa_oscore_unprotect_response(o, &b, message, board_out, sizeof board_out, &in) ==
            PROA_OSCORE_ACCEPTED;
    proa_oscore_verdict verdict =
        proa_oscore_unprotect_request(o, 0, message, board_out, sizeof board_out, &in);
    done += proa_oscore_refusal_of(verdict);
    done += proa_oscore_begin_response(o, &in.binding, false) == PROA_OSCORE_DONE;
    proa_oscore_remove(o, 1);
    proa_oscore_free(o);
    return done;
}
