/* AES-128 (FIPS 197) by the processor's own instructions: counter and chaining mode (SP 800-38A).
 *
 * There is no AES in C here on purpose: one made of tables tells its key to whoever shares the
 * cache with it. Where the processor has no instructions, sluice_aes_available() says so and nothing
 * else may be called; the caller then uses a library.
 *
 * A key schedule is 44 words; round keys are in memory order, so both instruction sets load them as
 * they are. No function reads or writes outside of what its lengths say.
 */

#ifndef SLUICE_AES_H
#define SLUICE_AES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    uint32_t words[44];
} sluice_aes;

typedef struct {
    uint8_t *at;
    size_t blocks;
    const uint8_t *iv;
} sluice_chain;

#define SLUICE_AES_LANES 8

#if defined(__x86_64__)

#include <immintrin.h>

#define SLUICE_AES_TARGET __attribute__((target("aes,sse4.1")))
typedef __m128i sluice_block;

static int sluice_aes_available(void) {
    return __builtin_cpu_supports("aes") && __builtin_cpu_supports("sse4.1");
}

#define SLUICE_LOAD(at) _mm_loadu_si128((const __m128i *)(const void *)(at))
#define SLUICE_STORE(at, block) _mm_storeu_si128((__m128i *)(void *)(at), (block))
#define SLUICE_XOR(one, other) _mm_xor_si128((one), (other))
#define SLUICE_PAIR(low, high) _mm_set_epi64x((long long)(high), (long long)(low))

/* SubWord (FIPS 197 §5.2). */
SLUICE_AES_TARGET static inline uint32_t sluice_sub_word(uint32_t word) {
    return (uint32_t)_mm_cvtsi128_si32(
        _mm_aeskeygenassist_si128(_mm_set1_epi32((int)word), 0));
}

/* The instruction adds its key at the end of a round, so key 0 goes ahead by itself. */
#define SLUICE_FIRST(block, key) _mm_xor_si128((block), (key))
#define SLUICE_MIDDLE(block, key) _mm_aesenc_si128((block), (key))
#define SLUICE_LAST(block, before, last) \
    _mm_aesenclast_si128(_mm_aesenc_si128((block), (before)), (last))

#elif defined(__aarch64__)

#include <arm_neon.h>
#include <sys/auxv.h>

#ifndef HWCAP_AES
#define HWCAP_AES (1 << 3)
#endif

#if defined(__clang__)
#define SLUICE_AES_TARGET __attribute__((target("aes")))
#else
#define SLUICE_AES_TARGET __attribute__((target("+crypto")))
#endif
typedef uint8x16_t sluice_block;

static int sluice_aes_available(void) { return (getauxval(AT_HWCAP) & HWCAP_AES) != 0; }

#define SLUICE_LOAD(at) vld1q_u8((const uint8_t *)(at))
#define SLUICE_STORE(at, block) vst1q_u8((uint8_t *)(at), (block))
#define SLUICE_XOR(one, other) veorq_u8((one), (other))
#define SLUICE_PAIR(low, high) \
    vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(low), vcreate_u64(high)))

/* With one word in all four columns the instruction's ShiftRows changes nothing. */
SLUICE_AES_TARGET static inline uint32_t sluice_sub_word(uint32_t word) {
    uint8x16_t columns = vreinterpretq_u8_u32(vdupq_n_u32(word));
    return vgetq_lane_u32(vreinterpretq_u32_u8(vaeseq_u8(columns, vdupq_n_u8(0))), 0);
}

/* The instruction adds its key at the beginning of a round, so the last key is added by itself. */
#define SLUICE_FIRST(block, key) vaesmcq_u8(vaeseq_u8((block), (key)))
#define SLUICE_MIDDLE(block, key) vaesmcq_u8(vaeseq_u8((block), (key)))
#define SLUICE_LAST(block, before, last) veorq_u8(vaeseq_u8((block), (before)), (last))

#else

#define SLUICE_AES_ABSENT 1
static int sluice_aes_available(void) { return 0; }

#endif

#ifdef SLUICE_AES_ABSENT

