/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/interop/oscore_peer/peer.h"

static int usage(void)
{
    fputs("usage: oscore-peer serve STATE ADDRESS:PORT b|d|none\n"
          "       oscore-peer ask STATE ADDRESS:PORT TEST\n"
          "       oscore-peer traffic STATE ADDRESS:PORT\n",
          stderr);
    return 2;
}

static _Noreturn void serve(const char *state_dir, const char *listen, const char *keys)
{
    static peer p;
    p.ack_timeout_ms = 200; /* notifications to a client that was killed are not worth more */
    peer_open(&p,
              strcmp(keys, "b") == 0   ? PEER_KEYS_B
              : strcmp(keys, "d") == 0 ? PEER_KEYS_D
                                       : PEER_KEYS_NONE,
              state_dir, listen);
    peer_serve(&p);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "serve") == 0) {
        serve(argv[2], argv[3], argv[4]);
    }
    if (argc < 4) {
        return usage();
    }
    proa_addr server = peer_addr(argv[3]);
    if (argc == 5 && strcmp(argv[1], "ask") == 0) {
        return peer_ask(argv[2], &server, argv[4]);
    }
    if (argc == 4 && strcmp(argv[1], "traffic") == 0) {
        peer_traffic(argv[2], &server);
    }
    return usage();
}
