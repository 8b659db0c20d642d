/* Operators that normalise rows. */
#include "op/norm/rownorm.h"
#include "op/chunk.h"

enum { X, GAMMA, BETA };

/* m rows of n numbers */
typedef struct sizes {
    int64_t m, n;
} sizes;

static sizes sizes_of(const fv__rownorm *a, const fv_tensor *x)
{
    const int32_t before = x->rank - a->axes;
    return (sizes){ fv__product(before, x->shape),
                    fv__product(a->axes, x->shape + before) };
}

/* ---- the shape rule ------------------------------------------------------ */

static bool numbers_fit(const fv_inference *inference)
{
    const fv__rownorm *a = inference->attributes;
    const fv_tensor *x = inference->inputs[X];
    if (!fv__epsilon_fits(inference, a->epsilon)
        || !fv__operand(inference, X, "input", -1))
        return false;
    if (a->axes < 1 || a->axes > x->rank)
        fv_fail(inference->context, FV_MISUSE,
                "%s: %d axes, expected 1 to %d, as input %s has",
                inference->name, a->axes, x->rank, FV__SHAPE(x));
    else if (sizes_of(a, x).n < 1)
        fv_fail(inference->context, FV_MISUSE, "%s: rows of input %s are empty",
                inference->name, FV__SHAPE(x));
    else
        return true;
    return false;
}

/* gamma and beta have the shape of a row. */
static bool rows_fit(const fv_inference *inference)
{
    static const char *const names[] = { "input", "gamma", "beta" };
    const fv__rownorm *a = inference->attributes;
    const fv_tensor *x = inference->inputs[X];
    const int64_t *extents = x->shape + (x->rank - a->axes);
    for (int32_t k = GAMMA; k <= BETA && k < inference->num_inputs; k++) {
        const fv_tensor *given = inference->inputs[k];
        if (!fv__operand(inference, k, names[k], a->axes)) return false;
        for (int32_t i = 0; i < a->axes; i++) {
            if (given->shape[i] == extents[i]) continue;
            fv_fail(inference->context, FV_MISUSE,
                    "%s: %s %s does not fit the last axes of input %s",
                    inference->name, names[k], FV__SHAPE(given), FV__SHAPE(x));
            return false;
        }
    }
    return true;
}

static fv__chunks chunks_of(sizes s)
{
    return (fv__chunks){ .units = s.m,
                         .each = fv__rows_per_chunk(s.n),
                         .cost = 8 * (double)s.n };
}

/* The gradients of gamma and beta are summed over blocks of rows. */
enum { BLOCK_ELEMENTS = 1 << 14, BLOCK_ROWS = 32 };

static int64_t rows_a_block(sizes s)
{
    return fv__max(BLOCK_ELEMENTS / s.n, BLOCK_ROWS);
}

static int64_t blocks_of(sizes s)
{
    return fv__divide_up(s.m, rows_a_block(s));
}

/* Two sums of n numbers for each block, and their totals. */
static size_t sums_bytes(const fv_context *context, sizes s)
{
    const int64_t sums[] = { 2, blocks_of(s) + 1, s.n };
    return fv__real_bytes(context, fv__product(3, sums));
}

fv_status fv__rownorm_infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    if (!numbers_fit(inference) || !rows_fit(inference))
        return fv_failed(context);
    const sizes s = sizes_of(inference->attributes, inference->inputs[X]);
    const fv__chunks chunks = chunks_of(s);
    const size_t cut = fv__chunks_scratch(context, &chunks);
    const size_t sums =
        inference->num_inputs > GAMMA ? sums_bytes(context, s) : 0;
    if (((const fv__rownorm *)inference->attributes)->axes > 1)
        inference->window[0] = inference->window[1] = 0;
    inference->forward_scratch = cut;
    inference->backward_scratch = cut > sums ? cut : sums;
    inference->saved = fv__real_bytes(context, 2 * s.m);
    return fv__infer_same(inference);
}

/* ---- forward ------------------------------------------------------------- */

static fv__row_normal normal_of(const fv_call *call)
{
    const fv__rownorm *a = call->attributes;
    const int32_t count = call->num_inputs;
    return (fv__row_normal){
        .norm = a->norm,
        .epsilon = a->epsilon,
        .gamma = count > GAMMA ? call->inputs[GAMMA]->data : NULL,
        .beta = count > BETA ? call->inputs[BETA]->data : NULL,
    };
}

