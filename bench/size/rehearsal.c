/* SPDX-License-Identifier: Apache-2.0 */
/* Instead of the hardware: an emulator, and a server that registers the device, reads, writes and
 * observes its lamp. Then it prints, through semihosting, what memory that took, and ends.
 *
 * The clock is virtual: sleeping moves it on. Emulated RAM starts as zero, so the lowest word of
 * the stack that is not zero is how deep it was; the server's part runs on the same stack. */
#include "bench/size/rehearsal.h"

#include <string.h>

#include "bench/size/board.h"
#include "proa/assert.h"
#include "proa/coap_engine.h"

#define SERVER_ARENA_LEN (512U * 1024U)
#define GIVE_UP_MS 60000U

extern const uint32_t board_bss_end[];
extern const uint32_t board_stack_top[];

enum step { WAIT_FOR_DEVICE, READING, WRITING, OBSERVING, WAIT_FOR_CHANGE, DONE };

static const proa_addr device_addr = {{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}, 5683, 0};

static uint64_t now_ms = 1000;
static uint64_t server_bytes[SERVER_ARENA_LEN / 8];
static proa_arena server_arena;
static proa_coap *coap;
static proa_secure *box;
static uint32_t session;
static enum step step;
static bool lamp;
static bool press;

/* ---- the emulator ------------------------------------------------------------------------ */

enum { SYS_WRITE0 = 0x04, SYS_EXIT_EXTENDED = 0x20, APPLICATION_EXIT = 0x20026 };

