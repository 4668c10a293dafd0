/* SPDX-License-Identifier: Apache-2.0 */
/* proa-demo: the first exchange, told step by step, then measured. Nothing in it is staged: three
 * programs run, all of their messages go through real DTLS or OSCORE on loopback, and each line is
 * printed when the programs report that it happened. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proa_build.h"
#include "tools/demo/house.h"

#define NOTIFICATIONS 200
#define WARM_UP 5
#define ASK_MS 30000
#define LOST_MS 5000
#define BAR_LEN 28 /* what is left of a line of 80 */

typedef struct arm {
    const char *name;
    double ms[NOTIFICATIONS];
    unsigned sent, received;
} arm;

typedef struct story {
    demo_house house;
    bool quiet; /* --json: the story is told on standard error's side: not at all */
    bool colour;
    bool refused_first;
    bool read_directly;
    bool observed;
    bool granted; /* the switch has a grant, as far as was seen here */
    bool revoked_access_denied;
    int64_t authorize_ms;
    arm direct, via_server;
    const char *failure; /* the first step that did not come true */
} story;

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* ---- telling ---------------------------------------------------------------------------- */

static void tell(const story *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(const story *s, const char *format, ...)
{
    va_list arguments;
    if (!s->quiet) {
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        fflush(stdout);
    }
}

static void step(const story *s, int number, const char *title)
{
    tell(s, "\n%s%d. %s%s\n", s->colour ? "\033[1m" : "", number, title,
         s->colour ? "\033[0m" : "");
}

/* Whatever did not come true after Ctrl-C did so because of it. */
static bool fail(story *s, const char *what)
{
    if (interrupted) {
        s->failure = "interrupted";
    } else if (s->failure == NULL) {
        s->failure = what;
        tell(s, "   %sFAILED: %s%s\n", s->colour ? "\033[31m" : "", what,
             s->colour ? "\033[0m" : "");
    }
    return false;
}

/* ---- the first exchange ----------------------------------------------------------------- */

static bool first_exchange(story *s)
{
    demo_child *asker = &s->house.light_switch;
    step(s, 2, "The switch asks the lamp, and is refused");
    tell(s, "   The switch knows nothing but the lamp's address, %s.\n", s->house.lamp_address);
    demo_child_send(asker, "ask lamp read /3311/0/5850 --probe coap://%s", s->house.lamp_address);
    json_t *line;
    while ((line = demo_child_next(asker, ASK_MS)) != NULL && !interrupted) {
        const char *event = demo_text(line, "event");
        if (strcmp(event, "hint") == 0) {
            s->refused_first = true;
            tell(s, "   lamp -> switch: 4.01 Unauthorized. \"Ask %s.\"\n",
                 demo_text(line, "server_uri"));
        } else if (strcmp(event, "authorizing") == 0) {
            step(s, 3, "The switch asks the server both trust");
            tell(s, "   switch -> server: POST /ac?ep=lamp  \"may I read /3311/0?\"\n");
        } else if (strcmp(event, "authorized") == 0) {
            tell(s,
                 "   The server looks at its policy, gives the lamp an account and rights for the\n"
                 "   switch, then gives the switch the key.\n"
                 "   server -> switch: 2.01 Created\n");
        } else if (strcmp(event, "connected") == 0) {
            step(s, 4, "The switch talks to the lamp directly");
            tell(s, "   %s with the key the server made for this pair.\n",
                 s->house.oscore ? "No handshake: each message is sealed"
                                 : "A DTLS session between the two,");
        } else if (strcmp(event, "outcome") == 0) {
            break;
        }
        json_decref(line);
    }
    s->read_directly = strcmp(demo_text(line, "outcome"), "OK") == 0;
    s->authorize_ms = json_is_integer(json_object_get(line, "authorize_ms"))
                          ? demo_number(line, "authorize_ms")
                          : -1;
    const json_t *value = json_array_get(json_object_get(line, "values"), 0);
    if (!s->refused_first) {
        json_decref(line);
        return fail(s, "the lamp did not refuse a stranger with a hint");
    }
    if (!s->read_directly || s->authorize_ms < 0 ||
        !json_is_boolean(json_object_get(value, "value"))) {
        json_decref(line);
        return fail(s, "the switch did not get its answer");
    }
    s->granted = true;
    tell(s, "   switch -> lamp: GET /3311/0/5850.  lamp -> switch: %s, it is %s\n",
         demo_text(line, "code"), json_is_true(json_object_get(value, "value")) ? "on" : "off");
    json_decref(line);
    tell(s, "   Asking the server took %lld ms, once.\n", (long long)s->authorize_ms);
    return true;
}

static bool observe(story *s)
{
    step(s, 5, "The switch observes the lamp");
    demo_child_send(&s->house.light_switch, "ask lamp observe /3311/0/5706");
    json_t *line = demo_child_wait(&s->house.light_switch, "outcome", ASK_MS);
    s->observed = json_is_true(json_object_get(line, "observing"));
    json_decref(line);
    if (!s->observed) {
        return fail(s, "the observation was not accepted");
    }
    tell(s, "   From now on each change of the lamp goes straight to the switch.\n");
    return true;
}

/* ---- measuring -------------------------------------------------------------------------- */

/* When the lamp's value was set, on the clock that all programs share; 0 if that did not work. */
static int64_t set_lamp(story *s, const char *resource, const char *value)
{
    demo_child_send(&s->house.lamp, "set /3311/0/%s %s", resource, value);
    json_t *line = demo_child_wait(&s->house.lamp, "set", LOST_MS);
    int64_t t_ns = demo_number(line, "t_ns");
    json_decref(line);
    return t_ns;
}

/* When the switch's application saw that value; 0 if it did not. */
static int64_t seen_by_switch(story *s, const char *event, const char *value)
{
    json_t *line;
    while ((line = demo_child_wait(&s->house.light_switch, event, LOST_MS)) != NULL) {
        const json_t *first = json_array_get(json_object_get(line, "values"), 0);
        const char *seen = first != NULL ? demo_text(first, "value") : demo_text(line, "value");
        int64_t t_ns = strcmp(seen, value) == 0 ? demo_number(line, "t_ns") : 0;
        json_decref(line);
        if (t_ns != 0) {
            return t_ns;
        }
    }
    return 0;
}

static void one_notification(story *s, arm *a, const char *resource, const char *event,
                             unsigned number)
{
    char value[16];
    snprintf(value, sizeof value, "%05u", number);
    int64_t set_ns = set_lamp(s, resource, value);
    int64_t seen_ns = seen_by_switch(s, event, value);
    if (number <= WARM_UP) {
        return;
    }
    a->sent++;
    if (set_ns != 0 && seen_ns != 0) {
        a->ms[a->received++] = (double)(seen_ns - set_ns) / 1e6;
    }
}

static int by_value(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return difference < 0 ? -1 : difference > 0;
}

/* Nearest rank. */
static double percentile(const arm *a, unsigned percent)
{
    unsigned rank = (a->received * percent + 99) / 100;
    return a->received == 0 ? 0 : a->ms[rank == 0 ? 0 : rank - 1];
}

static void show_arm(const story *s, const arm *a, double longest_ms)
{
    double p50 = percentile(a, 50);
    double p99 = percentile(a, 99);
    tell(s, "   %-12s %4u/%-4u %8.2f ms %8.2f ms  ", a->name, a->received, a->sent, p50, p99);
    int full = longest_ms > 0 ? (int)(p50 / longest_ms * BAR_LEN + 0.5) : 0;
    int tail = longest_ms > 0 ? (int)(p99 / longest_ms * BAR_LEN + 0.5) : 0;
    for (int i = 0; i < tail || i < 1; i++) {
        tell(s, "%s", i < full || i < 1 ? "#" : "-");
    }
    tell(s, "\n");
}

static bool measure(story *s)
{
    step(s, 6, "The same notification, directly and through the server");
    tell(s,
         "   From the change on the lamp until the switch's application sees it, %d times\n"
         "   each, in turns. The server passes on what it observes at once.\n\n",
         NOTIFICATIONS);
    s->direct.name = "direct";
    s->via_server.name = "via server";
    for (unsigned i = 1; i <= NOTIFICATIONS + WARM_UP && !interrupted; i++) {
        one_notification(s, &s->direct, "5706", "notification", i);
        one_notification(s, &s->via_server, "5750", "written", i);
    }
    if (interrupted) {
        return fail(s, "interrupted");
    }
    qsort(s->direct.ms, s->direct.received, sizeof *s->direct.ms, by_value);
    qsort(s->via_server.ms, s->via_server.received, sizeof *s->via_server.ms, by_value);
    double longest_ms = percentile(&s->via_server, 99);
    if (percentile(&s->direct, 99) > longest_ms) {
        longest_ms = percentile(&s->direct, 99);
    }
    tell(s, "   %-12s %-9s %11s %11s  # to p50, - to p99\n", "", "arrived", "p50", "p99");
    show_arm(s, &s->direct, longest_ms);
    show_arm(s, &s->via_server, longest_ms);
    tell(s, "\n   Loopback has no distance: what is saved is one leg and the server's own work.\n");
    if (s->direct.received != s->direct.sent || s->via_server.received != s->via_server.sent ||
        s->direct.sent < NOTIFICATIONS) {
        return fail(s, "a notification got lost");
    }
    return true;
}

/* ---- taking it away --------------------------------------------------------------------- */

/* Devices confirm what they lose, so without a grant there is nothing to wait for. */
static bool take_away(story *s)
{
    if (!s->granted) {
        tell(s, "   There is no grant to revoke.\n");
        return true;
    }
    step(s, 7, "An operator revokes the grant");
    json_t *answer = demo_house_control(
        &s->house, "{\"id\":2,\"cmd\":\"revoke\",\"requester\":\"switch\",\"host\":\"lamp\"}");
    bool accepted = json_is_true(json_object_get(answer, "ok"));
    json_decref(answer);
    json_t *ended = accepted ? demo_child_wait(&s->house.server, "ended", ASK_MS) : NULL;
    if (ended == NULL) {
        return fail(s, "the revocation was not confirmed by both devices");
    }
    json_decref(ended);
    s->granted = false;
    tell(s, "   The server took account, rights and key from both devices. They confirmed.\n");
    demo_child_send(&s->house.light_switch, "ask lamp read /3311/0/5850");
    json_t *line = demo_child_wait(&s->house.light_switch, "outcome", ASK_MS);
    s->revoked_access_denied = strcmp(demo_text(line, "outcome"), "DENIED") == 0;
    tell(s, "   The switch asks again, the server says %s: %s.\n", demo_text(line, "code"),
         demo_text(line, "outcome"));
    json_decref(line);
    if (!s->revoked_access_denied) {
        return fail(s, "the switch was not denied after the revocation");
    }
    return true;
}

static bool allow(story *s)
{
    json_t *answer = demo_house_control(
        &s->house, "{\"id\":3,\"cmd\":\"allow\",\"requester\":\"switch\",\"host\":\"lamp\"}");
    bool ok = json_is_true(json_object_get(answer, "ok"));
    tell(s, "   %s\n", ok ? "Allowed again." : demo_text(answer, "error"));
    json_decref(answer);
    return ok;
}

/* What the lamp says it is now; it also tells of what the server writes. */
static json_t *lamp_written(story *s)
{
    json_t *line;
    while ((line = demo_child_wait(&s->house.lamp, "written", LOST_MS)) != NULL &&
           strcmp(demo_text(line, "path"), "/3311/0/5850") != 0) {
        json_decref(line);
    }
    return line;
}

static void turn(story *s, const char *value)
{
    demo_child_send(&s->house.light_switch, "ask lamp write /3311/0/5850 %s", value);
    json_t *line = demo_child_wait(&s->house.light_switch, "outcome", ASK_MS);
    json_t *seen = strcmp(demo_text(line, "outcome"), "OK") == 0 ? lamp_written(s) : NULL;
    s->granted = s->granted || seen != NULL;
    tell(s, "   %s%s%s\n", demo_text(line, "outcome"), seen == NULL ? "" : ": the lamp says it is ",
         seen == NULL                                   ? ""
         : json_is_true(json_object_get(seen, "value")) ? "on"
                                                        : "off");
    json_decref(line);
    json_decref(seen);
}

static void stay(story *s)
{
    char line[64];
    tell(s, "\nYour turn: on | off | revoke | allow | quit\n");
    for (;;) {
        tell(s, "switch> ");
        if (interrupted || fgets(line, sizeof line, stdin) == NULL) {
            tell(s, "\n");
            return;
        }
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "on") == 0) {
            turn(s, "true");
        } else if (strcmp(line, "off") == 0) {
            turn(s, "false");
        } else if (strcmp(line, "revoke") == 0) {
            (void)take_away(s);
        } else if (strcmp(line, "allow") == 0) {
            (void)allow(s);
        } else if (strcmp(line, "quit") == 0 || strcmp(line, "exit") == 0) {
            return;
        } else if (line[0] != '\0') {
            tell(s, "   on | off | revoke | allow | quit\n");
        }
    }
}