static void sluice_aes_expand(sluice_aes *aes, const uint8_t *key) { (void)aes, (void)key; }
static void sluice_aes_ctr(const sluice_aes *aes, const uint8_t *start, const uint8_t *in,
                           uint8_t *out, size_t length, uint64_t *block) {
    (void)aes, (void)start, (void)in, (void)out, (void)length, (void)block;
}
static void sluice_aes_cbc(const sluice_aes *aes, uint8_t *chain, const uint8_t *in, uint8_t *out,
                           size_t blocks, size_t stride) {
    (void)aes, (void)chain, (void)in, (void)out, (void)blocks, (void)stride;
}
static void sluice_aes_chains(const sluice_aes *aes, const sluice_chain *chains, size_t count,
                              size_t stride) {
    (void)aes, (void)chains, (void)count, (void)stride;
}

#else

/* Key expansion (§5.2), words as they lie in memory of a little-endian machine. */
SLUICE_AES_TARGET static void sluice_aes_expand(sluice_aes *aes, const uint8_t *key) {
    uint32_t word, constant = 1;
    int each;
    memcpy(aes->words, key, 16);
    for (each = 4; each < 44; each++) {
        word = aes->words[each - 1];
        if (each % 4 == 0) {
            word = sluice_sub_word(word >> 8 | word << 24) ^ constant;
            constant = constant << 1 ^ (constant & 0x80 ? 0x11b : 0);
        }
        aes->words[each] = aes->words[each - 4] ^ word;
    }
}

#define SLUICE_KEY(aes, number) SLUICE_LOAD((aes)->words + 4 * (number))

SLUICE_AES_TARGET static inline sluice_block sluice_aes_block(const sluice_aes *aes,
                                                              sluice_block block) {
    int round;
    block = SLUICE_FIRST(block, SLUICE_KEY(aes, 0));
    for (round = 1; round <= 8; round++)
        block = SLUICE_MIDDLE(block, SLUICE_KEY(aes, round));
    return SLUICE_LAST(block, SLUICE_KEY(aes, 9), SLUICE_KEY(aes, 10));
}

/* The counter of a block, made in a register: what two stores wrote, no load has back at once. */
SLUICE_AES_TARGET static inline sluice_block sluice_counter(const uint8_t *start, uint64_t number) {
    uint64_t high, low;
    memcpy(&high, start, 8);
    memcpy(&low, start + 8, 8);
    return SLUICE_PAIR(high, __builtin_bswap64(__builtin_bswap64(low) + number));
}

/* Counter mode over `length` bytes, the `*block`th block of the keystream onwards.
 *
 * Only the last eight bytes of the counter count, as Common Encryption has it (ISO/IEC 23001-7
 * §9.2): they wrap without a carry. A part of a block may stand only at the very end.
 */
SLUICE_AES_TARGET static void sluice_aes_ctr(const sluice_aes *aes, const uint8_t *start,
                                             const uint8_t *in, uint8_t *out, size_t length,
                                             uint64_t *block) {
    uint8_t stream[16];
    sluice_block lanes[SLUICE_AES_LANES];
    sluice_block key;
    size_t each;
    int round;
    while (length >= SLUICE_AES_LANES * 16) {
        key = SLUICE_KEY(aes, 0);
        for (each = 0; each < SLUICE_AES_LANES; each++)
            lanes[each] = SLUICE_FIRST(sluice_counter(start, *block + each), key);
        for (round = 1; round <= 8; round++) {
            key = SLUICE_KEY(aes, round);
            for (each = 0; each < SLUICE_AES_LANES; each++)
                lanes[each] = SLUICE_MIDDLE(lanes[each], key);
        }
        for (each = 0; each < SLUICE_AES_LANES; each++) {
            lanes[each] = SLUICE_LAST(lanes[each], SLUICE_KEY(aes, 9), SLUICE_KEY(aes, 10));
            SLUICE_STORE(out + 16 * each, SLUICE_XOR(lanes[each], SLUICE_LOAD(in + 16 * each)));
        }
        *block += SLUICE_AES_LANES;
        in += SLUICE_AES_LANES * 16;
        out += SLUICE_AES_LANES * 16;
        length -= SLUICE_AES_LANES * 16;
    }
    while (length) {
        size_t count = length < 16 ? length : 16;
        SLUICE_STORE(stream, sluice_aes_block(aes, sluice_counter(start, *block)));
        for (each = 0; each < count; each++)
            out[each] = in[each] ^ stream[each];
        *block += 1;
        in += count;
        out += count;
        length -= count;
    }
}

