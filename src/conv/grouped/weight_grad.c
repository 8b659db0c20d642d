/* Weight gradient of grouped convolution: for each channel of the groups in
 * turn, that channel is replicated under all filters of a vector, and the
 * weight gradient is a depthwise one. */
#include "conv/filter_grad.h"
#include "conv/grouped/grouped.h"
#include "conv/grouped/replicate.h"

/* Each worker has memory for a padded copy of one replicated channel and for
 * the vectors of dy of as many outputs. */
typedef struct plan {
    fv__replicated replicated;
    fv__filter_grad grad;
    size_t copy_bytes; /* of the padded copy, in whole cache lines */
    const void *x, *dy;
} plan;

static plan plan_of(fv__conv_target target, const fv__geometry *g)
{
    const fv__subconv s = fv__subconv_of(g, FV__FORWARD, 0);
    const int64_t rows = fv__min(fv__conv_sizes_of(g).lines, s.out[0]);
    plan p = { .replicated =
                   fv__replicated_of(target.kernels, &s, 1, 1, rows) };
    const fv__replicated *r = &p.replicated;
    const size_t dy = fv__align(
        (size_t)(r->outputs[0] * r->outputs[1] * r->lanes) * r->element);
    size_t bytes;

    p.copy_bytes = fv__align(r->bytes);
    if (r->bytes > SIZE_MAX - 64 || !fv__add(p.copy_bytes, dy, &bytes))
        bytes = SIZE_MAX;
    p.grad = fv__filter_grad_of(target.kernels, g, r->lanes, (size_t)r->lanes,
                                bytes);
    return p;
}

/* A vector of dy for each pixel of a block of outputs. */
static void copy_dy(const plan *p, const fv__filter_grad_item *item,
                    fv__pixel first, int64_t rows, int64_t columns, void *to)
{
    const fv__replicated *r = &p->replicated;
    const fv__subconv *s = &r->subconv;

    for (int64_t i = 0; i < rows; i++) {
        const int64_t from = first.image * s->out_image
                             + (first.row + i) * s->out_row
                             + first.column * s->out_pixel;
        const size_t at = (size_t)(i * columns * r->lanes);

        /* filter i reads channel i */
        r->kernels->replicate(
            &(fv__replicate){ .channels = 1,
                              .filters = 1,
                              .channel_count = 1,
                              .filter = (size_t)item->filter,
                              .filter_count = (size_t)item->filters,
                              .pixels = (size_t)columns,
                              .x = fv__at(p->dy, from, r->element),
                              .x_stride = s->out_pixel,
                              .out = fv__slot(to, (ptrdiff_t)at, r->element) });
    }
}

/* The sums over one block of outputs. */
static void add_block(const fv__filter_grad_item *item, fv__pixel first,
                      int64_t rows, int64_t columns, bool fresh, void *sums)
{
    const plan *p = item->argument;
    const fv__replicated *r = &p->replicated;
    const fv__subconv *s = &r->subconv;
    const int64_t lanes = r->lanes, tap = s->channels * lanes;
    void *copy = item->scratch, *dy = (char *)copy + p->copy_bytes;
    fv__replicated_block block = { item->filter / lanes, 0, first, columns };
    fv__depthwise_grad d = { .channels = (size_t)lanes,
                             .x = copy,
                             .dy = dy,
                             .dbias = item->bias,
                             .fresh = fresh };

    for (int i = 0; i < 2; i++) {
        int64_t low, high;

        fv__replicated_inside(r, &block, i, &low, &high);
        high = fv__min(high, i ? r->row / lanes : r->rows);
        d.axis[i] = (fv__window){ .outputs = i ? columns : rows,
                                  .taps = s->taps[i],
                                  .stride = r->stride[i],
                                  .step = r->step[i],
                                  .low = low,
                                  .high = high,
                                  .x_stride = i ? lanes : r->row,
                                  .y_stride = i ? lanes : columns * lanes,
                                  .weight_stride = i ? tap : s->taps[1] * tap };
    }
    copy_dy(p, item, first, rows, columns, dy);
    for (; block.channel < s->channels; block.channel++) {
        fv__replicated_fill(r, &block, 0, fv__replicated_rows(r, rows), p->x,
                            copy);
        d.dweight = fv__slot(sums, block.channel * lanes, r->element);
        r->kernels->depthwise_grad(&d);
        d.dbias = NULL; /* the sum of dy is the same for every channel */
    }
}

static void add(const fv__filter_grad_item *item, fv__pixel first, int64_t rows,
                int64_t columns, bool fresh, void *sums)
{
    const plan *p = item->argument;
    const int64_t *most = p->replicated.outputs;

    for (int64_t i = 0; i < rows; i += most[0])
        for (int64_t j = 0; j < columns; j += most[1])
            add_block(
                item,
                (fv__pixel){ first.image, first.row + i, first.column + j },
                fv__min(most[0], rows - i), fv__min(most[1], columns - j),
                fresh && i == 0 && j == 0, sums);
}

void fv__grouped_weight_grad_run(const fv__conv_call *call)
{
    plan p = plan_of(fv__conv_target_of(call->context), call->geometry);

    p.x = call->x;
    p.dy = call->dy;
    fv__filter_grad_run(&p.grad, call, add, &p);
}

size_t fv__grouped_weight_grad_scratch(fv__conv_target target,
                                       const fv__geometry *g)
{
    const plan p = plan_of(target, g);

    return fv__filter_grad_scratch(target, &p.grad);
}

double fv__grouped_weight_grad_cost(const fv__geometry *g)
{
    const fv__conv_sizes sizes = fv__conv_sizes_of(g);
    const fv__subconv s = fv__subconv_of(g, FV__FORWARD, 0);
    const double calls = (double)(fv__divide_up(g->filters, FV__COST_LANES)
                                  * s.channels * sizes.blocks);

    return (s.step[1] == 1 ? fv__costs.grouped_grad_dense
                           : fv__costs.grouped_grad_dilated)
               * fv__grouped_channels_last_cost_of(&s)
           + fv__costs.grouped_grad_call * calls;
}
