/* SPDX-License-Identifier: Apache-2.0 */
/* The C library's functions on bytes that boards have, under names of their own (CMakeLists.txt),
 * beside this machine's: at each alignment of either end, at lengths around those where the steps
 * change, and with a byte before and behind that has to stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

void *mcu_memmove(void *to, const void *from, size_t len);
void *mcu_memcpy(void *restrict to, const void *restrict from, size_t len);
void *mcu_memset(void *to, int byte, size_t len);
int mcu_memcmp(const void *a, const void *b, size_t len);
void *mcu_memchr(const void *bytes, int byte, size_t len);
size_t mcu_strlen(const char *text);

enum { ALIGNMENTS = 4, LENS = 40, ROOM = 1 + ALIGNMENTS + LENS + 1 };

static void count_up(uint8_t *bytes, size_t len, uint8_t first)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(first + i);
    }
}

static void memcpy_copies_at_each_alignment(void **state)
{
    (void)state;
    for (size_t at = 0; at < (size_t)ALIGNMENTS * ALIGNMENTS * LENS; at++) {
        size_t to = 1 + at % ALIGNMENTS;
        size_t from = at / ALIGNMENTS % ALIGNMENTS;
        size_t len = at / ALIGNMENTS / ALIGNMENTS;
        uint8_t in[ROOM], out[ROOM], expected[ROOM];
        count_up(in, ROOM, 1);
        count_up(out, ROOM, 100);
        memcpy(expected, out, ROOM);
        memcpy(expected + to, in + from, len);
        assert_ptr_equal(mcu_memcpy(out + to, in + from, len), out + to);
        assert_memory_equal(out, expected, ROOM);
    }
}

static void memmove_moves_within_itself_both_ways(void **state)
{
    (void)state;
    for (size_t at = 0; at < (size_t)LENS * LENS * LENS; at++) {
        size_t to = at % LENS;
        size_t from = at / LENS % LENS;
        size_t len = at / LENS / LENS;
        uint8_t bytes[2 * LENS], expected[2 * LENS];
        count_up(bytes, sizeof bytes, 1);
        memcpy(expected, bytes, sizeof bytes);
        memmove(expected + to, expected + from, len);
        assert_ptr_equal(mcu_memmove(bytes + to, bytes + from, len), bytes + to);
        assert_memory_equal(bytes, expected, sizeof bytes);
    }
}

static void memset_fills_as_many_as_it_is_told(void **state)
{
    (void)state;
    for (size_t at = 0; at < (size_t)ALIGNMENTS * LENS; at++) {
        size_t to = 1 + at % ALIGNMENTS;
        size_t len = at / ALIGNMENTS;
        uint8_t bytes[ROOM], expected[ROOM];
        count_up(bytes, ROOM, 1);
        memcpy(expected, bytes, ROOM);
        memset(expected + to, 0xa5, len);
        assert_ptr_equal(mcu_memset(bytes + to, 0x3a5, len),
                         bytes + to); /* an unsigned char of it */
        assert_memory_equal(bytes, expected, ROOM);
    }
}

/* Of two differences the first one counts, whichever byte of a word it is. */
static void memcmp_tells_the_first_difference(void **state)
{
    (void)state;
    for (size_t at = 0; at < (size_t)ALIGNMENTS * LENS * LENS; at++) {
        size_t from = at % ALIGNMENTS;
        size_t different = at / ALIGNMENTS % LENS;
        size_t len = at / ALIGNMENTS / LENS;
        uint8_t a[ROOM], b[ROOM];
        count_up(a, ROOM, 0x70); /* on both sides of 0x80 */
        memcpy(b + 1, a + from, LENS);
        b[1 + different] = 0xff;
        b[1 + different + 1] = 0;
        int result = mcu_memcmp(a + from, b + 1, len);
        int reverse = mcu_memcmp(b + 1, a + from, len);
        assert_int_equal(result < 0, different < len);
        assert_int_equal(reverse > 0, different < len);
        assert_int_equal(result == 0, different >= len);
    }
}

static void memchr_and_strlen_find_the_first(void **state)
{
    static const char text[] = "first, second, third";
    (void)state;
    for (size_t len = 0; len <= sizeof text; len++) {
        assert_ptr_equal(mcu_memchr(text, ',', len), memchr(text, ',', len));
        assert_ptr_equal(mcu_memchr(text, 0x300 + ',', len), memchr(text, ',', len));
        assert_ptr_equal(mcu_memchr(text, '!', len), NULL);
        assert_ptr_equal(mcu_memchr(text, 0, len), memchr(text, 0, len));
    }
    for (size_t at = 0; at < sizeof text; at++) {
        assert_int_equal(mcu_strlen(text + at), sizeof text - 1 - at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memcpy_copies_at_each_alignment),
        cmocka_unit_test(memmove_moves_within_itself_both_ways),
        cmocka_unit_test(memset_fills_as_many_as_it_is_told),
        cmocka_unit_test(memcmp_tells_the_first_difference),
        cmocka_unit_test(memchr_and_strlen_find_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
