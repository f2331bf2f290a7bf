/*
 * slice_hash: SipHash-1-3 with a key of this process. Keys of our tables come from strangers,
 * who must not be able to choose ones that collide.
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF".
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

#include "base/bug.h"
#include "base/slice.h"

struct state {
    uint64_t v0, v1, v2, v3;
};

static uint64_t key[2];
static bool key_is_set;

static void set_key(void)
{
    if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
        fatal(EX_OSERR, "getrandom: %m");
    key_is_set = true;
}

static uint64_t rotate(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static void mix(struct state *s)
{
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

static void absorb(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    mix(s);
    s->v0 ^= word;
}

/* Add 0x20 to each byte of the word that is an ASCII capital. */
static uint64_t lower_word(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101;
    uint64_t low_bits = word & (0x7f * ones);
    uint64_t from_a = low_bits + (0x80 - 'A') * ones;
    uint64_t above_z = low_bits + (0x80 - 'Z' - 1) * ones;
    uint64_t capital = from_a & ~above_z & ~word & (0x80 * ones);

    return word + (capital >> 2);
}

static uint64_t load(const char *bytes, size_t len, bool fold)
{
    uint64_t word = 0;

    memcpy(&word, bytes, len);
    return fold ? lower_word(word) : word;
}

static uint64_t hash_bytes(struct slice slice, bool fold)
{
    if (!key_is_set)
        set_key();
    struct state s = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                      key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
    uint64_t last = (uint64_t)slice.len << 56;

    for (; slice.len >= 8; slice = slice_from_offset(slice, 8))
        absorb(&s, load(slice.ptr, 8, fold));
    if (slice.len)
        last |= load(slice.ptr, slice.len, fold);
    absorb(&s, last);
    s.v2 ^= 0xff;
    mix(&s);
    mix(&s);
    mix(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t slice_hash(struct slice slice)
{
    return hash_bytes(slice, false);
}

uint64_t slice_hash_nocase(struct slice slice)
{
    return hash_bytes(slice, true);
}
