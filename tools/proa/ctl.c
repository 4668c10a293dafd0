/* SPDX-License-Identifier: Apache-2.0 */
/* `proa ctl`: proad's control socket for people and scripts. One table of commands says how words
 * become a request, and how the answer becomes a table. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "objects/definitions.h"
#include "objects/value_json.h"
#include "tools/proa/commands.h"
#include "tools/proa/control_client.h"
#include "tools/proa/options.h"
#include "tools/proa/output.h"

#define SCHEMA "proa-ctl-1"

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* ---- words to a request ----------------------------------------------------------------- */

/* A path of the command line in numbers. */
static proa_path path_of(const proa_command_line *line, const char *text)
{
    proa_path path;
    proa_err err = proa_definition_path(proa_span_of(text), &path);
    if (err == PROA_E_NOT_FOUND) {
        proa_options_fail(line, "%s: no object or resource has such a name", text);
    }
    if (err != PROA_OK) {
        proa_options_fail(line, "%s is no path; a path is as /3/0/9 or \"/Device/0/Battery Level\"",
                          text);
    }
    return path;
}

/* One word as the value of a path. */
static json_t *value_of(const proa_command_line *line, const proa_path *path, const char *text)
{
    json_t *value = proa_value_typed(proa_definition_type(NULL, path), text);
    if (value == NULL) {
        proa_options_fail(line, "%s: must be UTF-8", text);
    }
    return value;
}

/* "5850=true", "On/Off=true" ... as {"5850": true}; or one word that is a JSON object. */
static json_t *values_of(const proa_command_line *line, const proa_path *base, int count,
                         char **words)
{
    json_t *values = json_object();
    if (count == 1 && words[0][0] == '{') {
        json_decref(values);
        values = json_loads(words[0], JSON_REJECT_DUPLICATES, NULL);
        if (values == NULL) {
            proa_options_fail(line, "%s: must be resources, as {\"5850\": true}", words[0]);
        }
        return values;
    }
    for (int i = 0; i < count; i++) {
        char text[256];
        char key[8];
        size_t name_len = strcspn(words[i], "=");
        if (words[i][name_len] == '\0' || name_len > 200) {
            proa_options_fail(line, "%s: must be RESOURCE=VALUE, as 5850=true", words[i]);
        }
        snprintf(text, sizeof text, "/%u/0/%.*s", base->ids[0], (int)name_len, words[i]);
        proa_path path = path_of(line, text);
        if (path.depth != 3) {
            proa_options_fail(line, "%s: must be RESOURCE=VALUE, as 5850=true", words[i]);
        }
        snprintf(key, sizeof key, "%u", path.ids[2]);
        json_object_set_new(values, key, value_of(line, &path, words[i] + name_len + 1));
    }
    return values;
}

static json_t *device_request(const proa_command_line *line, const char *command, char **words,
                              proa_path *path)
{
    *path = path_of(line, words[1]);
    return json_pack("{s:i, s:s, s:s, s:o}", "id", 1, "cmd", command, "device", words[0], "path",
                     proa_json_of_path(path));
}

typedef json_t *(*request_maker)(const proa_command_line *line, const char *command, int count,
                                 char **words);

static json_t *plain(const proa_command_line *line, const char *command, int count, char **words)
{
    (void)line;
    (void)count;
    (void)words;
    return json_pack("{s:i, s:s}", "id", 1, "cmd", command);
}

static json_t *on_path(const proa_command_line *line, const char *command, int count, char **words)
{
    proa_path path;
    (void)count;
    return device_request(line, command, words, &path);
}

static json_t *with_values(const proa_command_line *line, const char *command, int count,
                           char **words)
{
    proa_path path;
    json_t *request = device_request(line, command, words, &path);
    if (path.depth >= 3 && count == 3) {
        json_object_set_new(request, "value", value_of(line, &path, words[2]));
    } else if (path.depth >= 3) {
        proa_options_fail(line, "%s: one value, please; quotes keep words together", words[1]);
    } else {
        json_object_set_new(request, "values", values_of(line, &path, count - 2, words + 2));
    }
    return request;
}

static json_t *with_arguments(const proa_command_line *line, const char *command, int count,
                              char **words)
{
    proa_path path;
    json_t *request = device_request(line, command, words, &path);
    json_object_set_new(request, "arguments", json_string(count > 2 ? words[2] : ""));
    return request;
}

