/* The shape rule and the passes that pooling operators share. */
#include "op/pool/window.h"

fv_status fv__pool_complete(fv_context *context, const char *name,
                            const fv_pooling *pooling, fv_pooling *full)
{
    static const int64_t ones[FV__AXES] = { 1, 1, 1 };
    if (!pooling)
        return fv_fail(context, FV_MISUSE, "%s: no kernel is given", name);
    if (pooling->auto_pad == FV_AUTO_PAD_CAUSAL)
        return fv_fail(context, FV_MISUSE,
                       "%s: causal padding is for convolutions", name);
    *full = *pooling;
    fv__option_axes(FV__AXES, full->kernel, 0, full->kernel);
    fv__option_axes(FV__AXES, full->stride, 0, full->kernel);
    fv__option_axes(FV__AXES, full->dilation, 0, ones);
    return FV_OK;
}

fv_variable *fv__pool_apply(const fv_operator *op, fv_variable *x,
                            const fv_pooling *pooling)
{
    fv_pooling full;
    if (!x
        || fv__pool_complete(fv_variable_context(x), op->name, pooling, &full)
               != FV_OK)
        return NULL;
    return fv_apply(op, &full, 1, &x);
}

bool fv__operand_images(const fv_inference *inference)
{
    const fv_tensor *x = inference->inputs[0];
    if (!fv__operand(inference, 0, "input", -1)) return false;
    if (x->rank >= 3 && x->rank <= FV__AXES + 2) return true;
    fv_fail(inference->context, FV_MISUSE,
            "%s: input %s has rank %d, expected 3 to 5", inference->name,
            FV__SHAPE(x), x->rank);
    return false;
}

void fv__infer_images(fv_inference *inference, const fv__geometry *g)
{
    const int32_t rank = inference->inputs[0]->rank;
    int64_t shape[FV_MAX_RANK];
    fv__convolution_shape(rank - 2, g->batch, g->out, g->channels, shape);
    fv__infer_output(inference, rank, shape);
}

fv__geometry fv__image_geometry(const fv_tensor *x)
{
    const int32_t axes = x->rank - 2;
    fv__geometry g = {
        .batch = x->shape[0],
        .in = { 1, 1, 1 },
        .channels = x->shape[1 + axes],
        .filters = x->shape[1 + axes],
        .kernel = { 1, 1, 1 },
        .stride = { 1, 1, 1 },
        .dilation = { 1, 1, 1 },
        .groups = 1,
    };
    for (int32_t i = 0; i < axes; i++)
        g.in[fv__axis_of(axes, i)] = x->shape[1 + i];
    return g;
}

fv__geometry fv__pool_geometry(const fv_tensor *x, const fv_pooling *p)
{
    const int32_t axes = x->rank - 2;
    fv__geometry g = fv__image_geometry(x);
    g.ceil_mode = p->ceil_mode != 0;
    for (int32_t i = 0; i < axes; i++) {
        const int32_t axis = fv__axis_of(axes, i);
        g.kernel[axis] = p->kernel[i];
        g.stride[axis] = p->stride[i];
        g.dilation[axis] = p->dilation[i];
        g.begin[axis] = p->padding_begin[i];
        g.end[axis] = p->padding_end[i];
    }
    fv__auto_pad(p->auto_pad, &g);
    return g;
}

/* An upper limit of the number of windows that one input pixel lies in, along
 * an axis. */
static int64_t windows_along(const fv__geometry *g, int32_t axis)
{
    const int64_t stride = fv__max(g->stride[axis], 1);
    return fv__min(fv__divide_up(g->kernel[axis], stride), g->out[axis]);
}

/* The same, as a chain of rows of all depths and of columns. */
static fv__chain windows_of(const fv__geometry *g)
{
    const int64_t rows[] = { windows_along(g, FV__DEPTH),
                             windows_along(g, FV__ROWS) };
    return (fv__chain){ fv__saturated_product(2, rows),
                        windows_along(g, FV__COLUMNS), 1 };
}

static int64_t pixels_of(const int64_t extents[FV__AXES])
{
    return fv__product(FV__AXES, extents);
}

