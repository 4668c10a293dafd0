/* SPDX-License-Identifier: Apache-2.0 */
/* A thermometer: it answers its server, and other devices that the server lets in. A product adds
 * object 3 (Device) in the same way. Usage: example-sensor coaps://server IDENTITY KEY-AS-TEXT */
#include <stdio.h>

#include "ports/linux/device.h"
#include "ports/linux/os.h"

static double celsius = 21.0;
static const proa_path value = {{3303, 0, 5700, 0}, 3};
static const proa_resource resources[] = {{5700, PROA_TYPE_FLOAT, PROA_RES_R},
                                          {5701, PROA_TYPE_STRING, PROA_RES_R}};

static proa_err read_thermometer(void *ctx, const proa_path *path, proa_value *out)
{
    *out = path->ids[2] == 5700 ? proa_value_float(*(const double *)ctx)
                                : proa_value_string(proa_span_of("Cel"));
    return PROA_OK;
}

static const proa_object_class thermometer = {.read = read_thermometer};
static const proa_object temperature = {3303, 1, 0, resources, 2, &thermometer, &celsius};

int main(int argc, char **argv)
{
    char message[256];
    proa_device *device;
    if (argc != 4) {
        fprintf(stderr, "usage: %s URI IDENTITY KEY\n", argv[0]);
        return 2;
    }
    const proa_device_server server = {
        .uri = argv[1], .identity = argv[2], .key = proa_span_of(argv[3])};
    const proa_device_options options = {
        .endpoint = argv[2], .servers = &server, .server_count = 1, .state_dir = "sensor.state"};
    if (proa_device_open(&device, &options, message, sizeof message) != PROA_OK) {
        fprintf(stderr, "%s: %s\n", argv[0], message);
        return 1;
    }
    proa_client *client = proa_device_client(device);
    if (proa_client_add_object(client, &temperature) != PROA_OK ||
        proa_device_start(device) != PROA_OK) {
        return 1;
    }
    for (uint64_t next_ms = 0;;) {
        proa_client_event event;
        proa_c2c_event c2c_event;
        proa_device_wait(device, 1000);
        while (proa_client_poll(client, proa_linux_now_ms(), &event)) {
        }
        while (proa_c2c_poll(proa_device_c2c(device), proa_linux_now_ms(), &c2c_event)) {
        }
        if (proa_linux_now_ms() >= next_ms) { /* a new measurement each second */
            next_ms = proa_linux_now_ms() + 1000;
            celsius = celsius < 30 ? celsius + 0.5 : 20;
            proa_client_changed(client, proa_linux_now_ms(), &value);
        }
    }
}