static json_t *with_attributes(const proa_command_line *line, const char *command, int count,
                               char **words)
{
    proa_path path;
    char text[512] = "";
    size_t len = 0;
    json_t *request = device_request(line, command, words, &path);
    for (int i = 2; i < count && len < sizeof text; i++) {
        len +=
            (size_t)snprintf(text + len, sizeof text - len, "%s%s", len == 0 ? "" : "&", words[i]);
    }
    json_object_set_new(request, "attributes", json_string(text));
    return request;
}

static json_t *on_pair(const proa_command_line *line, const char *command, int count, char **words)
{
    json_t *request = json_pack("{s:i, s:s, s:s, s:s}", "id", 1, "cmd", command, "requester",
                                words[0], "host", words[1]);
    if (count > 2) {
        proa_path path = path_of(line, words[2]);
        json_object_set_new(request, "path", proa_json_of_path(&path));
    }
    return request;
}

static json_t *with_limit(const proa_command_line *line, const char *command, int count,
                          char **words)
{
    uint64_t limit = 50;
    if (count > 0 &&
        (proa_parse_decimal(proa_span_of(words[0]), 1000, &limit) != PROA_OK || limit == 0)) {
        proa_options_fail(line, "%s must be a number from 1 to 1000", words[0]);
    }
    return json_pack("{s:i, s:s, s:I}", "id", 1, "cmd", command, "limit", (json_int_t)limit);
}

/* ---- an answer to a table --------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static void show_values(const proa_output *o, const json_t *answer)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(answer, "values"), index, item)
    {
        const char *name = text_of(item, "name");
        const char *path = text_of(item, "path");
        proa_output_line(o, "%-18s %-28s %s %s", path, name,
                         proa_output_value(json_object_get(item, "value")), text_of(item, "unit"));
    }
    json_array_foreach(json_object_get(answer, "links"), index, item)
    {
        const char *path = text_of(item, "path");
        proa_output_line(o, "%-18s %s", path, text_of(item, "attributes"));
    }
    if (json_object_get(answer, "unreadable_format") != NULL) {
        proa_output_line(o, "an answer in Content-Format %lld, which cannot be shown",
                         number_of(answer, "unreadable_format"));
    }
}

static void show_done(const proa_output *o, const json_t *answer)
{
    show_values(o, answer);
    if (json_object_get(answer, "values") == NULL && json_object_get(answer, "links") == NULL) {
        const char *created = text_of(answer, "created");
        proa_output_line(o, "%s%s%s", text_of(answer, "code"), created[0] == '\0' ? "" : " ",
                         created);
    }
}

static void show_devices(const proa_output *o, const json_t *answer)
{
    size_t index;
    json_t *device;
    const json_t *devices = json_object_get(answer, "devices");
    proa_output_line(o, "%-24s %-28s %-9s %10s  %s", "ENDPOINT", "ADDRESS", "SECURITY", "EXPIRES",
                     "OBJECTS");
    json_array_foreach(devices, index, device)
    {
        proa_output_line(o, "%-24s %-28s %-9s %8llds  %s", text_of(device, "endpoint"),
                         text_of(device, "address"),
                         json_is_true(json_object_get(device, "secure")) ? "DTLS" : "none",
                         number_of(device, "expires_in_s"), text_of(device, "links"));
    }
    proa_output_line(o, "%zu devices", json_array_size(devices));
}

static void show_grant(const proa_output *o, const json_t *grant)
{
    char entries[256] = "";
    size_t len = 0;
    size_t index;
    json_t *entry;
    json_array_foreach(json_object_get(grant, "entries"), index, entry)
    {
        if (len < sizeof entries) {
            len += (size_t)snprintf(entries + len, sizeof entries - len, "%s%s:%s",
                                    len == 0 ? "" : " ", text_of(entry, "path"),
                                    text_of(entry, "rights"));
        }
    }
    proa_output_line(o, "%-16lld %-16s %-16s %-11s %-6s %-22s %8llds %6lld  %s",
                     number_of(grant, "id"), text_of(grant, "requester"), text_of(grant, "host"),
                     text_of(grant, "state"), text_of(grant, "security"), entries,
                     number_of(grant, "expires_in_s"), number_of(grant, "uses"),
                     text_of(grant, "rule"));
}

static void show_grants(const proa_output *o, const json_t *answer)
{
    size_t index;
    json_t *item;
    const json_t *refusals = json_object_get(answer, "refusals");
    proa_output_line(o, "%-16s %-16s %-16s %-11s %-6s %-22s %9s %6s  %s", "ID", "REQUESTER", "HOST",
                     "STATE", "BY", "RIGHTS", "EXPIRES", "USES", "RULE");
    json_array_foreach(json_object_get(answer, "grants"), index, item)
    {
        show_grant(o, item);
    }
    json_array_foreach(refusals, index, item)
    {
        proa_output_line(o, "refused until allowed: %s to %s%s%s", text_of(item, "requester"),
                         text_of(item, "host"), text_of(item, "path")[0] == '\0' ? "" : " ",
                         text_of(item, "path"));
    }
}

static void show_revoked(const proa_output *o, const json_t *answer)
{
    char stamp[32];
    time_t by = (time_t)number_of(answer, "effective_by");
    struct tm utc;
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&by, &utc));
    proa_output_line(o, "revoked; in force on both devices by %s at the latest", stamp);
}

static void show_audit(const proa_output *o, const json_t *answer)
{
    size_t index;
    json_t *row;
    json_array_foreach(json_object_get(answer, "audit"), index, row)
    {
        proa_output_line(o, "%s  %-14s %s -> %s %s %s  %s", text_of(row, "time"),
                         text_of(row, "kind"), text_of(row, "requester"), text_of(row, "host"),
                         text_of(row, "path"), text_of(row, "rights"), text_of(row, "rule"));
    }
}

static void show_stats(const proa_output *o, const json_t *answer)
{
    const char *key;
    const char *inner_key;
    json_t *value;
    json_t *inner;
    json_object_foreach(json_object_get(answer, "stats"), key, value)
    {
        if (!json_is_object(value)) {
            proa_output_line(o, "%-28s %s", key, proa_output_value(value));
        }
        json_object_foreach(value, inner_key, inner)
        {
            char name[64];
            snprintf(name, sizeof name, "%s.%s", key, inner_key);
            proa_output_line(o, "%-28s %s", name, proa_output_value(inner));
        }
    }
}

static void show_ok(const proa_output *o, const json_t *answer)
{
    if (json_object_get(answer, "rules") != NULL) {
        proa_output_line(o, "%lld rules in force", number_of(answer, "rules"));
    } else {
        proa_output_line(o, "ok");
    }
}

static void show_nothing(const proa_output *o, const json_t *answer)
{
    (void)o;
    (void)answer;
}

/* A line that comes by itself: a notification, or something that happened. */
static void show_event(const proa_output *o, const json_t *event)
{
    const char *key;
    json_t *value;
    char text[1024] = "";
    size_t len = 0;
    if (json_object_get(event, "values") != NULL || json_object_get(event, "links") != NULL) {
        show_values(o, event);
        return;
    }
    /* jansson gives an iterator of a constant object only to who promises not to change it. */
    json_object_foreach((json_t *)(uintptr_t)event, key, value)
    {
        if (strcmp(key, "id") != 0 && strcmp(key, "event") != 0 && len < sizeof text) {
            len += (size_t)snprintf(text + len, sizeof text - len, " %s=%s", key,
                                    proa_output_value(value));
        }
    }
    proa_output_line(o, "%s%s", text_of(event, "event"), text);
}

