/* The functions that write nodes, a family of operators in each file. */
#ifndef FV_EXPORT_EMITTERS_H
#define FV_EXPORT_EMITTERS_H

#include "export/export.h"

typedef void fv__write_node(fv__export *e, const fv__node *node);
typedef const char *fv__lacks_node(const fv__node *node);
typedef int64_t fv__scratch_node(const fv__node *node);

/* convolution.c */
fv__write_node fv__write_conv, fv__write_linear;
fv__scratch_node fv__scratch_conv;
/* recurrent.c */
fv__write_node fv__write_recurrent;
fv__lacks_node fv__lacks_recurrent;
fv__scratch_node fv__scratch_recurrent;
/* product.c */
fv__write_node fv__write_matmul;
/* transposed.c */
fv__write_node fv__write_transposed;
fv__scratch_node fv__scratch_transposed;
/* elementwise.c */
fv__write_node fv__write_unary, fv__write_binary, fv__write_div_number;
fv__lacks_node fv__lacks_unary;
/* y = f(x), for `count` numbers; both may be the same place. */
void fv__write_each(fv__export *e, fv__unary f, int64_t count, const char *from,
                    const char *to, double p, double q);
/* y = x / divisor, the same. */
void fv__write_quotient(fv__export *e, int64_t count, const char *from,
                        const char *to, double divisor);
/* pool.c */
fv__write_node fv__write_maxpool, fv__write_avgpool,
    fv__write_global_average_pool;
fv__write_node fv__write_adaptive_avgpool, fv__write_adaptive_maxpool;
fv__lacks_node fv__lacks_avgpool, fv__lacks_adaptive_avgpool;
/* Declares the pool `p`. */
void fv__write_pool_constant(fv__export *e, const fv__geometry *g,
                             int64_t divisor);
/* normalise.c */
fv__write_node fv__write_batchnorm, fv__write_rownorm, fv__write_rows;
fv__write_node fv__write_groupnorm, fv__write_lrn;
fv__lacks_node fv__lacks_batchnorm, fv__lacks_groupnorm;
fv__scratch_node fv__scratch_groupnorm, fv__scratch_lrn;
/* reduce.c */
fv__write_node fv__write_sum_of, fv__write_extreme;
fv__lacks_node fv__lacks_reduction, fv__lacks_sum;
/* resize.c */
fv__write_node fv__write_resize;
fv__lacks_node fv__lacks_resize;
fv__scratch_node fv__scratch_resize;
/* move.c */
fv__write_node fv__write_same, fv__write_moved;
fv__lacks_node fv__lacks_moved;
fv__scratch_node fv__scratch_moved;

#endif
