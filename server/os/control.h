/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SERVER_OS_CONTROL_H
#define PROA_SERVER_OS_CONTROL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/server.h"

/* The control socket: a Unix stream socket (mode 0600) that speaks JSON, one object a line.
 *
 * A request names a command and carries an `id` of the caller's choice that every answer to it
 * repeats. Each request gets exactly one answer with "ok"; `observe` and `events` go on with
 * lines that have "event" instead, until `cancel` or the end of the connection.
 *
 *   {"id":1,"cmd":"devices"}
 *   {"id":1,"ok":true,"devices":[{"endpoint":"lamp","address":"[::1]:4","secure":true,
 *     "lifetime_s":300,"expires_in_s":290,"registered_s_ago":10,"version":"1.2",
 *     "links":"</1/0>,</3/0>,..."}]}
 *   {"id":2,"cmd":"read","device":"lamp","path":"/3/0"}        also: observe, discover
 *   {"id":2,"ok":true,"code":"2.05 Content","values":[{"path":"/3/0/0","name":"Manufacturer",
 *     "type":"string","value":"Proa","unit":""}]}
 *   {"id":3,"cmd":"write","device":"lamp","path":"/3311/0/5850","value":true}   a resource, or
 *   {"id":3,"cmd":"write","device":"lamp","path":"/3311/0","values":{"5850":true,"5851":50},
 *     "replace":false}                                         an instance
 *   {"id":4,"cmd":"execute","device":"lamp","path":"/3/0/4","arguments":""}
 *   {"id":5,"cmd":"create","device":"lamp","path":"/3311","values":{"5850":false}}
 *   {"id":5,"ok":true,"code":"2.01 Created","created":"/3311/1"}
 *   {"id":6,"cmd":"delete","device":"lamp","path":"/3311/1"}
 *   {"id":7,"cmd":"attributes","device":"lamp","path":"/3311/0/5850","attributes":"pmin=1&pmax=60"}
 *   {"id":8,"cmd":"observe",...}  then {"id":8,"event":"notification","device":..,"path":..,
 *     "values":[..]} and at last {"id":8,"event":"end"}
 *   {"id":9,"cmd":"cancel","observe":8}
 *   {"id":10,"cmd":"grants"}      -> "grants":[{"id":1,"requester":..,"host":..,"state":"active",
 *     "entries":[{"path":"/3311/0","rights":"R"}],"rule":..,"expires_in_s":..,"uses":..}],
 *     "refusals":[{"requester":..,"host":..,"path":"/","since":..}]
 *   {"id":11,"cmd":"revoke","requester":"switch","host":"lamp","path":"/3311/0"}   path optional
 *     -> "effective_by": seconds since 1970
 *   {"id":12,"cmd":"allow","requester":"switch","host":"lamp","path":"/3311/0"}
 *   {"id":13,"cmd":"policy reload"} -> "rules": count
 *   {"id":14,"cmd":"audit","limit":50} -> "audit":[{"id":..,"time":"2026-01-01T00:00:00Z",
 *     "kind":"granted","requester":..,"host":..,"path":..,"rights":"RW","rule":..,"grant":1}]
 *   {"id":15,"cmd":"stats"}       -> "stats":{...}
 *   {"id":16,"cmd":"events"}      then {"id":16,"event":"registered","device":..,...} as in --json
 *
 * A failure is {"id":..,"ok":false,"error":"what happened and what to do","code":"4.04 Not Found"}
 * where code is there if the device answered with one. An operation on a device that is not
 * registered fails at once.
 *
 * Limits: PROA_CONTROL_CLIENTS_MAX connections (one more is closed at once), lines of
 * PROA_CONTROL_LINE_MAX bytes (a longer one closes the connection), and a client that does not
 * read its answers loses its connection when its buffer is full. */

#define PROA_CONTROL_CLIENTS_MAX 32
#define PROA_CONTROL_LINE_MAX 65536

typedef struct proa_control proa_control;
typedef struct proa_hub proa_hub;

/* Listen at `path`. A socket file left by a dead process is replaced; a living one is an error.
 * NULL on failure, with the reason in `message`. Borrows the hub. */
proa_control *proa_control_open(const char *path, proa_hub *hub, char *message, size_t message_cap);
void proa_control_close(proa_control *control);

/* Fill in what poll(2) should wait for; returns how many (at most PROA_CONTROL_CLIENTS_MAX + 1). */
size_t proa_control_pollfds(const proa_control *control, struct pollfd *out);

/* Accept, read, run commands, write; never waits. */
void proa_control_step(proa_control *control, uint64_t now_ms);

/* An operation started for a command completed, or an observation has news: see hub.h. */
void proa_control_operation(proa_control *control, uint64_t user, const proa_server_event *event);

/* One JSON line for everybody who asked for `events`; without line end. */
void proa_control_publish(proa_control *control, const char *json);

#endif