/* ---- the commands ----------------------------------------------------------------------- */

typedef struct command {
    const char *name; /* as proad knows it */
    const char *operands;
    const char *help;
    int operands_min, operands_max;
    request_maker make;
    void (*show)(const proa_output *o, const json_t *answer);
    bool streams; /* goes on until interrupted */
} command;

#define MANY 64

static const command commands[] = {
    {"devices", "", "registered devices", 0, 0, plain, show_devices, false},
    {"read", "DEVICE PATH", "read an object, instance or resource", 2, 2, on_path, show_done,
     false},
    {"write", "DEVICE PATH VALUE", "a resource; or an instance with RESOURCE=VALUE ...", 3, MANY,
     with_values, show_done, false},
    {"execute", "DEVICE PATH [ARGUMENTS]", "", 2, 3, with_arguments, show_done, false},
    {"create", "DEVICE PATH RESOURCE=VALUE...", "a new instance of an object", 2, MANY, with_values,
     show_done, false},
    {"delete", "DEVICE PATH", "an instance", 2, 2, on_path, show_done, false},
    {"discover", "DEVICE PATH", "what is there, with attributes", 2, 2, on_path, show_done, false},
    {"attributes", "DEVICE PATH pmin=10 ...", "when observers are told: pmin pmax gt lt st", 3,
     MANY, with_attributes, show_done, false},
    {"observe", "DEVICE PATH", "follow a value until Ctrl-C", 2, 2, on_path, show_values, true},
    {"grants", "", "who may talk to whom, and standing refusals", 0, 0, plain, show_grants, false},
    {"revoke", "REQUESTER HOST [PATH]", "take a grant away, refuse it until allowed", 2, 3, on_pair,
     show_revoked, false},
    {"allow", "REQUESTER HOST [PATH]", "end a refusal", 2, 3, on_pair, show_ok, false},
    {"policy reload", "", "read the policy file again", 0, 0, plain, show_ok, false},
    {"audit", "[NUMBER]", "the latest decisions", 0, 1, with_limit, show_audit, false},
    {"stats", "", "counters", 0, 0, plain, show_stats, false},
    {"events", "", "what happens, until Ctrl-C", 0, 0, plain, show_nothing, true},
};