static void semihost(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static _Noreturn void end(uint32_t status)
{
    const uint32_t block[2] = {APPLICATION_EXIT, status};
    semihost(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}

_Noreturn void board_stop(void)
{
    semihost(SYS_WRITE0, "rehearsal: the device stopped\n");
    end(1);
}

static void print_number(const char *name, size_t number)
{
    char digits[12];
    char *at = digits + sizeof digits - 1;
    *at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    semihost(SYS_WRITE0, name);
    semihost(SYS_WRITE0, at);
}

static _Noreturn void report(void)
{
    const uint32_t *deepest = board_bss_end;
    while (*deepest == 0) {
        deepest++;
    }
    print_number("arena ", device_arena.used);
    print_number(" dtls ", box_peak());
    print_number(" stack ", (size_t)(board_stack_top - deepest) * sizeof *deepest);
    semihost(SYS_WRITE0, "\n");
    end(0);
}

/* ---- the server -------------------------------------------------------------------------- */

static void open_server(void)
{
    const proa_random random = {board_random, NULL};
    proa_arena_init(&server_arena, server_bytes, sizeof server_bytes);
    proa_memory memory = proa_arena_memory(&server_arena);
    proa_coap_config config = proa_coap_config_device(random, memory);
    PROA_ASSERT(proa_coap_open(&coap, &config) == PROA_OK);
    box = rehearsal_box(random, memory);
}

static void ask(uint8_t code, proa_coap_observe_op observe, proa_span payload)
{
    static const char *const path[] = {"3311", "0", "5850"};
    proa_coap_option options[4];
    proa_coap_request request = {.code = code, .observe = observe, .payload = payload};
    proa_coap_peer to = {device_addr, session, 0};
    proa_coap_id id;
    for (size_t i = 0; i < 3; i++) {
        options[i] = (proa_coap_option){PROA_COAP_OPT_URI_PATH, proa_span_of(path[i])};
    }
    options[3] = (proa_coap_option){
        code == PROA_COAP_PUT ? PROA_COAP_OPT_CONTENT_FORMAT : PROA_COAP_OPT_ACCEPT, {NULL, 0}};
    request.options = options;
    request.option_count = 4; /* format 0: text */
    PROA_ASSERT(proa_coap_send(coap, now_ms, &to, &request, &id) == PROA_OK);
}

/* Each answer leads to the next question; anything else ends the rehearsal. */
static void answered(const proa_coap_event *event)
{
    const proa_coap_msg *msg = &event->msg;
    bool on = msg->payload.len == 1 && msg->payload.data[0] == '1';
    if (step == READING && msg->code == PROA_COAP_CONTENT && !on) {
        step = WRITING;
        ask(PROA_COAP_PUT, PROA_COAP_OBSERVE_NONE, proa_span_of("1"));
    } else if (step == WRITING && msg->code == PROA_COAP_CHANGED && lamp) {
        step = OBSERVING;
        ask(PROA_COAP_GET, PROA_COAP_OBSERVE_START, proa_span_of(""));
    } else if (step == OBSERVING && msg->code == PROA_COAP_CONTENT && on && event->observing) {
        step = WAIT_FOR_CHANGE;
        press = true;
    } else if (step == WAIT_FOR_CHANGE && msg->code == PROA_COAP_CONTENT && !on && !lamp) {
        step = DONE;
    } else {
        print_number("rehearsal: not expected in step ", (size_t)step);
        print_number(": code ", msg->code);
        end(1);
    }
}

static void registered(const proa_coap_event *event)
{
    const proa_coap_option location = {PROA_COAP_OPT_LOCATION_PATH, proa_span_of("rd")};
    const proa_coap_response created = {
        .code = PROA_COAP_CREATED, .options = &location, .option_count = 1};
    const proa_coap_response not_found = {.code = PROA_COAP_NOT_FOUND};
    bool first = step == WAIT_FOR_DEVICE && event->msg.code == PROA_COAP_POST;
    PROA_ASSERT(proa_coap_respond(coap, now_ms, event->exchange, first ? &created : &not_found) ==
                PROA_OK);
    if (first) {
        step = READING;
        ask(PROA_COAP_GET, PROA_COAP_OBSERVE_NONE, proa_span_of(""));
    }
}

static void work_coap(void)
{
    proa_coap_event event;
    while (proa_coap_poll(coap, now_ms, &event)) {
        if (event.kind == PROA_COAP_EVENT_REQUEST) {
            registered(&event);
        } else {
            answered(&event);
        }
    }
}

static void work_server(void)
{
    proa_secure_event event;
    rehearsal_turn(true);
    work_coap();
    while (box != NULL && box->class_->poll(box, now_ms, &event)) {
        proa_coap_peer peer = {event.addr, event.session, 0};
        session = event.session;
        PROA_ASSERT(event.kind != PROA_SECURE_CLOSED);
        if (event.kind == PROA_SECURE_DATA) {
            proa_coap_input(coap, now_ms, &peer, event.data, false);
            work_coap();
        }
    }
    rehearsal_turn(false);
}

/* ---- the board --------------------------------------------------------------------------- */

void board_send(const proa_addr *to, proa_span datagram)
{
    proa_coap_peer peer = {device_addr, 0, 0};
    PROA_ASSERT(proa_addr_equal(to, &device_server));
    rehearsal_turn(true);
    if (box != NULL) {
        box->class_->input(box, now_ms, &device_addr, datagram);
    } else {
        proa_coap_input(coap, now_ms, &peer, datagram, false);
    }
    rehearsal_turn(false);
    work_server();
}

static bool next_of_server(proa_addr *to, proa_span *datagram)
{
    proa_coap_peer peer;
    while (box == NULL || !box->class_->output(box, now_ms, to, datagram)) {
        if (!proa_coap_output(coap, now_ms, &peer, datagram)) {
            return false;
        }
        if (box == NULL) {
            return true;
        }
        PROA_ASSERT(box->class_->send(box, now_ms, peer.session, *datagram) == PROA_OK);
    }
    return true;
}

bool board_receive(proa_addr *from, proa_span *datagram)
{
    proa_addr to;
    if (coap == NULL) {
        open_server();
    }
    *from = device_server;
    rehearsal_turn(true);
    bool any = next_of_server(&to, datagram);
    rehearsal_turn(false);
    return any;
}

uint64_t board_now_ms(void)
{
    return now_ms;
}

/* Two sides that must not draw the same numbers, in an emulator that has no noise. */
void board_random(void *ctx, uint8_t *out, size_t len)
{
    static uint32_t state = 2463534242U;
    (void)ctx;
    while (len-- > 0) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        *out++ = (uint8_t)(state >> 24);
    }
}

void board_lamp(bool on)
{
    lamp = on;
}

bool board_pressed(void)
{
    bool pressed = press;
    press = false;
    return pressed;
}

void board_sleep(uint64_t until_ms)
{
    if (step == DONE) {
        report();
    }
    if (now_ms > GIVE_UP_MS) {
        print_number("rehearsal: nothing more in step ", (size_t)step);
        end(1);
    }
    now_ms = until_ms < now_ms + 10 ? until_ms + 1 : now_ms + 10;
    work_server();
}
