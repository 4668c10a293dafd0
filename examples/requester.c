/* SPDX-License-Identifier: Apache-2.0 */
/* A display: asks another device for its temperature, directly. The server is asked for permission
 * on the way, once. Usage: example-requester coaps://server IDENTITY KEY-AS-TEXT PEER */
#include <stdio.h>

#include "ports/linux/device.h"
#include "ports/linux/os.h"

static void show(const proa_c2c_event *event)
{
    if (event->kind == PROA_C2C_OUTCOME) {
        printf("%s\n", proa_outcome_name(event->outcome));
    }
    if (event->payload.len > 0 && event->format == PROA_FORMAT_TEXT) {
        printf("%.*s\n", (int)event->payload.len, (const char *)event->payload.data);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char message[256];
    proa_device *device;
    if (argc != 5) {
        fprintf(stderr, "usage: %s URI IDENTITY KEY PEER\n", argv[0]);
        return 2;
    }
    const proa_device_server server = {
        .uri = argv[1], .identity = argv[2], .key = proa_span_of(argv[3])};
    const proa_device_options options = {
        .endpoint = argv[2], .servers = &server, .server_count = 1, .state_dir = "requester.state"};
    if (proa_device_open(&device, &options, message, sizeof message) != PROA_OK) {
        fprintf(stderr, "%s: %s\n", argv[0], message);
        return 1;
    }
    const proa_c2c_ask ask = {.endpoint = proa_span_of(argv[4]),
                              .op = PROA_OP_OBSERVE,
                              .path = proa_path_make(3, 3303, 0, 5700),
                              .format = PROA_FORMAT_TEXT};
    proa_c2c_id id;
    if (proa_device_start(device) != PROA_OK ||
        proa_c2c_send(proa_device_c2c(device), proa_linux_now_ms(), &ask, &id) != PROA_OK) {
        return 1;
    }
    for (;;) {
        proa_client_event event;
        proa_c2c_event c2c_event;
        proa_device_wait(device, -1);
        while (proa_client_poll(proa_device_client(device), proa_linux_now_ms(), &event)) {
        }
        while (proa_c2c_poll(proa_device_c2c(device), proa_linux_now_ms(), &c2c_event)) {
            show(&c2c_event);
        }
    }
}
