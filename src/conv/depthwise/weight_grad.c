/* Weight gradient of depthwise convolution. */
#include "conv/depthwise/depthwise.h"
#include "conv/filter_grad.h"

/* Items of a call, at least, where there are enough channels: tuned by
 * measurement. They do not change the sums. */
enum { ITEMS = 4 };

static fv__filter_grad plan(fv__conv_target target, const fv__geometry *g)
{
    const int64_t parts = fv__conv_sizes_of(g).parts;
    const int64_t channels = fv__depthwise_block(g->channels, ITEMS / parts);
    const size_t element = fv__element(target.kernels);
    const size_t row =
        fv__align((size_t)fv__min(channels, g->channels) * element) / element;

    return fv__filter_grad_of(target.kernels, g, channels, row, 0);
}

typedef struct operands {
    const fv__conv_call *call;
    size_t row; /* elements between the sums of two taps */
    bool uncached;
} operands;

static void add(const fv__filter_grad_item *item, fv__pixel first, int64_t rows,
                int64_t columns, bool fresh, void *sums)
{
    const operands *o = item->argument;
    const fv__geometry *g = o->call->geometry;
    const size_t element = fv__element(o->call->context->kernels);
    const int64_t origin[] = { first.row, first.column };
    const int64_t outputs[] = { rows, columns };
    const int64_t x_stride[] = { g->in[1] * g->channels, g->channels };
    const int64_t y_stride[] = { g->out[1] * g->channels, g->channels };
    const int64_t weight_stride[] = { g->kernel[1] * (int64_t)o->row,
                                      (int64_t)o->row };
    int64_t x = first.image * g->in[0] * x_stride[0] + item->filter;
    int64_t dy = first.image * g->out[0] * y_stride[0] + item->filter;
    fv__depthwise_grad d = { .channels = (size_t)item->filters,
                             .dweight = sums,
                             .dbias = item->bias,
                             .fresh = fresh,
                             .uncached = o->uncached };

    for (int i = 0; i < 2; i++) {
        const int64_t low = g->begin[i] - origin[i] * g->stride[i];

        d.axis[i] = (fv__window){ .outputs = outputs[i],
                                  .taps = g->kernel[i],
                                  .stride = g->stride[i],
                                  .step = g->dilation[i],
                                  .low = low,
                                  .high = low + g->in[i],
                                  .x_stride = x_stride[i],
                                  .y_stride = y_stride[i],
                                  .weight_stride = weight_stride[i] };
        x -= low * x_stride[i];
        dy += origin[i] * y_stride[i];
    }
    d.x = fv__at(o->call->x, x, element);
    d.dy = fv__at(o->call->dy, dy, element);
    o->call->context->kernels->depthwise_grad(&d);
}

void fv__depthwise_weight_grad_run(const fv__conv_call *call)
{
    fv__filter_grad grad =
        plan(fv__conv_target_of(call->context), call->geometry);
    const operands o = { .call = call,
                         .row = grad.row,
                         .uncached = fv__conv_reads_uncached(
                             call->context, call->geometry,
                             FV__BACKWARD_WEIGHTS) };

    fv__filter_grad_run(&grad, call, add, &o);
}

size_t fv__depthwise_weight_grad_scratch(fv__conv_target target,
                                         const fv__geometry *g)
{
    const fv__filter_grad grad = plan(target, g);

    return fv__filter_grad_scratch(target, &grad);
}
