/* Which operators can be written as C, and by what. */
#include "export/emitters.h"

#include "op/activation/rows.h"
#include "op/conv/conv_transpose.h"
#include "op/norm/groupnorm.h"
#include "op/norm/rownorm.h"
#include "op/recurrent/recurrent.h"

extern const fv_operator fv__op_linear, fv__op_maxpool, fv__op_avgpool,
    fv__op_global_average_pool, fv__op_reshape, fv__op_concat,
    fv__op_channel_shuffle, fv__op_stack, fv__op_permute, fv__op_split,
    fv__op_pixel_shuffle, fv__op_pad, fv__op_pixel_unshuffle, fv__op_slice,
    fv__op_broadcast, fv__op_dropout, fv__op_alpha_dropout,
    fv__op_spatial_dropout, fv__op_gaussian_noise, fv__op_stochastic_depth,
    fv__op_global_max_pool, fv__op_adaptive_maxpool, fv__op_adaptive_avgpool,
    fv__op_matmul, fv__op_resize, fv__op_batchnorm, fv__op_div_number,
    fv__op_lrn, fv__op_sum, fv__op_mean, fv__op_max, fv__op_min;

#define MOVED(name)                                                            \
    {                                                                          \
        .op = &fv__op_##name, .write = fv__write_moved,                        \
        .lacks = fv__lacks_moved, .scratch = fv__scratch_moved                 \
    }

/* In evaluation. */
#define SAME(name)                                                             \
    {                                                                          \
        .op = &fv__op_##name, .write = fv__write_same                          \
    }

static const fv__emitter emitters[] = {
    { .forward = fv__conv_forward,
      .write = fv__write_conv,
      .scratch = fv__scratch_conv },
    { .op = &fv__op_linear, .write = fv__write_linear },
    { .forward = fv__recurrent_forward,
      .write = fv__write_recurrent,
      .lacks = fv__lacks_recurrent,
      .scratch = fv__scratch_recurrent },
    { .op = &fv__op_matmul, .write = fv__write_matmul },
    { .forward = fv__conv_transpose_forward,
      .write = fv__write_transposed,
      .scratch = fv__scratch_transposed },
    { .forward = fv__unary_forward,
      .write = fv__write_unary,
      .lacks = fv__lacks_unary },
    { .forward = fv__binary_forward, .write = fv__write_binary },
    { .op = &fv__op_maxpool, .write = fv__write_maxpool },
    { .op = &fv__op_avgpool,
      .write = fv__write_avgpool,
      .lacks = fv__lacks_avgpool },
    { .op = &fv__op_global_average_pool,
      .write = fv__write_global_average_pool },
    { .op = &fv__op_global_max_pool, .write = fv__write_adaptive_maxpool },
    { .op = &fv__op_adaptive_maxpool, .write = fv__write_adaptive_maxpool },
    { .op = &fv__op_adaptive_avgpool,
      .write = fv__write_adaptive_avgpool,
      .lacks = fv__lacks_adaptive_avgpool },
    { .op = &fv__op_batchnorm,
      .write = fv__write_batchnorm,
      .lacks = fv__lacks_batchnorm },
    { .forward = fv__rownorm_forward, .write = fv__write_rownorm },
    { .forward = fv__rows_forward, .write = fv__write_rows },
    { .forward = fv__groupnorm_forward,
      .write = fv__write_groupnorm,
      .lacks = fv__lacks_groupnorm,
      .scratch = fv__scratch_groupnorm },
    { .op = &fv__op_lrn, .write = fv__write_lrn, .scratch = fv__scratch_lrn },
    { .op = &fv__op_sum, .write = fv__write_sum_of, .lacks = fv__lacks_sum },
    { .op = &fv__op_mean, .write = fv__write_sum_of, .lacks = fv__lacks_sum },
    { .op = &fv__op_max,
      .write = fv__write_extreme,
      .lacks = fv__lacks_reduction },
    { .op = &fv__op_min,
      .write = fv__write_extreme,
      .lacks = fv__lacks_reduction },
    { .op = &fv__op_div_number, .write = fv__write_div_number },
    { .op = &fv__op_resize,
      .write = fv__write_resize,
      .lacks = fv__lacks_resize,
      .scratch = fv__scratch_resize },
    SAME(reshape),
    SAME(dropout),
    SAME(alpha_dropout),
    SAME(spatial_dropout),
    SAME(gaussian_noise),
    SAME(stochastic_depth),
    MOVED(concat),
    MOVED(channel_shuffle),
    MOVED(stack),
    MOVED(permute),
    MOVED(split),
    MOVED(pixel_shuffle),
    MOVED(pixel_unshuffle),
    MOVED(pad),
    MOVED(slice),
    MOVED(broadcast),
};
enum { EMITTERS = sizeof emitters / sizeof emitters[0] };

const fv__emitter *fv__emitter_of(const fv__node *node)
{
    for (int i = 0; i < EMITTERS; i++)
        if (emitters[i].op ? emitters[i].op == node->op
                           : emitters[i].forward == node->op->forward)
            return &emitters[i];
    return NULL;
}
