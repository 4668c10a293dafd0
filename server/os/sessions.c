/* SPDX-License-Identifier: Apache-2.0 */
/* The key of stored sessions, and the one order of steps in which they come back:
 *
 *     1. lock the key file, read the old key, draw a new one    (open)
 *     2. write the new key over the old one, fsync              (revive)
 *     3. read the rows, delete them, commit
 *     4. revive each with the old key; it is stored again under the new one
 *     5. commit, before anything is sent                        (the hub)
 *
 * A crash before 2 changes nothing. After it the old rows cannot be opened by anybody but this
 * process, so a crash costs the sessions that are not stored again yet: their devices shake hands. */
#include "server/os/sessions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ports/linux/os.h"

#define TEXT_LEN (2 * PROA_SECURE_KEY_LEN + 1) /* hex digits and a line end */

/* A row that was read, until it is revived. */
typedef struct taken {
    struct taken *next;
    proa_secure_row row; /* its spans point behind it */
    uint8_t bytes[];
} taken;

struct proa_sessions {
    proa_database *database;
    proa_secure *box; /* NULL until there is one to tell */
    int fd;
    bool has_old_key;
    uint8_t old_key[PROA_SECURE_KEY_LEN];
    uint8_t key[PROA_SECURE_KEY_LEN];
    proa_secure_keeper keeper;
    uint32_t *revived; /* by account - 1 */
    size_t account_count;
};

/* ---- the key file ------------------------------------------------------------------------ */

