/* SPDX-License-Identifier: Apache-2.0 */
/* The program that is measured: a light with its Device object, registered at one server. */
#include <stdalign.h>
#include <string.h>

#include "bench/size/board.h"
#include "proa/assert.h"

/* What it asks for and gets fits a message; what others read from it and write to it need not. */
const proa_coap_blocks *const proa_coap_request_blocks = NULL;

#define ARENA_LEN 40960

static alignas(8) uint8_t arena_bytes[ARENA_LEN];
proa_arena device_arena;
const proa_addr device_server = {{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 5683, 0};

/* ---- /3 Device --------------------------------------------------------------------------- */

enum { MANUFACTURER = 0, REBOOT = 4, ERROR_CODE = 11, BINDINGS = 16 };

static const proa_resource device_resources[] = {
    {MANUFACTURER, PROA_TYPE_STRING, PROA_RES_R},
    {REBOOT, PROA_TYPE_NONE, PROA_RES_E},
    {ERROR_CODE, PROA_TYPE_INTEGER, PROA_RES_R | PROA_RES_MULTIPLE},
    {BINDINGS, PROA_TYPE_STRING, PROA_RES_R},
};

static proa_err device_read(void *ctx, const proa_path *path, proa_value *out)
{
    (void)ctx;
    if (path->ids[2] == ERROR_CODE) {
        *out = proa_value_integer(0);
    } else {
        *out = proa_value_string(proa_span_of(path->ids[2] == BINDINGS ? "U" : "Proa"));
    }
    return PROA_OK;
}

static proa_err device_execute(void *ctx, const proa_actor *who, const proa_path *path,
                               proa_span arguments)
{
    (void)ctx;
    (void)who;
    (void)path;
    (void)arguments;
    board_stop();
}

static const proa_object_class device_class = {.read = device_read, .execute = device_execute};
static const proa_object device_object = {PROA_OBJECT_DEVICE, 1,   1, device_resources, 4,
                                          &device_class,      NULL};

/* ---- /3311 Light Control ----------------------------------------------------------------- */

enum { COLOUR = 5706, ON = 5850, DIMMER = 5851, COLOUR_MAX = 16 };

typedef struct lamp {
    bool on;
    uint8_t dimmer;
    uint8_t colour_len;
    uint8_t colour[COLOUR_MAX];
} lamp;

static const proa_resource lamp_resources[] = {
    {COLOUR, PROA_TYPE_STRING, PROA_RES_RW},
    {ON, PROA_TYPE_BOOLEAN, PROA_RES_RW | PROA_RES_MANDATORY},
    {DIMMER, PROA_TYPE_INTEGER, PROA_RES_RW},
};

static proa_err lamp_read(void *ctx, const proa_path *path, proa_value *out)
{
    const lamp *l = ctx;
    switch (path->ids[2]) {
    case COLOUR:
        *out = proa_value_string(proa_span_make(l->colour, l->colour_len));
        break;
    case ON:
        *out = proa_value_boolean(l->on);
        break;
    default:
        *out = proa_value_integer(l->dimmer);
    }
    return PROA_OK;
}

static proa_err lamp_write(void *ctx, const proa_actor *who, const proa_path *path,
                           const proa_value *value)
{
    lamp *l = ctx;
    (void)who;
    switch (path->ids[2]) {
    case COLOUR:
        if (value->as.bytes.len > COLOUR_MAX) {
            return PROA_E_TOO_LARGE;
        }
        l->colour_len = (uint8_t)value->as.bytes.len;
        memcpy(l->colour, value->as.bytes.data, value->as.bytes.len);
        break;
    case ON:
        l->on = value->as.boolean;
        board_lamp(l->on);
        break;
    default:
        if (value->as.integer < 0 || value->as.integer > 100) {
            return PROA_E_RANGE;
        }
        l->dimmer = (uint8_t)value->as.integer;
    }
    return PROA_OK;
}

static const proa_object_class lamp_class = {.read = lamp_read, .write = lamp_write};
static lamp the_lamp;
static const proa_object lamp_object = {3311, 1, 0, lamp_resources, 3, &lamp_class, &the_lamp};

/* ---- the loop ---------------------------------------------------------------------------- */

static proa_client *client;

static bool find_psk(void *ctx, proa_span identity, proa_psk *out)
{
    (void)ctx;
    return client != NULL && proa_client_find_psk(client, identity, out);
}

static void open_client(void)
{
    const proa_random random = {board_random, NULL};
    proa_arena_init(&device_arena, arena_bytes, sizeof arena_bytes);
    proa_memory memory = proa_arena_memory(&device_arena);
    proa_client_config config = proa_client_config_device(proa_span_of("light"), random, memory);
    board_box box = box_open(random, memory, find_psk);
    config.secure = box.secure;
    box.account.short_id = 1;
    box.account.addr = device_server;
    box.account.lifetime_s = 300;
    PROA_ASSERT(proa_client_open(&client, &config) == PROA_OK);
    PROA_ASSERT(proa_client_add_object(client, &device_object) == PROA_OK);
    PROA_ASSERT(proa_client_add_object(client, &lamp_object) == PROA_OK);
    profile_open(client);
    PROA_ASSERT(proa_client_add_server(client, &box.account) == PROA_OK);
}

static void toggle(void)
{
    const proa_path path = proa_path_make(3, 3311, 0, ON);
    the_lamp.on = !the_lamp.on;
    board_lamp(the_lamp.on);
    proa_client_changed(client, board_now_ms(), &path);
    profile_pressed(board_now_ms());
}

int main(void)
{
    open_client();
    for (;;) {
        proa_addr addr;
        proa_span datagram;
        proa_client_event event;
        while (board_receive(&addr, &datagram)) {
            proa_client_input(client, board_now_ms(), &addr, datagram, false);
        }
        if (board_pressed()) {
            toggle();
        }
        while (proa_client_poll(client, board_now_ms(), &event)) {
        }
        profile_work(board_now_ms());
        while (proa_client_output(client, board_now_ms(), &addr, &datagram)) {
            board_send(&addr, datagram);
        }
        board_sleep(proa_client_next_ms(client));
    }
}