/* ---- the whole -------------------------------------------------------------------------- */

static json_t *arm_json(const arm *a)
{
    return a->received == 0
               ? json_pack("{s:n, s:n, s:s}", "p50", "p99", "reason", "nothing arrived")
               : json_pack("{s:f, s:f}", "p50", percentile(a, 50), "p99", percentile(a, 99));
}

static json_t *count_json(const arm *a)
{
    return json_pack("{s:i, s:i}", "sent", (int)a->sent, "received", (int)a->received);
}

static void print_json(const story *s, bool ok)
{
    json_t *result = json_pack(
        "{s:s, s:s, s:s, s:b, s:s, s:b, s:o, s:o, s:o, s:{s:o, s:o}, s:b}", "schema", "proa-demo-1",
        "version", PROA_BUILD_VERSION, "commit", PROA_BUILD_COMMIT, "ok", ok, "security",
        s->house.oscore ? "oscore" : "dtls", "refused_first", s->refused_first, "authorize_ms",
        s->authorize_ms < 0 ? json_null() : json_integer(s->authorize_ms), "direct_ms",
        arm_json(&s->direct), "via_server_ms", arm_json(&s->via_server), "notifications", "direct",
        count_json(&s->direct), "via_server", count_json(&s->via_server), "revoked_access_denied",
        s->revoked_access_denied);
    if (s->failure != NULL) {
        json_object_set_new(result, "reason", json_string(s->failure));
    }
    json_dumpf(result, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(result);
}

static const char usage[] =
    "usage: proa-demo [--once] [--json] [--pcap PREFIX] [--security dtls|oscore]\n"
    "\n"
    "Starts a server, a lamp and a switch on loopback and shows how two devices come to talk\n"
    "directly: refused, authorised, connected, measured, revoked.\n"
    "\n"
    "  --once         do everything once and end (otherwise stay: on, off, revoke, quit)\n"
    "  --json         no story; the last line of output is a JSON object\n"
    "  --pcap PREFIX  capture what the three programs send, for Wireshark\n"
    "  --security S   how everybody is protected: dtls (the default) or oscore\n";

int main(int argc, char **argv)
{
    static story s;
    bool once = false;
    bool oscore = false;
    const char *pcap = NULL;
    struct sigaction action = {.sa_handler = on_interrupt};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--once") == 0) {
            once = true;
        } else if (strcmp(argv[i], "--json") == 0) {
            s.quiet = true;
        } else if (strcmp(argv[i], "--pcap") == 0 && i + 1 < argc) {
            pcap = argv[++i];
        } else if (strcmp(argv[i], "--security") == 0 && i + 1 < argc) {
            oscore = strcmp(argv[++i], "oscore") == 0;
            if (!oscore && strcmp(argv[i], "dtls") != 0) {
                fprintf(stderr, "proa-demo: --security is dtls or oscore, not %s\n", argv[i]);
                return 2;
            }
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            return 0;
        } else {
            fprintf(stderr, "proa-demo: unknown or incomplete option %s\nTry `proa-demo --help`.\n",
                    argv[i]);
            return 2;
        }
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    s.colour = isatty(STDOUT_FILENO) != 0;
    s.authorize_ms = -1;
    step(&s, 1, "A server, a lamp and a switch");
    tell(&s, "   Three programs with a key each. Both devices register with the server (%s).\n",
         oscore ? "OSCORE" : "DTLS");
    bool ok = (demo_house_open(&s.house, argv[0], pcap, oscore) ||
               fail(&s, "the programs could not be started")) &&
              first_exchange(&s) && observe(&s) && measure(&s);
    if (ok && !once && !s.quiet) {
        stay(&s); /* Ctrl-C is a way to leave, too */
    } else if (ok) {
        ok = take_away(&s) && !interrupted;
    }
    demo_house_close(&s.house);
    if (s.quiet) {
        print_json(&s, ok);
    } else if (interrupted && !ok) {
        tell(&s, "\nInterrupted; the three programs have ended.\n");
    } else if (once) {
        tell(&s, "\n%s\n", ok ? "All of it happened." : "Not all of it happened.");
    }
    return ok ? 0 : 1;
}
