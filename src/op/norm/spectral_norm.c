/* Spectral normalisation: a weight divided by its largest singular value, which
 * power iteration approximates. */
#include "op/norm/parametrization.h"
#include "op/operand.h"

#include <math.h>
#include <string.h>

/* The singular value is u^T W v with the vectors u, of the rows, and v, of the
 * columns. In training one step of the iteration gives new ones, which are
 * outputs, too. */
enum { WEIGHT, U, V, INPUTS };
enum { Y, NEW_U, NEW_V, OUTPUTS };

/* The least length by which a vector is divided, as in PyTorch. */
static const double least_length = 1e-12;

/* The weight [filters, ...] as a matrix of m rows and n columns. */
typedef struct sizes {
    int64_t m, n;
} sizes;

static sizes sizes_of(const fv_tensor *weight)
{
    return (sizes){ weight->shape[0],
                    fv__product(weight->rank - 1, weight->shape + 1) };
}

/* ---- the shape rule ------------------------------------------------------ */

/* Whether v has the shape of one filter, [1, ...]. */
static bool is_filter(const fv_tensor *v, const fv_tensor *weight)
{
    return v->rank == weight->rank && v->shape[0] == 1
           && !memcmp(v->shape + 1, weight->shape + 1,
                      (size_t)(v->rank - 1) * sizeof *v->shape);
}

static bool shapes_fit(const fv_inference *inference)
{
    fv_context *context = inference->context;
    const fv_tensor *weight = inference->inputs[WEIGHT];
    if (!fv__operand(inference, WEIGHT, "weight", -1)) return false;
    if (weight->rank < 2) {
        fv_fail(context, FV_MISUSE,
                "%s: weight %s has rank 1, expected at least 2",
                inference->name, FV__SHAPE(weight));
        return false;
    }
    const sizes s = sizes_of(weight);
    if (s.m < 1 || s.n < 1) {
        fv_fail(context, FV_MISUSE, "%s: weight %s is empty", inference->name,
                FV__SHAPE(weight));
        return false;
    }
    return fv__operand_vector(inference, U, "u", s.m, "filters")
           && (is_filter(inference->inputs[V], weight)
               || fv__operand_vector(inference, V, "v", s.n,
                                     "weights a filter"));
}

/* What is saved: the singular value, then u and v. */
static size_t saved_bytes(const fv_context *context, sizes s)
{
    return fv__align(sizeof(double))
           + fv__align(fv__real_bytes(context, s.m + s.n));
}

/* The scratch: a product for each row, then what is not saved. */
static size_t products_bytes(sizes s)
{
    return fv__align((size_t)s.m * sizeof(double));
}

static fv_status infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    if (!shapes_fit(inference)) return fv_failed(context);
    const sizes s = sizes_of(inference->inputs[WEIGHT]);
    inference->saved = saved_bytes(context, s);
    inference->backward_scratch = products_bytes(s);
    inference->forward_scratch =
        fv__bytes_sum(inference->saved, products_bytes(s));
    if (inference->training) {
        inference->num_outputs = OUTPUTS;
        inference->outputs[NEW_U] = *inference->inputs[U];
        inference->outputs[NEW_V] = *inference->inputs[V];
    }
    return fv__infer_output(inference, inference->inputs[WEIGHT]->rank,
                            inference->inputs[WEIGHT]->shape);
}

/* ---- products ------------------------------------------------------------ */

typedef struct work {
    fv_context *context;
    const fv__kernels *kernels;
    sizes s;
    const void *weight, *dy;
    const fv_tensor *dx;
    double *products, *sigma;
    void *u, *v;
} work;

static work work_of(const fv_call *call)
{
    unsigned char *scratch = call->scratch;
    work w = { .context = call->context, .kernels = call->context->kernels };
    w.s = sizes_of(call->inputs[WEIGHT]);
    w.weight = call->inputs[WEIGHT]->data;
    w.products = (double *)(void *)scratch;
    unsigned char *saved =
        call->saved ? call->saved : scratch + products_bytes(w.s);
    w.sigma = (double *)(void *)saved;
    w.u = saved + fv__align(sizeof(double));
    w.v = fv__number_at(call->context, w.u, w.s.m);
    return w;
}

static double cost_of(const work *w) { return (double)w->s.m * (double)w->s.n; }

/* Row i of the matrix at `base`. */
static const void *row_of(const work *w, const void *base, int64_t i)
{
    return fv__number_in(w->context, base, i * w->s.n);
}

/* products = W v */
static void row_product(void *argument, size_t item, size_t worker)
{
    const work *w = argument;
    (void)worker;
    w->products[item] = w->kernels->dot(
        (size_t)w->s.n, row_of(w, w->weight, (int64_t)item), w->v);
}

/* Columns of an item of W^T u. */
enum { COLUMNS = 1024 };

/* v = W^T u */
static void column_products(void *argument, size_t item, size_t worker)
{
    const work *w = argument;
    const fv_context *context = w->context;
    const int64_t at = (int64_t)item * COLUMNS;
    const size_t n = (size_t)fv__min(w->s.n - at, COLUMNS);
    void *to = fv__number_at(context, w->v, at);
    (void)worker;
    w->kernels->fill(n, 0, to);
    for (int64_t i = 0; i < w->s.m; i++)
        w->kernels->axpy(n, fv__real_get(context, w->u, i),
                         fv__number_in(context, row_of(w, w->weight, i), at),
                         to);
}

