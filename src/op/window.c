/* What the pooling operators share. */
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
    for (int i = 0; i < 2; i++)
        if (full.stride[i] == 0) full.stride[i] = full.kernel[i];
    return fv_apply(op, &full, 1, &x);
}

fv__geometry fv__pool_geometry(const fv_tensor *x, const fv_pooling *p)
{
    return (fv__geometry){
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
    fv__infer_output(inference, 4, shape);
    return FV_OK;
}

typedef struct images {
    const fv_call *call;
    fv__geometry geometry;
    const fv_tensor *x, *y;
    int32_t *where;
    fv__pool_image *image;
} images;

static void run_image(void *argument, size_t item, size_t worker)
{
    const images *all = argument;
    const fv__geometry *g = &all->geometry;
    const int64_t n = (int64_t)item;
    const int64_t in = g->in[0] * g->in[1] * g->channels;
    const int64_t out = g->out[0] * g->out[1] * g->channels;
    (void)worker;
    all->image(all->call, g, fv__tensor_byte(all->x, n * in),
               fv__tensor_byte(all->y, n * out),
               all->where ? all->where + n * out : NULL);
}

void fv__pool_run(const fv_call *call, const fv_tensor *x, const fv_tensor *y,
                  int32_t *where, fv__pool_image *image)
{
    images all = { .call = call,
                   .geometry = fv__pool_geometry(x, call->attributes),
                   .x = x,
                   .y = y,
                   .where = where,
                   .image = image };
    fv__geometry *g = &all.geometry;
    g->out[0] = y->shape[1];
    g->out[1] = y->shape[2];
    const double taps = (double)g->kernel[0] * (double)g->kernel[1];
    fv__parallel(call->context, (size_t)g->batch,
                 taps * (double)fv_tensor_count(y), run_image, &all);
}
