/* SPDX-License-Identifier: Apache-2.0 */
/* JSON files with comments and positions, over jansson.
 *
 * jansson tells line and column of syntax errors only, so for everything else the position is
 * found when it is needed: `locate` walks the (already valid) text along the pointer of a place. */
#include "ports/linux/json_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- loading ---------------------------------------------------------------------------- */

static void fail_file(proa_json_doc *doc, const char *what)
{
    doc->failed = true;
    snprintf(doc->message, sizeof doc->message, "%s: %s", doc->path, what);
}

/* Blank out // comments outside strings; line ends stay. */
static void strip_comments(char *text, size_t len)
{
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        if (in_string) {
            if (text[i] == '\\') {
                i++;
            } else if (text[i] == '"' || text[i] == '\n') {
                in_string = false;
            }
        } else if (text[i] == '"') {
            in_string = true;
        } else if (text[i] == '/' && i + 1 < len && text[i + 1] == '/') {
            while (i < len && text[i] != '\n') {
                text[i++] = ' ';
            }
        }
    }
}

static bool parse_own_text(proa_json_doc *doc)
{
    json_error_t error;
    strip_comments(doc->text, doc->len);
    doc->root = json_loadb(doc->text, doc->len, JSON_REJECT_DUPLICATES, &error);
    if (doc->root == NULL) {
        doc->failed = true;
        snprintf(doc->message, sizeof doc->message, "%s:%d:%d: not JSON: %s", doc->path, error.line,
                 error.column, error.text);
    }
    return !doc->failed;
}

bool proa_json_parse(proa_json_doc *doc, const char *name, const char *text, size_t len)
{
    memset(doc, 0, sizeof *doc);
    snprintf(doc->path, sizeof doc->path, "%s", name);
    doc->text = malloc(len + 1);
    if (len > PROA_JSON_FILE_MAX || doc->text == NULL) {
        fail_file(doc, "larger than 1 MB");
        return false;
    }
    memcpy(doc->text, text, len);
    doc->text[len] = '\0';
    doc->len = len;
    return parse_own_text(doc);
}

static bool read_all(int fd, proa_json_doc *doc, size_t len)
{
    doc->text = malloc(len + 1);
    while (doc->text != NULL && doc->len < len) {
        ssize_t got = read(fd, doc->text + doc->len, len - doc->len);
        if (got <= 0) {
            break;
        }
        doc->len += (size_t)got;
    }
    if (doc->text == NULL || doc->len < len) {
        fail_file(doc, "could not be read");
        return false;
    }
    doc->text[len] = '\0';
    return true;
}

static int open_checked(proa_json_doc *doc, bool secret, size_t *len)
{
    struct stat status;
    int fd = open(doc->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fail_file(doc, strerror(errno));
        return -1;
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        fail_file(doc, "is not a file");
    } else if (secret && (status.st_mode & 077) != 0) {
        doc->failed = true;
        snprintf(doc->message, sizeof doc->message,
                 "%s: holds keys and is readable by others; run: chmod 600 %s", doc->path,
                 doc->path);
    } else if (status.st_size > PROA_JSON_FILE_MAX) {
        fail_file(doc, "larger than 1 MB");
    }
    if (doc->failed) {
        close(fd);
        return -1;
    }
    *len = (size_t)status.st_size;
    return fd;
}

bool proa_json_load(proa_json_doc *doc, const char *path, bool secret)
{
    size_t len = 0;
    memset(doc, 0, sizeof *doc);
    snprintf(doc->path, sizeof doc->path, "%s", path);
    int fd = open_checked(doc, secret, &len);
    if (fd < 0) {
        return false;
    }
    bool read = read_all(fd, doc, len);
    close(fd);
    return read && parse_own_text(doc);
}

/* jansson keeps its own copies of strings; those that are secrets are wiped here, before it frees
 * them, by overwriting every string in place. */
static void wipe_strings(json_t *value)
{
    const char *key;
    json_t *item;
    size_t index;
    if (json_is_string(value)) {
        /* The characters belong to us until json_decref: jansson only promises not to be surprised
         * by reads, and frees by pointer. */
        proa_wipe((char *)(uintptr_t)json_string_value(value), json_string_length(value));
    } else if (json_is_object(value)) {
        json_object_foreach(value, key, item)
        {
            wipe_strings(item);
        }
    } else if (json_is_array(value)) {
        json_array_foreach(value, index, item)
        {
            wipe_strings(item);
        }
    }
}

void proa_json_free(proa_json_doc *doc)
{
    if (doc->root != NULL) {
        wipe_strings(doc->root);
        json_decref(doc->root);
    }
    if (doc->text != NULL) {
        proa_wipe(doc->text, doc->len);
        free(doc->text);
    }
    doc->root = NULL;
    doc->text = NULL;
}

/* ---- where a value stands --------------------------------------------------------------- */

/* The scanner trusts the text to be valid JSON: jansson has accepted it. */
typedef struct scanner {
    const char *at;
    const char *end;
} scanner;