static bool fail(char *message, size_t cap, const char *file, const char *why)
{
    snprintf(message, cap, "session key %s: %s", file, why);
    return false;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(const char text[TEXT_LEN], uint8_t out[PROA_SECURE_KEY_LEN])
{
    bool ok = text[TEXT_LEN - 1] == '\n';
    for (size_t i = 0; i < PROA_SECURE_KEY_LEN; i++) {
        int high = digit(text[2 * i]);
        int low = digit(text[2 * i + 1]);
        ok = ok && high >= 0 && low >= 0;
        out[i] = (uint8_t)(ok ? high << 4 | low : 0);
    }
    return ok;
}

/* An empty file is a new one; power may have failed just after it was made. */
static bool read_old_key(proa_sessions *s, const char *file, char *message, size_t cap)
{
    char text[TEXT_LEN + 1];
    ssize_t len = pread(s->fd, text, sizeof text, 0);
    s->has_old_key = len == TEXT_LEN && read_hex(text, s->old_key);
    proa_wipe(text, sizeof text);
    return len == 0 || s->has_old_key ||
           fail(message, cap, file,
                len < 0 ? strerror(errno)
                        : "holds no session key. If it may go, remove it: devices will shake hands "
                          "again");
}

/* In place, so that the old key is on no other block of the disk; a write of 33 bytes that power
 * interrupts leaves either key, or none that opens anything. */
static bool write_key(const proa_sessions *s)
{
    static const char digits[] = "0123456789abcdef";
    char text[TEXT_LEN];
    for (size_t i = 0; i < PROA_SECURE_KEY_LEN; i++) {
        text[2 * i] = digits[s->key[i] >> 4];
        text[2 * i + 1] = digits[s->key[i] & 15];
    }
    text[TEXT_LEN - 1] = '\n';
    bool ok = pwrite(s->fd, text, sizeof text, 0) == TEXT_LEN && fsync(s->fd) == 0;
    proa_wipe(text, sizeof text);
    return ok;
}

static bool open_key(proa_sessions *s, const char *file, char *message, size_t cap)
{
    struct stat status;
    s->fd = open(file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (s->fd < 0 || fstat(s->fd, &status) != 0) {
        return fail(message, cap, file, strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return fail(message, cap, file, "is not a file");
    }
    if ((status.st_mode & 077) != 0) {
        return fail(message, cap, file, "is readable by others; run: chmod 600 on it");
    }
    if (flock(s->fd, LOCK_EX | LOCK_NB) != 0) {
        return fail(message, cap, file,
                    errno == EWOULDBLOCK ? "is in use by another proad" : strerror(errno));
    }
    return read_old_key(s, file, message, cap);
}

/* ---- the keeper -------------------------------------------------------------------------- */

static void keep(void *ctx, const proa_secure_row *row)
{
    const proa_sessions *s = ctx;
    proa_database_put_session(s->database, row);
}

static void mark(void *ctx, proa_span id, proa_span bytes)
{
    const proa_sessions *s = ctx;
    proa_database_mark_session(s->database, id, bytes);
}

static void forget(void *ctx, proa_span id)
{
    const proa_sessions *s = ctx;
    proa_database_drop_session(s->database, id);
}

proa_sessions *proa_sessions_open(const char *key_file, proa_database *database, char *message,
                                  size_t message_cap)
{
    proa_random random = proa_linux_random();
    proa_sessions *s = calloc(1, sizeof *s);
    if (s == NULL) {
        snprintf(message, message_cap, "no memory");
        return NULL;
    }
    s->database = database;
    s->keeper = (proa_secure_keeper){keep, mark, forget, s};
    proa_random_fill(&random, s->key, sizeof s->key);
    if (!open_key(s, key_file, message, message_cap)) {
        proa_sessions_close(s);
        return NULL;
    }
    return s;
}

void proa_sessions_close(proa_sessions *s)
{
    if (s == NULL) {
        return;
    }
    if (s->fd >= 0) {
        close(s->fd); /* the lock goes with it */
    }
    free(s->revived);
    proa_wipe(s, sizeof *s);
    free(s);
}

const proa_secure_keeper *proa_sessions_keeper(const proa_sessions *s)
{
    return &s->keeper;
}

const uint8_t *proa_sessions_key(const proa_sessions *s)
{
    return s->key;
}

void proa_sessions_stored(proa_sessions *s, bool ok)
{
    if (s != NULL && s->box != NULL) {
        s->box->class_->stored(s->box, ok);
    }
}

/* ---- coming back ------------------------------------------------------------------------- */

static proa_span put(uint8_t **at, proa_span from)
{
    proa_span copy = proa_span_make(*at, from.len);
    if (from.len > 0) {
        memcpy(*at, from.data, from.len);
    }
    *at += from.len;
    return copy;
}

static bool take(void *ctx, const proa_secure_row *row)
{
    taken ***end = ctx;
    taken *t = malloc(sizeof *t + row->id.len + row->context.len + row->mark.len);
    if (t == NULL) {
        return false; /* the oldest sessions are lost */
    }
    uint8_t *at = t->bytes;
    t->next = NULL;
    t->row.id = put(&at, row->id);
    t->row.context = put(&at, row->context);
    t->row.mark = put(&at, row->mark);
    **end = t;
    *end = &t->next;
    return true;
}

/* The newest row comes first; others of the same account are of sessions that it has replaced. */
static void revive(proa_sessions *s, uint64_t now_ms, const proa_secure_row *row)
{
    uint32_t session;
    uint64_t account;
    if (!s->has_old_key ||
        s->box->class_->revive(s->box, now_ms, s->old_key, row, &session, &account) != PROA_OK) {
        return;
    }
    if (account >= 1 && account <= s->account_count && s->revived[account - 1] == 0) {
        s->revived[account - 1] = session;
    } else {
        s->box->class_->close(s->box, now_ms, session, false);
    }
}

bool proa_sessions_revive(proa_sessions *s, proa_secure *box, uint64_t now_ms, size_t account_count,
                          char *message, size_t message_cap)
{
    taken *first = NULL;
    taken **end = &first;
    s->box = box;
    s->account_count = account_count;
    s->revived = calloc(account_count + 1, sizeof *s->revived);
    bool ok = s->revived != NULL && write_key(s);
    if (!ok) {
        snprintf(message, message_cap, "session key: cannot be written: %s", strerror(errno));
    } else {
        ok = proa_database_each_session(s->database, take, &end);
        proa_database_drop_all_sessions(s->database);
        ok = proa_database_commit(s->database) && ok;
        if (!ok) {
            snprintf(message, message_cap, "database: stored sessions cannot be taken");
        }
    }
    while (first != NULL) {
        taken *next = first->next;
        if (ok) {
            revive(s, now_ms, &first->row);
        }
        free(first);
        first = next;
    }
    proa_wipe(s->old_key, sizeof s->old_key);
    s->has_old_key = false;
    return ok;
}

uint32_t proa_sessions_claim(proa_sessions *s, uint64_t account)
{
    if (s == NULL || s->revived == NULL || account == 0 || account > s->account_count) {
        return 0;
    }
    uint32_t session = s->revived[account - 1];
    s->revived[account - 1] = 0;
    return session;
}

void proa_sessions_end_unclaimed(proa_sessions *s, uint64_t now_ms)
{
    for (size_t i = 0; s != NULL && s->revived != NULL && i < s->account_count; i++) {
        if (s->revived[i] != 0) {
            s->box->class_->close(s->box, now_ms, s->revived[i], false);
            s->revived[i] = 0;
        }
    }
}
