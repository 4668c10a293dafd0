/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4 as in the paper's section 2: two rounds for each 8 bytes of input, four at the end. */
#include "core/base/siphash.h"

typedef struct sip {
    uint64_t v0, v1, v2, v3;
} sip;

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void rounds(sip *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        s->v0 += s->v1;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v0 = rotate(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v2 = rotate(s->v2, 32);
    }
}

/* Little-endian, as the paper has it (every other integer in Proa is big-endian): after eight bytes
 * the first is the lowest. */
static uint64_t shift_in(uint64_t word, uint8_t byte)
{
    return word >> 8 | (uint64_t)byte << 56;
}

static uint64_t load(const uint8_t *at)
{
    uint64_t word = 0;
    for (size_t i = 0; i < 8; i++) {
        word = shift_in(word, at[i]);
    }
    return word;
}

uint64_t proa_siphash(const uint8_t *key, proa_span in)
{
    uint64_t k0 = load(key);
    uint64_t k1 = load(key + 8);
    sip s = {k0 ^ 0x736f6d6570736575U, k1 ^ 0x646f72616e646f6dU, k0 ^ 0x6c7967656e657261U,
             k1 ^ 0x7465646279746573U};
    /* Padded with zeros and the length in one byte to whole words. */
    size_t padded_len = (in.len / 8 + 1) * 8;
    uint64_t word = 0;
    for (size_t i = 0; i < padded_len; i++) {
        uint8_t pad = i + 1 == padded_len ? (uint8_t)in.len : 0;
        word = shift_in(word, i < in.len ? in.data[i] : pad);
        if (i % 8 == 7) {
            s.v3 ^= word;
            rounds(&s, 2);
            s.v0 ^= word;
        }
    }
    s.v2 ^= 0xff;
    rounds(&s, 4);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