static void skip_blank(scanner *s)
{
    while (s->at < s->end && strchr(" \t\r\n,:", *s->at) != NULL) {
        s->at++;
    }
}

static void skip_string(scanner *s)
{
    for (s->at++; s->at < s->end && *s->at != '"'; s->at++) {
        if (*s->at == '\\') {
            s->at++;
        }
    }
    if (s->at < s->end) {
        s->at++;
    }
}

static void skip_value(scanner *s)
{
    int depth = 0;
    do {
        skip_blank(s);
        if (s->at >= s->end) {
            return;
        }
        if (*s->at == '"') {
            skip_string(s);
        } else if (strchr("{[", *s->at) != NULL) {
            depth++;
            s->at++;
        } else if (strchr("}]", *s->at) != NULL) {
            depth--;
            s->at++;
        } else {
            while (s->at < s->end && strchr(" \t\r\n,:{}[]\"", *s->at) == NULL) {
                s->at++;
            }
        }
        skip_blank(s);
    } while (depth > 0);
}

/* Move from the start of an object or array to its member or item; false if it has none such. */
static bool enter(scanner *s, const char *segment, size_t len)
{
    skip_blank(s);
    bool object = s->at < s->end && *s->at == '{';
    unsigned long wanted = object ? 0 : strtoul(segment, NULL, 10);
    s->at++;
    for (unsigned long index = 0;; index++) {
        skip_blank(s);
        if (s->at >= s->end || *s->at == '}' || *s->at == ']') {
            return false;
        }
        if (object) {
            const char *key = s->at + 1;
            skip_string(s);
            if ((size_t)(s->at - 1 - key) == len && memcmp(key, segment, len) == 0) {
                return true;
            }
        } else if (index == wanted) {
            return true;
        }
        skip_value(s);
    }
}

/* Line and column of the value at `pointer`, or of the innermost holder that is there. */
static void locate(const proa_json_doc *doc, const char *pointer, int *line, int *column)
{
    scanner s = {doc->text, doc->text + doc->len};
    const char *found;
    skip_blank(&s);
    found = s.at;
    while (*pointer == '/') {
        size_t len = strcspn(pointer + 1, "/");
        if (!enter(&s, pointer + 1, len)) {
            break;
        }
        skip_blank(&s);
        found = s.at;
        pointer += 1 + len;
    }
    *line = 1;
    *column = 1;
    for (const char *at = doc->text; at < found; at++) {
        *column = *at == '\n' ? 1 : *column + 1;
        *line += *at == '\n';
    }
}

void proa_json_fail(const proa_json_at *at, const char *format, ...)
{
    proa_json_doc *doc = at->doc;
    va_list arguments;
    int line;
    int column;
    if (doc->failed) {
        return;
    }
    doc->failed = true;
    locate(doc, at->pointer, &line, &column);
    int len = snprintf(doc->message, sizeof doc->message, "%s:%d:%d: ", doc->path, line, column);
    if (at->pointer[0] != '\0') {
        len += snprintf(doc->message + len, sizeof doc->message - (size_t)len, "%s: ", at->pointer);
    }
    va_start(arguments, format);
    vsnprintf(doc->message + len, sizeof doc->message - (size_t)len, format, arguments);
    va_end(arguments);
}

/* ---- getters ---------------------------------------------------------------------------- */

proa_json_at proa_json_root(proa_json_doc *doc)
{
    proa_json_at at = {doc, doc->failed ? NULL : doc->root, ""};
    return at;
}

static proa_json_at below(const proa_json_at *at, const char *segment)
{
    proa_json_at out = {at->doc, NULL, ""};
    /* A pointer too long for its place is cut: the position then is that of a holder. */
    (void)!snprintf(out.pointer, sizeof out.pointer, "%.*s/%.60s", (int)sizeof out.pointer - 62,
                    at->pointer, segment);
    return out;
}

proa_json_at proa_json_member(const proa_json_at *object, const char *key)
{
    proa_json_at at = below(object, key);
    at.value = json_object_get(object->value, key);
    return at;
}

proa_json_at proa_json_item(const proa_json_at *array, size_t index)
{
    char segment[24];
    snprintf(segment, sizeof segment, "%zu", index);
    proa_json_at at = below(array, segment);
    at.value = json_array_get(array->value, index);
    return at;
}

const char *proa_json_string(const proa_json_at *at, const char *fallback)
{
    if (at->value == NULL && fallback != NULL) {
        return fallback;
    }
    if (!json_is_string(at->value)) {
        proa_json_fail(at, at->value == NULL ? "is missing" : "must be a string");
        return fallback == NULL ? "" : fallback;
    }
    return json_string_value(at->value);
}