/* The command that the operands begin with; *words are how many of them name it. */
static const command *find_command(const proa_command_line *line, int count, char **operands,
                                   int *words)
{
    if (count == 0) {
        proa_options_fail(line, "which command?");
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s", commands[i].name);
        char *second = strchr(name, ' ');
        *words = second == NULL ? 1 : 2;
        if (second != NULL) {
            *second++ = '\0';
        }
        if (count >= *words && strcmp(name, operands[0]) == 0 &&
            (second == NULL || strcmp(second, operands[1]) == 0)) {
            return &commands[i];
        }
    }
    proa_options_fail(line, "unknown command %s", operands[0]);
}

/* Lines that follow a streaming command, until it ends or a signal comes. */
static bool follow(const proa_output *o, proa_control_client *c, uint64_t *count)
{
    json_t *line;
    while (interrupted == 0 && (line = proa_control_next(c)) != NULL) {
        bool end = strcmp(text_of(line, "event"), "end") == 0;
        *count += !end;
        if (!end) {
            show_event(o, line);
        }
        proa_output_say(o, line, NULL);
        if (end) {
            return true;
        }
    }
    return interrupted != 0;
}

static int run(const proa_output *o, const command *found, proa_control_client *c, json_t *request)
{
    uint64_t events = 0;
    json_t *answer = proa_control_request(c, request) ? proa_control_next(c) : NULL;
    if (answer == NULL) {
        return proa_output_fail(o, SCHEMA, "%s",
                                interrupted != 0 ? "interrupted"
                                                 : "proad ended the connection without an answer");
    }
    bool ok = json_is_true(json_object_get(answer, "ok"));
    if (!ok && !o->json) {
        const char *code = text_of(answer, "code");
        fprintf(stderr, "proa ctl: %s%s%s\n", text_of(answer, "error"), code[0] == '\0' ? "" : ": ",
                code);
    } else if (ok) {
        found->show(o, answer);
    }
    if (ok && found->streams) {
        proa_output_say(o, json_incref(answer), NULL);
        ok = follow(o, c, &events);
        json_object_clear(answer);
        json_object_set_new(answer, "events", json_integer((json_int_t)events));
        if (!ok && !o->json) {
            fprintf(stderr, "proa ctl: proad ended the connection\n");
        }
    }
    json_object_del(answer, "id");
    return proa_output_finish(o, SCHEMA, ok, answer);
}

static char *list_commands(void)
{
    static char text[4096];
    size_t len = (size_t)snprintf(text, sizeof text,
                                  "Talks to proad through its control socket. Paths may use names: "
                                  "\"/Device/0/Battery Level\".\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands && len < sizeof text; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", commands[i].name, commands[i].operands);
        len +=
            (size_t)snprintf(text + len, sizeof text - len, "  %-40s %s\n", left, commands[i].help);
    }
    return text;
}

int proa__tool_ctl(int argc, char **argv)
{
    proa_output out = {0};
    const char *socket_path = "proad.sock";
    char message[512];
    int words = 0;
    const proa_option table[] = {
        {"--socket", "PATH", "proad's control socket (proad.sock)", NULL, &socket_path, NULL, 0},
        {"--json", NULL, "print JSON; the last line has the answer", &out.json, NULL, NULL, 0},
    };
    const proa_command_line line = {"proa ctl", "[--socket PATH] COMMAND ...", list_commands(),
                                    table, sizeof table / sizeof *table};
    int operands = proa_options_read(&line, argc, argv);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    const command *found = find_command(&line, operands, argv + 1, &words);
    int left = operands - words;
    if (left < found->operands_min || left > found->operands_max) {
        proa_options_fail(&line, "usage: proa ctl %s %s", found->name, found->operands);
    }
    json_t *request = found->make(&line, found->name, left, argv + 1 + words);
    proa_control_client client;
    int status;
    if (proa_control_connect(&client, socket_path, message, sizeof message)) {
        status = run(&out, found, &client, request);
    } else {
        json_decref(request);
        status = proa_output_fail(&out, SCHEMA, "%s", message);
    }
    proa_control_disconnect(&client);
    return status;
}
