/* The shape rule and the passes that pooling operators share. */
#include "op/window.h"

fv_variable *fv__pool_apply(const fv_operator *op, fv_variable *x,
                            const fv_pooling *pooling)
{
    if (!x) return NULL;
    if (!pooling) {
        fv_fail(fv_variable_context(x), FV_MISUSE, "%s: no kernel is given",
                op->name);
        return NULL;
    }
    fv_pooling full = *pooling;
    fv__option_axes(2, full.kernel, 0, full.kernel);
    fv__option_axes(2, full.stride, 0, full.kernel);
    return fv_apply(op, &full, 1, &x);
}

/* TensorFlow's and ONNX's rule: as many zeros as give ceil(in / stride). */
static int64_t same_total(const fv__geometry *g, int32_t axis)
{
    int64_t out = fv__divide_up(g->in[axis], g->stride[axis]);
    int64_t span = g->dilation[axis] * (g->kernel[axis] - 1) + 1;
    return fv__max(0, (out - 1) * g->stride[axis] + span - g->in[axis]);
}

void fv__auto_pad(fv_auto_pad mode, fv__geometry *g)
{
    for (int32_t axis = 0; axis < FV__AXES && mode != FV_AUTO_PAD_EXPLICIT;
         axis++) {
        /* invalid values are refused by the geometry check */
        bool sane = g->stride[axis] > 0 && g->kernel[axis] > 0
                    && g->kernel[axis] < INT32_MAX && g->dilation[axis] > 0
                    && g->dilation[axis] < INT32_MAX;
        int64_t total =
            mode == FV_AUTO_PAD_VALID || !sane ? 0 : same_total(g, axis);
        int64_t less = total / 2;
        bool lower = mode == FV_AUTO_PAD_SAME_LOWER;
        g->begin[axis] = lower ? total - less : less;
        g->end[axis] = total - g->begin[axis];
    }
}

fv__geometry fv__pool_geometry(const fv_tensor *x, const fv_pooling *p)
{
    fv__geometry g = {
        .batch = x->shape[0],
        .in = { x->shape[1], x->shape[2] },
        .channels = x->shape[3],
        .filters = x->shape[3],
        .kernel = { p->kernel[0], p->kernel[1] },
        .stride = { p->stride[0], p->stride[1] },
        .dilation = { 1, 1 },
        .begin = { p->padding_begin[0], p->padding_begin[1] },
        .end = { p->padding_end[0], p->padding_end[1] },
        .groups = 1,
    };
    fv__auto_pad(p->auto_pad, &g);
    return g;
}

/* An upper limit of the number of windows that one input pixel lies in, as a
 * chain of rows and columns. */
static fv__chain windows_of(const fv__geometry *g)
{
    int64_t count[2];
    for (int i = 0; i < 2; i++)
        count[i] =
            fv__min(fv__divide_up(g->kernel[i], g->stride[i]), g->out[i]);
    return (fv__chain){ count[0], count[1], 1 };
}

fv_status fv__pool_infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    const fv_tensor *x = inference->inputs[0];
    if (!fv__operand(inference, 0, "input", 4)) return fv_failed(context);
    fv__geometry g = fv__pool_geometry(x, inference->attributes);
    fv_status status = fv__geometry_check(context, inference->name, true, &g);
    if (status != FV_OK) return status;
    const int64_t shape[] = { g.batch, g.out[0], g.out[1], g.channels };
    const int64_t plane[] = { context->threads, g.in[0], g.in[1], g.channels };
    if (fv__chain_is_cut(windows_of(&g)))
        inference->backward_scratch =
            fv__real_bytes(context, fv__product(4, plane));
    fv__infer_output(inference, 4, shape);
    fv__infer_window(inference, &g);
    return FV_OK;
}

typedef struct images {
    const fv_call *call;
    fv__geometry geometry;
    const fv_tensor *x, *y;
    bool backward;
    int64_t blocks; /* blocks of rows of an image */
    fv__pool_image *image;
} images;

/* Runs a block of output rows, as an image whose padding above is smaller
 * (negative, if rows of the input are skipped). */