fv_status fv__pool_infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    const fv_tensor *x = inference->inputs[0];
    if (!fv__operand_images(inference)) return fv_failed(context);
    fv__geometry g = fv__pool_geometry(x, inference->attributes);
    fv_status status = fv__geometry_check(context, inference->name, true, &g);
    if (status != FV_OK) return status;
    const int64_t images[] = { context->threads, pixels_of(g.in), g.channels };
    if (fv__chain_is_cut(windows_of(&g)))
        inference->backward_scratch =
            fv__real_bytes(context, fv__product(3, images));
    fv__infer_images(inference, &g);
    fv__infer_window(inference, &g);
    return FV_OK;
}

fv_status fv__pool_positions(fv_inference *inference)
{
    const fv_tensor *x = inference->inputs[0], *y = &inference->outputs[0];
    const fv__geometry g = fv__image_geometry(x);
    char text[FV__EXTENTS_TEXT];
    const int64_t pixels = pixels_of(g.in);
    if (pixels < 0 || pixels > INT32_MAX)
        return fv_fail(inference->context, FV_LIMIT,
                       "%s: input %s has a plane of over %d elements",
                       inference->name, fv__name_extents(&g, g.in, text),
                       INT32_MAX);
    const size_t count = (size_t)fv__product(y->rank, y->shape);
    inference->saved = fv__bytes_times(count, sizeof(int32_t));
    return FV_OK;
}

typedef struct images {
    const fv_call *call;
    fv__geometry geometry;
    const fv_tensor *x, *y;
    bool backward;
    int64_t blocks; /* blocks of an image, along the first axis of the output
                       that has several windows */
    int32_t *where;
    fv__pool_image *image;
} images;

/* Leaves `count` windows of an axis, from `first` on, as an image whose padding
 * before them is smaller (negative, if pixels of the input are skipped). */
static void take(fv__geometry *g, int32_t axis, int64_t first, int64_t count)
{
    g->begin[axis] -= first * g->stride[axis];
    g->out[axis] = fv__min(count, g->out[axis] - first);
}

/* Runs a block of windows. */
static void run_block(void *argument, size_t item, size_t worker)
{
    const images *all = argument;
    fv__geometry g = all->geometry;
    const int32_t axis = g.out[FV__DEPTH] > 1  ? FV__DEPTH
                         : g.out[FV__ROWS] > 1 ? FV__ROWS
                                               : FV__COLUMNS;
    const int64_t n = (int64_t)item / all->blocks;
    const int64_t block = (int64_t)item % all->blocks;
    const int64_t each = fv__divide_up(g.out[axis], all->blocks);
    const int64_t first = fv__min(block * each, g.out[axis]);
    const int64_t windows = pixels_of(g.out);
    const int64_t in = n * pixels_of(g.in) * g.channels;
    const int64_t out =
        (n * windows + first * (windows / g.out[axis])) * g.channels;
    (void)worker;
    take(&g, axis, first, each);
    all->image(all->call, &g, fv__tensor_byte(all->x, in),
               fv__tensor_byte(all->y, out),
               all->where ? all->where + out : NULL);
}

/* The windows of a chunk, such that a pixel lies in as many of them as a block
 * of a chain has terms. */
static void chunk_of(const fv__geometry *g, int64_t windows[FV__AXES])
{
    const fv__chain chain = windows_of(g);
    const int64_t block = fv__chain_block(chain, 0);
    const int64_t rows = block / chain.columns;
    const int64_t along = windows_along(g, FV__ROWS);
    windows[FV__COLUMNS] = block < chain.columns ? block : g->out[FV__COLUMNS];
    windows[FV__ROWS] = rows < along ? fv__max(rows, 1) : g->out[FV__ROWS];
    windows[FV__DEPTH] = fv__max(rows / along, 1);
}

/* The gradient of image n where an input pixel lies in many windows: chunks of
 * windows add to an image of their own, and the images are summed. */