/* Mean and factor of the rows from `first` on. */
static void *statistics_of(const fv_call *call, int64_t first)
{
    return call->saved ? fv__number_at(call->context, call->saved, 2 * first)
                       : NULL;
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    const fv__row_normal normal = normal_of(call);
    const int64_t n = sizes_of(call->attributes, call->outputs[0]).n;
    (void)buffer;
    (void)sum;
    call->context->kernels->row_normalise(
        (size_t)count, (size_t)n, &normal,
        fv__tensor_byte(call->inputs[X], first * n), statistics_of(call, first),
        fv__tensor_byte(call->outputs[0], first * n));
}

void fv__rownorm_forward(const fv_call *call)
{
    const fv__chunks chunks =
        chunks_of(sizes_of(call->attributes, call->outputs[0]));
    fv__chunks_run(call, &chunks, call->scratch, chunk_forward);
}

/* ---- backward ------------------------------------------------------------ */

static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *sum)
{
    const fv__row_normal normal = normal_of(call);
    const int64_t n = sizes_of(call->attributes, call->output_grads[0]).n;
    (void)buffer;
    (void)sum;
    call->context->kernels->row_normalise_grad(
        (size_t)count, (size_t)n, &normal, statistics_of(call, first),
        fv__tensor_byte(call->output_grads[0], first * n),
        fv__tensor_byte(call->inputs[X], first * n),
        fv__tensor_byte(call->input_grads[X], first * n),
        fv__accumulation_of(call, X));
}

/* Columns of a row that an item sums, over a block of rows. */
enum { COLUMNS = 512 };

static int64_t parts_of(sizes s) { return fv__divide_up(s.n, COLUMNS); }

/* The sums of gamma's or beta's gradient over one block, or behind the last
 * block their total. */
static void *sums_at(const fv_call *call, sizes s, int which, int64_t block)
{
    return fv__number_at(call->context, call->scratch,
                         (which * (blocks_of(s) + 1) + block) * s.n);
}

static void sum_part(void *argument, size_t item, size_t worker)
{
    const fv_call *call = argument;
    const fv_context *context = call->context;
    const fv_tensor *dy = call->output_grads[0];
    const sizes s = sizes_of(call->attributes, dy);
    const int64_t block = (int64_t)item / parts_of(s);
    const int64_t column = (int64_t)item % parts_of(s) * COLUMNS;
    const int64_t first = block * rows_a_block(s), at = first * s.n + column;
    (void)worker;
    context->kernels->row_slopes(
        (size_t)fv__min(s.m - first, rows_a_block(s)),
        (size_t)fv__min(s.n - column, COLUMNS), (size_t)s.n,
        statistics_of(call, first), fv__tensor_byte(dy, at),
        fv__tensor_byte(call->inputs[X], at),
        fv__number_at(context, sums_at(call, s, 0, block), column),
        fv__number_at(context, sums_at(call, s, 1, block), column));
}

static bool wanted(const fv_call *call, int32_t k)
{
    return k < call->num_inputs && call->input_grads[k];
}

static void parameter_grads(const fv_call *call)
{
    const fv__kernels *kernels = call->context->kernels;
    const sizes s = sizes_of(call->attributes, call->output_grads[0]);
    const int64_t blocks = blocks_of(s);
    fv_call copy = *call;
    fv__parallel(call->context, (size_t)(blocks * parts_of(s)),
                 4 * (double)s.m * (double)s.n, sum_part, &copy);
    for (int32_t k = GAMMA; k <= BETA; k++) {
        if (!wanted(call, k)) continue;
        void *total = sums_at(call, s, k - GAMMA, blocks);
        fv__clear_fresh(call, k);
        kernels->column_total((size_t)blocks, (size_t)s.n,
                              sums_at(call, s, k - GAMMA, 0), total);
        kernels->axpy((size_t)s.n, 1, total, call->input_grads[k]->data);
    }
}

/* The gradient of x may take the place of dy, so it is the last. */
void fv__rownorm_backward(const fv_call *call)
{
    if (wanted(call, GAMMA) || wanted(call, BETA)) parameter_grads(call);
    if (!call->input_grads[X]) return;
    const fv__chunks chunks =
        chunks_of(sizes_of(call->attributes, call->output_grads[0]));
    fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
}