static void run_block(void *argument, size_t item, size_t worker)
{
    const images *all = argument;
    fv__geometry g = all->geometry;
    const int64_t n = (int64_t)item / all->blocks;
    const int64_t block = (int64_t)item % all->blocks;
    const int64_t rows = fv__divide_up(g.out[0], all->blocks);
    const int64_t first = fv__min(block * rows, g.out[0]);
    const int64_t in = n * g.in[0] * g.in[1] * g.channels;
    const int64_t out = (n * g.out[0] + first) * g.out[1] * g.channels;
    int32_t *where = all->call->saved;
    (void)worker;
    g.out[0] = fv__min(rows, g.out[0] - first);
    g.begin[0] -= first * g.stride[0];
    all->image(all->call, &g, fv__tensor_byte(all->x, in),
               fv__tensor_byte(all->y, out), where ? where + out : NULL);
}

/* The gradient of image n where an input pixel lies in many windows: chunks of
 * windows add to a plane of their own, and the planes are summed. */
static void run_chunked(void *argument, size_t n, size_t worker)
{
    const images *all = argument;
    const fv__kernels *kernels = all->call->context->kernels;
    const fv__geometry *whole = &all->geometry;
    const fv__chain windows = windows_of(whole);
    const int64_t block = fv__chain_block(windows, 0), *out = whole->out;
    const int64_t rows = fv__max(block / windows.columns, 1);
    const int64_t columns = block < windows.columns ? block : out[1];
    const int64_t plane = whole->in[0] * whole->in[1] * whole->channels;
    int32_t *where = all->call->saved;
    void *dx = fv__tensor_byte(all->x, (int64_t)n * plane);
    void *sum = fv__number_at(all->call->context, all->call->scratch,
                              (int64_t)worker * plane);
    fv_call chunk = *all->call;
    chunk.fresh |= 1; /* the chunk overwrites the plane */
    if (fv__accumulation_of(all->call, 0) == FV__STORE)
        kernels->fill((size_t)plane, 0, dx);
    for (int64_t i = 0; i < out[0]; i += rows)
        for (int64_t j = 0; j < out[1]; j += columns) {
            const int64_t at =
                (((int64_t)n * out[0] + i) * out[1] + j) * whole->channels;
            fv__geometry g = *whole;
            g.out[0] = fv__min(rows, out[0] - i);
            g.out[1] = fv__min(columns, out[1] - j);
            g.begin[0] -= i * g.stride[0];
            g.begin[1] -= j * g.stride[1];
            all->image(&chunk, &g, sum, fv__tensor_byte(all->y, at),
                       where ? where + at : NULL);
            kernels->axpy((size_t)plane, 1, sum, dx);
        }
}

static void run(const fv_call *call, images all)
{
    fv__geometry *g = &all.geometry;
    *g = fv__pool_geometry(all.x, call->attributes);
    g->out[0] = all.y->shape[1];
    g->out[1] = all.y->shape[2];
    all.call = call;
    const double taps = (double)g->kernel[0] * (double)g->kernel[1];
    const bool chunked = all.backward && fv__chain_is_cut(windows_of(g));
    fv__parallel(call->context, (size_t)(g->batch * all.blocks),
                 taps * (double)fv_tensor_count(all.y),
                 chunked ? run_chunked : run_block, &all);
}

void fv__pool_forward(const fv_call *call, fv__pool_image *image)
{
    const fv_tensor *x = call->inputs[0];
    run(call, (images){ .x = x,
                        .y = call->outputs[0],
                        .blocks = fv__divide_up(FV__FEW_ITEMS,
                                                fv__max(x->shape[0], 1)),
                        .image = image });
}

void fv__pool_backward(const fv_call *call, fv__pool_image *image)
{
    run(call, (images){ .x = call->input_grads[0],
                        .y = call->output_grads[0],
                        .backward = true,
                        .blocks = 1,
                        .image = image });
}

/* ---- layers -------------------------------------------------------------- */

fv_status fv__pool_declare(fv_layer *layer, int32_t count,
                           const fv_shape inputs[])
{
    (void)count;
    return fv__layer_expect_image(layer, &inputs[0]);
}

fv_pooling fv__layer_pooling(const fv_layer *layer)
{
    const fv_pool_options *o = layer->options;
    return (fv_pooling){
        .kernel = { o->kernel[0], o->kernel[1] },
        .stride = { o->stride[0], o->stride[1] },
        .padding_begin = { o->padding_begin[0], o->padding_begin[1] },
        .padding_end = { o->padding_end[0], o->padding_end[1] },
        .count_padding = o->count_padding != 0,
        .auto_pad = o->auto_pad,
    };
}
