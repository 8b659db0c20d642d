/* The plan of a direct weight gradient: how its work is divided, and what is
 * copied. */
#ifndef FV_CONV_DIRECT_WEIGHT_GRAD_H
#define FV_CONV_DIRECT_WEIGHT_GRAD_H

#include "conv/direct/direct.h"

typedef struct fv__direct_weight_grad_plan {
    fv__subconv subconv; /* the forward pass */
    fv__padded_rows padded;
    fv__partials parts;
    size_t element;       /* bytes */
    int64_t runs, run;    /* runs of a filter; weights of a run */
    int64_t filter_block; /* filters of a filter block, but for the last */
    int64_t splits;       /* even splits of the panels, or of the filters */
    bool split_filters;
    fv__direct_weight_grad_form form;
    bool skips_planes; /* taps are left out where their plane is outside the
                          image */
    bool one_segment;  /* lines of a block are contiguous in x and in dy */
    bool pack_columns; /* each panel is packed before its tiles */
    size_t dy_pixel;   /* elements of a pixel of a copy of dy; 0: in place */
    /* Bytes of a thread's scratch: padded rows of x, dy, line offsets, a packed
     * panel; and all of these with the sums in another order. */
    size_t padded_bytes, dy_bytes, line_bytes, column_bytes, thread_bytes;
    const fv__conv_call *call;
} fv__direct_weight_grad_plan;

/* Without a call. */
fv__direct_weight_grad_plan
fv__direct_weight_grad_plan_of(fv__conv_target target,
                               const fv__geometry *geometry);
/* Panels of the columns, each run's weights beginning a panel. */
int64_t fv__direct_weight_grad_panels(const fv__direct_weight_grad_plan *plan);

#endif