/* ---- forward ------------------------------------------------------------- */

static double inverse_length(double squares)
{
    const double length = sqrt(squares);
    return 1 / (length > least_length ? length : least_length);
}

/* v = W^T u of unit length; products = W v; u = products of unit length */
static void iterate(work *w)
{
    fv_context *context = w->context;
    const sizes s = w->s;
    fv__parallel(context, (size_t)fv__divide_up(s.n, COLUMNS), cost_of(w),
                 column_products, w);
    double scale = inverse_length(w->kernels->dot((size_t)s.n, w->v, w->v));
    for (int64_t j = 0; j < s.n; j++)
        fv__real_set(context, w->v, j, fv__real_get(context, w->v, j) * scale);
    fv__parallel(context, (size_t)s.m, cost_of(w), row_product, w);
    double squares = 0;
    for (int64_t i = 0; i < s.m; i++)
        squares += w->products[i] * w->products[i];
    scale = inverse_length(squares);
    for (int64_t i = 0; i < s.m; i++)
        fv__real_set(context, w->u, i, w->products[i] * scale);
}

fv_status fv__spectral_begin(fv_context *context, const fv_tensor *weight,
                             void *u, void *v)
{
    enum { STEPS = 15 };
    work w = { .context = context,
               .kernels = context->kernels,
               .s = sizes_of(weight),
               .weight = weight->data,
               .u = u,
               .v = v };
    w.products = fv__allocate(context, FV__DATA, products_bytes(w.s));
    for (int i = 0; w.products && i < STEPS; i++) iterate(&w);
    fv__release(context, w.products);
    return fv_failed(context);
}

static void forward(const fv_call *call)
{
    fv_context *context = call->context;
    work w = work_of(call);
    fv__number memory;
    memcpy(w.u, call->inputs[U]->data, fv__real_bytes(context, w.s.m));
    memcpy(w.v, call->inputs[V]->data, fv__real_bytes(context, w.s.n));
    if (call->training) {
        iterate(&w);
        memcpy(call->outputs[NEW_U]->data, w.u, fv__real_bytes(context, w.s.m));
        memcpy(call->outputs[NEW_V]->data, w.v, fv__real_bytes(context, w.s.n));
    } else {
        fv__parallel(context, (size_t)w.s.m, cost_of(&w), row_product, &w);
    }
    *w.sigma = 0;
    for (int64_t i = 0; i < w.s.m; i++)
        *w.sigma += fv__real_get(context, w.u, i) * w.products[i];
    const fv_tensor sigma = fv__scalar(context, *w.sigma, &memory);
    fv__binary_all(context, FV__DIV, call->inputs[WEIGHT], &sigma,
                   call->outputs[Y]);
}

/* ---- backward ------------------------------------------------------------ */

static void grad_product(void *argument, size_t item, size_t worker)
{
    const work *w = argument;
    const int64_t i = (int64_t)item;
    (void)worker;
    w->products[item] = w->kernels->dot((size_t)w->s.n, row_of(w, w->weight, i),
                                        row_of(w, w->dy, i));
}

/* Adds row i of dy / sigma + products[0] u v^T. */
static void grad_row(void *argument, size_t item, size_t worker)
{
    const work *w = argument;
    const int64_t i = (int64_t)item;
    const size_t n = (size_t)w->s.n;
    void *dx = fv__tensor_byte(w->dx, i * w->s.n);
    (void)worker;
    w->kernels->axpy(n, 1 / *w->sigma, row_of(w, w->dy, i), dx);
    w->kernels->axpy(n, w->products[0] * fv__real_get(w->context, w->u, i),
                     w->v, dx);
}

/* With u and v as constants: dW += dy / sigma - <dy, W> / sigma^2 u v^T */
static void backward(const fv_call *call)
{
    fv_context *context = call->context;
    work w = work_of(call);
    double total = 0;
    w.dx = call->input_grads[WEIGHT];
    w.dy = call->output_grads[Y]->data;
    if (!w.dx) return;
    fv__parallel(context, (size_t)w.s.m, cost_of(&w), grad_product, &w);
    for (int64_t i = 0; i < w.s.m; i++) total += w.products[i];
    w.products[0] = -total / (*w.sigma * *w.sigma);
    fv__parallel(context, (size_t)w.s.m, 2 * cost_of(&w), grad_row, &w);
}

const fv_operator fv__op_spectral_norm = {
    .size = sizeof(fv_operator),
    .name = "spectral_norm",
    .min_inputs = INPUTS,
    .max_inputs = INPUTS,
    .backward_reads = FV_READS_INPUT(WEIGHT),
    .max_outputs = OUTPUTS,
    .without_gradient = 1u << NEW_U | 1u << NEW_V,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

fv_variable *fv_spectral_norm(fv_variable *weight, fv_variable *u,
                              fv_variable *v)
{
    fv_variable *inputs[] = { weight, u, v }, *outputs[OUTPUTS];
    fv_context *context = weight ? weight->context : NULL;
    if (!context) return NULL;
    const bool training = context->training;
    context->training = training && !context->checking;
    fv_apply_n(&fv__op_spectral_norm, NULL, INPUTS, inputs, OUTPUTS, outputs);
    context->training = training;
    for (int k = NEW_U; k <= NEW_V; k++)
        if (outputs[k]
            && fv__assign(inputs[U + k - NEW_U], outputs[k]) != FV_OK)
            return NULL;
    return outputs[Y];
}