static void run_chunked(void *argument, size_t n, size_t worker)
{
    const images *all = argument;
    const fv__kernels *kernels = all->call->context->kernels;
    const fv__geometry *whole = &all->geometry;
    const int64_t *out = whole->out, c = whole->channels;
    const int64_t in = pixels_of(whole->in) * c;
    void *dx = fv__tensor_byte(all->x, (int64_t)n * in);
    void *sum = fv__number_at(all->call->context, all->call->scratch,
                              (int64_t)worker * in);
    fv_call chunk = *all->call;
    int64_t windows[FV__AXES], at = (int64_t)n * pixels_of(out) * c;
    chunk_of(whole, windows);
    chunk.fresh |= 1; /* the chunk overwrites the image */
    if (fv__accumulation_of(all->call, 0) == FV__STORE)
        kernels->fill((size_t)in, 0, dx);
    for (int64_t q = 0; q < out[FV__DEPTH]; q += windows[FV__DEPTH])
        for (int64_t r = 0; r < out[FV__ROWS]; r += windows[FV__ROWS])
            for (int64_t s = 0; s < out[FV__COLUMNS];
                 s += windows[FV__COLUMNS]) {
                fv__geometry g = *whole;
                take(&g, FV__DEPTH, q, windows[FV__DEPTH]);
                take(&g, FV__ROWS, r, windows[FV__ROWS]);
                take(&g, FV__COLUMNS, s, windows[FV__COLUMNS]);
                all->image(&chunk, &g, sum, fv__tensor_byte(all->y, at),
                           all->where ? all->where + at : NULL);
                kernels->axpy((size_t)in, 1, sum, dx);
                at += pixels_of(g.out) * c;
            }
}

static void run(const fv_call *call, images all)
{
    fv__geometry *g = &all.geometry;
    *g = fv__pool_geometry(all.x, call->attributes);
    const int32_t axes = all.y->rank - 2;
    for (int32_t axis = 0; axis < FV__AXES; axis++) g->out[axis] = 1;
    for (int32_t i = 0; i < axes; i++)
        g->out[fv__axis_of(axes, i)] = all.y->shape[1 + i];
    all.call = call;
    const double taps = (double)pixels_of(g->kernel);
    const bool chunked = all.backward && fv__chain_is_cut(windows_of(g));
    fv__parallel(call->context, (size_t)(g->batch * all.blocks),
                 taps * (double)fv_tensor_count(all.y),
                 chunked ? run_chunked : run_block, &all);
}

void fv__pool_forward_to(const fv_call *call, fv__pool_image *image,
                         int32_t *where)
{
    const fv_tensor *x = call->inputs[0];
    run(call, (images){ .x = x,
                        .y = call->outputs[0],
                        .blocks = fv__divide_up(FV__FEW_ITEMS,
                                                fv__max(x->shape[0], 1)),
                        .where = where,
                        .image = image });
}

void fv__pool_forward(const fv_call *call, fv__pool_image *image)
{
    fv__pool_forward_to(call, image, call->saved);
}

void fv__pool_backward(const fv_call *call, fv__pool_image *image)
{
    run(call, (images){ .x = call->input_grads[0],
                        .y = call->output_grads[0],
                        .backward = true,
                        .blocks = 1,
                        .where = call->saved,
                        .image = image });
}

void fv__mean_image(const fv_call *call, const fv__geometry *g, void *x,
                    void *y, int32_t *where)
{
    (void)where;
    call->context->kernels->avgpool(g, FV__TAPS_INSIDE, x, y);
}

void fv__mean_image_grad(const fv_call *call, const fv__geometry *g, void *dx,
                         void *dy, int32_t *where)
{
    (void)where;
    call->context->kernels->avgpool_grad(g, FV__TAPS_INSIDE, dy, dx,
                                         fv__accumulation_of(call, 0));
}

/* ---- layers -------------------------------------------------------------- */

fv_status fv__pool_declare(fv_layer *layer, int32_t count,
                           const fv_shape inputs[])
{
    const int32_t axes = fv__field_axes(layer->type->fields);
    (void)count;
    return fv__layer_expect_axes(layer, &inputs[0], axes);
}

fv_status fv__image_declare(fv_layer *layer, int32_t count,
                            const fv_shape inputs[])
{
    const int32_t axes = inputs[0].rank - 1;
    (void)count;
    return fv__layer_expect_axes(layer, &inputs[0],
                                 axes < 1 || axes > FV__AXES ? 2 : axes);
}

fv_pooling fv__layer_pooling(const fv_layer *layer)
{
    const fv_pool_options *o = layer->options;
    fv_pooling pooling = {
        .divisor = o->divisor,
        .exclude_padding = o->exclude_padding != 0,
        .ceil_mode = o->ceil_mode != 0,
        .auto_pad = o->auto_pad,
    };
    for (int32_t i = 0; i < FV__AXES; i++) {
        pooling.kernel[i] = o->kernel[i];
        pooling.stride[i] = o->stride[i];
        pooling.dilation[i] = o->dilation[i];
        pooling.padding_begin[i] = o->padding_begin[i];
        pooling.padding_end[i] = o->padding_end[i];
    }
    return pooling;
}
