/* What holds for operators on the rows of the last axis. */
#ifndef FV_TESTS_OP_ROWS_H
#define FV_TESTS_OP_ROWS_H

#include "operands.h"

typedef fv_variable *rows_apply(const void *user, fv_variable *const at[]);

/* Gradients on tensors of any rank, in double and in single precision. */
static inline void check_row_gradients(rows_apply *apply)
{
    for (uint64_t seed = 0; seed < 60; seed++) {
        const int32_t rank = (int32_t)pick(seed, 9, 1, 4);
        subject s = { .apply = apply, .seed = seed, .count = 1 };
        s.operands[0] = (operand){ rank, { 0 }, -3, 3, 0 };
        for (int i = 0; i < rank; i++)
            s.operands[0].shape[i] = pick(seed, i, 1, 4);
        assert_gradients(&s);
        assert_single(&s, 1e-6);
    }
}

/* The same bits on every table and number of threads, for narrow and wide rows,
 * and for a row alone. */
static inline void check_row_bits(rows_apply *apply)
{
    const int64_t widths[] = { 1, 7, 130, 5000 };
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        const subject s = { .apply = apply,
                            .seed = i,
                            .count = 1,
                            .operands = {
                                { 2,
                                  { 20000 / (widths[i] + 10), widths[i] },
                                  -9,
                                  9,
                                  0 } } };
        assert_same_bits(&s);
        assert_alone(&s, FV_F32, 2);
        assert_alone(&s, FV_F64, 1);
    }
}

#endif
