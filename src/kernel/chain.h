/* Where long sums are cut. A sum of products is a chain of fma from zero. Its
 * relative error grows with its length, so a long chain is cut into blocks:
 * each block is a chain from zero, and the sums of the blocks are added in
 * order. Where the cuts lie depends on the shape of the chain alone, so that
 * every algorithm, table and thread makes the same sum. */
#ifndef FV_KERNEL_CHAIN_H
#define FV_KERNEL_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

/* Terms of a block: blocks have between half and twice as many. Found by
 * measuring on AVX-512: 3x3 convolutions of 256 and 512 channels take 1 to 2 %
 * longer with 512 terms and no longer with 1024, and sums of 100,000 positive
 * terms have errors of 4e-7, PyTorch's. They decide which bits come out:
 * changing the number changes every trained network. */
enum { FV__BLOCK_TERMS = 1024 };
/* Blocks of a chain, about: more terms make longer blocks. */
enum { FV__MOST_BLOCKS = 16384 };

/* Terms in the order in which they are added: rows, columns, channels. */
typedef struct fv__chain {
    int64_t rows, columns, channels;
} fv__chain;

static inline int64_t fv__chain_terms(fv__chain c)
{
    return c.rows * c.columns * c.channels;
}

/* Whether there is more than one block. */
static inline bool fv__chain_is_cut(fv__chain c)
{
    return fv__chain_terms(c) >= 2 * (int64_t)FV__BLOCK_TERMS;
}

/* Terms of the block that begins at term `at`, where a block begins. Fewer
 * terms than two blocks are one. More are blocks of whole rows, where a row is
 * no longer than a block; else each row is cut alone: as a whole, if it is
 * shorter than two blocks, into blocks of whole columns or, of channels. What
 * is left over lengthens the last block. */
static inline int64_t fv__chain_block(fv__chain c, int64_t at)
{
    const int64_t terms = fv__chain_terms(c);
    const int64_t most = (int64_t)FV__BLOCK_TERMS * FV__MOST_BLOCKS;
    const int64_t block =
        FV__BLOCK_TERMS * (terms > most ? (terms - 1) / most + 1 : 1);
    const int64_t units[] = { c.columns * c.channels, c.channels, 1 };
    int64_t whole = terms;
    if (!fv__chain_is_cut(c)) return terms - at;
    for (int i = 0; i < 3 && whole >= 2 * block; whole = units[i++]) {
        const int64_t each = block / units[i] * units[i];
        at %= whole;
        if (each > 0) return at / each < whole / each - 1 ? each : whole - at;
    }
    return whole - at % whole;
}

#endif