int64_t proa_json_number(const proa_json_at *at, int64_t min, int64_t max, int64_t fallback)
{
    if (at->value == NULL && fallback >= 0) {
        return fallback;
    }
    if (!json_is_integer(at->value)) {
        proa_json_fail(at, at->value == NULL ? "is missing" : "must be a whole number");
        return min;
    }
    int64_t value = json_integer_value(at->value);
    if (value < min || value > max) {
        proa_json_fail(at, "must be from %lld to %lld", (long long)min, (long long)max);
        return min;
    }
    return value;
}

bool proa_json_bool(const proa_json_at *at, bool fallback)
{
    if (at->value == NULL) {
        return fallback;
    }
    if (!json_is_boolean(at->value)) {
        proa_json_fail(at, "must be true or false");
        return fallback;
    }
    return json_is_true(at->value);
}

size_t proa_json_array_size(const proa_json_at *at)
{
    if (at->value != NULL && !json_is_array(at->value)) {
        proa_json_fail(at, "must be a list: [ ... ]");
        return 0;
    }
    return json_array_size(at->value);
}

size_t proa_json_object_size(const proa_json_at *at)
{
    if (at->value != NULL && !json_is_object(at->value)) {
        proa_json_fail(at, "must be an object: { ... }");
        return 0;
    }
    return json_object_size(at->value);
}

/* Levenshtein distance of short names; `len` characters of b. */
static size_t distance(const char *a, const char *b, size_t len)
{
    size_t row[64];
    size_t a_len = strlen(a);
    if (len >= 63 || a_len >= 63) {
        return 64;
    }
    for (size_t j = 0; j <= len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= len; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < step ? change : step;
        }
    }
    return row[len];
}

void proa_json_only(const proa_json_at *object, const char *known)
{
    const char *key;
    json_t *value;
    if (proa_json_object_size(object) == 0) {
        return;
    }
    json_object_foreach(object->value, key, value)
    {
        const char *nearest = known;
        size_t nearest_len = strcspn(known, " ");
        size_t best = 64;
        for (const char *at = known; *at != '\0'; at += strspn(at, " ")) {
            size_t len = strcspn(at, " ");
            size_t away = distance(key, at, len);
            if (away < best) {
                best = away;
                nearest = at;
                nearest_len = len;
            }
            at += len;
        }
        if (best != 0) {
            proa_json_at at = below(object, key);
            if (best <= 3) {
                proa_json_fail(&at, "unknown name; did you mean \"%.*s\"?", (int)nearest_len,
                               nearest);
            } else {
                proa_json_fail(&at, "unknown name; known here: %s", known);
            }
        }
    }
}

/* ---- bytes and secrets ------------------------------------------------------------------ */

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);
    return found == NULL ? -1 : (int)(found - digits);
}

static size_t hex_bytes(const proa_json_at *at, const char *text, uint8_t *out, size_t cap)
{
    size_t len = strlen(text);
    while (len > 0 && strchr("\r\n \t", text[len - 1]) != NULL) {
        len--; /* key files end with a line end */
    }
    if (len == 0 || len % 2 != 0 || len / 2 > cap) {
        proa_json_fail(at, "must be an even number of hex digits, at most %zu", 2 * cap);
        return 0;
    }
    for (size_t i = 0; i < len / 2; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            proa_wipe(out, cap);
            proa_json_fail(at, "must be hex digits only");
            return 0;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return len / 2;
}

size_t proa_json_hex(const proa_json_at *at, const char *fallback, uint8_t *out, size_t cap)
{
    const char *text = proa_json_string(at, fallback);
    return text[0] == '\0' ? 0 : hex_bytes(at, text, out, cap);
}

static size_t secret_file(const proa_json_at *at, const char *name, uint8_t *out, size_t cap)
{
    proa_json_doc file;
    const char *slash = name[0] == '/' ? NULL : strrchr(at->doc->path, '/');
    memset(&file, 0, sizeof file);
    snprintf(file.path, sizeof file.path, "%.*s%s",
             slash == NULL ? 0 : (int)(slash + 1 - at->doc->path), at->doc->path, name);
    size_t file_len = 0;
    size_t len = 0;
    int fd = open_checked(&file, true, &file_len);
    if (fd >= 0 && read_all(fd, &file, file_len)) {
        len = hex_bytes(at, file.text, out, cap);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (file.failed) {
        proa_json_fail(at, "%s", file.message);
    }
    proa_json_free(&file);
    return len;
}

size_t proa_json_secret(const proa_json_at *at, uint8_t *out, size_t cap)
{
    if (at->value == NULL) {
        return 0;
    }
    if (json_is_object(at->value)) {
        proa_json_only(at, "file");
        proa_json_at file = proa_json_member(at, "file");
        const char *name = proa_json_string(&file, NULL);
        return at->doc->failed ? 0 : secret_file(at, name, out, cap);
    }
    if (!json_is_string(at->value)) {
        proa_json_fail(at, "must be hex digits, or {\"file\": \"name of a file with hex digits\"}");
        return 0;
    }
    return hex_bytes(at, json_string_value(at->value), out, cap);
}