/* Chaining mode over `blocks` blocks, each `stride` bytes behind the one before; `chain` is the
 * initialisation vector, and the last block of ciphertext afterwards. `in` and `out` may be one.
 */
SLUICE_AES_TARGET static void sluice_aes_cbc(const sluice_aes *aes, uint8_t *chain,
                                             const uint8_t *in, uint8_t *out, size_t blocks,
                                             size_t stride) {
    sluice_block last = SLUICE_LOAD(chain);
    while (blocks--) {
        last = sluice_aes_block(aes, SLUICE_XOR(last, SLUICE_LOAD(in)));
        SLUICE_STORE(out, last);
        in += stride;
        out += stride;
    }
    SLUICE_STORE(chain, last);
}

/* Chaining mode in place over several chains, each from its own vector on.
 *
 * A block waits for the one before it in its chain, and meanwhile the processor has time for those
 * of others: as many as there are lanes are on their way at once. Where there are fewer, the other
 * lanes go over a block that nobody wants.
 */
SLUICE_AES_TARGET static void sluice_aes_chains(const sluice_aes *aes, const sluice_chain *chains,
                                                size_t count, size_t stride) {
    sluice_chain at[SLUICE_AES_LANES];
    size_t moves[SLUICE_AES_LANES];
    sluice_block lanes[SLUICE_AES_LANES];
    sluice_block key;
    uint8_t unwanted[16] = {0}, vector[16];
    size_t each, steps, busy, next = 0;
    int round;
    for (each = 0; each < SLUICE_AES_LANES; each++)
        at[each].blocks = 0;
    for (;;) {
        busy = 0;
        steps = (size_t)-1;
        for (each = 0; each < SLUICE_AES_LANES; each++) {
            while (!at[each].blocks && next < count) {
                at[each] = chains[next++];
                lanes[each] = SLUICE_LOAD(at[each].iv);
                moves[each] = stride;
            }
            if (at[each].blocks) {
                busy++;
                steps = at[each].blocks < steps ? at[each].blocks : steps;
            } else {
                at[each].at = unwanted;
                lanes[each] = SLUICE_LOAD(unwanted);
                moves[each] = 0;
            }
        }
        if (busy < 2)
            break;
        for (each = 0; each < SLUICE_AES_LANES; each++)
            at[each].blocks -= at[each].blocks ? steps : 0;
        while (steps--) {
            key = SLUICE_KEY(aes, 0);
            for (each = 0; each < SLUICE_AES_LANES; each++)
                lanes[each] =
                    SLUICE_FIRST(SLUICE_XOR(lanes[each], SLUICE_LOAD(at[each].at)), key);
            for (round = 1; round <= 8; round++) {
                key = SLUICE_KEY(aes, round);
                for (each = 0; each < SLUICE_AES_LANES; each++)
                    lanes[each] = SLUICE_MIDDLE(lanes[each], key);
            }
            for (each = 0; each < SLUICE_AES_LANES; each++) {
                lanes[each] = SLUICE_LAST(lanes[each], SLUICE_KEY(aes, 9), SLUICE_KEY(aes, 10));
                SLUICE_STORE(at[each].at, lanes[each]);
                at[each].at += moves[each];
            }
        }
    }
    for (each = 0; each < SLUICE_AES_LANES; each++) {
        if (at[each].blocks) {
            SLUICE_STORE(vector, lanes[each]);
            sluice_aes_cbc(aes, vector, at[each].at, at[each].at, at[each].blocks, stride);
        }
    }
}

#endif

/* Forget a key in a way that no compiler leaves out. */
static void sluice_aes_forget(sluice_aes *aes) {
    volatile uint32_t *word = aes->words;
    int each;
    for (each = 0; each < 44; each++)
        word[each] = 0;
}

#endif
