/* Matrix products over the last two axes, the leading axes broadcast. */
#include "op/op.h"

#include <string.h>

/* Matrices of fewer than LARGE multiply-adds are shared between threads whole,
 * in items of about CHUNK multiply-adds; larger products are split one by one.
 */
enum { LARGE = 1 << 18, CHUNK = 1 << 16 };

/* c (+)= op(a) op(b) for each matrix of a batch. Where c is broadcast, the
 * products of one matrix of c are summed in order; if they are many, in blocks
 * that are added to c one after the other. */
typedef struct batch {
    fv_context *context;
    fv__gemm product;
    /* leading axes of c, a and b; steps count matrices */
    fv__broadcast_iterator iterator;
    int32_t output_axes;
    int64_t outputs, summed; /* matrices of c, and products summed in each */
    int64_t a_size, b_size, c_size; /* elements of a matrix */
    size_t c_count;                 /* elements of all of c */
    bool cut;      /* the sum of products is split into blocks */
    int64_t group; /* matrices of c in one item */
    size_t gemm_bytes, block_bytes; /* bytes of scratch of one worker */
    char *scratch; /* scratch of gemm of all workers, then their blocks */
} batch;

/* The tensor without its last two axes. */
static fv_tensor leading(const fv_tensor *tensor)
{
    fv_tensor axes = *tensor;
    axes.rank -= 2;
    return axes;
}

/* Merges a batch that equals one larger product into it. */
static void collapse(batch *job)
{
    fv__gemm *p = &job->product;
    const fv__broadcast_iterator *iterator = &job->iterator;
    size_t extent = (size_t)iterator->extent[0];
    if (iterator->rank != 1 || extent == 1 || !iterator->step[1][0]) return;
    if (iterator->step[0][0] && !iterator->step[2][0] && !p->a_transposed)
        p->m *= extent;
    else if (!iterator->step[0][0] && iterator->step[2][0] && p->a_transposed
             && !p->b_transposed)
        p->k *= extent;
    else
        return;
    job->outputs = job->summed = 1;
}

/* The chain of products that are summed into one matrix of c. */
static fv__chain products_of(const batch *job)
{
    return (fv__chain){ 1, 1, job->summed };
}

/* Plans the batch from shapes. `shape` is that of the result. */
static void plan(batch *job, fv_context *context, const fv_tensor *shape,
                 const fv_tensor *c, const fv_tensor *a, bool a_transposed,
                 const fv_tensor *b, bool b_transposed)
{
    const fv_tensor whole = leading(shape), axes_c = leading(c),
                    axes_a = leading(a), axes_b = leading(b);
    const fv_tensor *tensors[] = { &axes_c, &axes_a, &axes_b };
    const int64_t *c_end = c->shape + c->rank, *a_end = a->shape + a->rank,
                  *b_end = b->shape + b->rank;
    *job = (batch){ .context = context };
    job->product = (fv__gemm){ .m = (size_t)c_end[-2],
                               .n = (size_t)c_end[-1],
                               .k = (size_t)a_end[a_transposed ? -2 : -1],
                               .a = a->data,
                               .b = b->data,
                               .c = c->data,
                               .a_row = (size_t)a_end[-1],
                               .b_row = (size_t)b_end[-1],
                               .c_row = (size_t)c_end[-1],
                               .a_transposed = a_transposed,
                               .b_transposed = b_transposed };
    job->a_size = a_end[-2] * a_end[-1];
    job->b_size = b_end[-2] * b_end[-1];
    job->c_size = c_end[-2] * c_end[-1];
    job->c_count = fv__count(c);
    fv__broadcast_iterator *iterator = &job->iterator;
    fv__broadcast_begin(iterator, &whole, 3, tensors);
    job->output_axes = fv__broadcast_sort(iterator, iterator->rank);
    job->outputs = fv__broadcast_count(iterator, 0, job->output_axes);
    job->summed =
        fv__broadcast_count(iterator, job->output_axes, iterator->rank);
    collapse(job);
    const fv__gemm *p = &job->product;
    job->cut = fv__chain_is_cut(products_of(job));
    job->gemm_bytes =
        fv__align(fv__gemm_scratch(context->kernels, p->m, p->n, p->k));
    if (job->cut)
        job->block_bytes =
            fv__align((size_t)job->c_size * fv__number_bytes(context));
}

static size_t scratch_of(const batch *job)
{
    return (size_t)job->context->threads * (job->gemm_bytes + job->block_bytes);
}

/* Computes one product; with worker < 0 all threads share it. */
static void multiply_one(const batch *job, const fv__gemm *p, int64_t worker)
{
    if (worker < 0)
        fv__gemm_all(job->context, p, job->scratch);
    else
        fv__gemm_one(job->context->kernels, p,
                     job->scratch + (size_t)worker * job->gemm_bytes);
}

/* Adds a block of products to c. */
static void add_block(const batch *job, const void *block, void *c)
{
    job->context->kernels->axpy((size_t)job->c_size, 1, block, c);
}

/* Computes matrix `output` of c; with worker < 0 all threads share each
 * product. */
static void multiply(const batch *job, int64_t output, int64_t worker)
{
    const fv_context *context = job->context;
    const fv__broadcast_iterator *iterator = &job->iterator;
    void *block = job->scratch + (size_t)context->threads * job->gemm_bytes
                  + (size_t)fv__max(worker, 0) * job->block_bytes;
    fv__gemm p = job->product;
    fv__cursor place = { .at = { 0 } };
    int64_t begin = 0, end = fv__chain_block(products_of(job), 0);
    fv__broadcast_seek(iterator, 0, job->output_axes, output, &place);
    for (int64_t i = 0; i < job->summed; i++) {
        void *c =
            fv__number_at(context, job->product.c, place.at[0] * job->c_size);
        if (i == end) {
            begin = end;
            end += fv__chain_block(products_of(job), begin);
        }
        p.a = fv__number_in(context, job->product.a, place.at[1] * job->a_size);
        p.b = fv__number_in(context, job->product.b, place.at[2] * job->b_size);
        p.c = job->cut ? block : c;
        p.accumulate = job->cut ? i > begin : job->product.accumulate;
        multiply_one(job, &p, worker);
        if (job->cut && i + 1 == end) add_block(job, block, c);
        fv__broadcast_next(iterator, job->output_axes, iterator->rank, &place);
    }
}

static void run_chunk(void *argument, size_t item, size_t worker)
{
    const batch *job = argument;
    int64_t output = (int64_t)item * job->group;
    int64_t end = fv__min(output + job->group, job->outputs);
    for (; output < end; output++) multiply(job, output, (int64_t)worker);
}

static void run(batch *job, bool accumulate, void *scratch)
{
    fv__gemm *p = &job->product;
    p->accumulate = accumulate;
    job->scratch = scratch;
    if (!p->m || !p->n || !job->outputs || !job->summed) return;
    if (!p->k) {
        if (!accumulate) job->context->kernels->fill(job->c_count, 0, p->c);
        return;
    }
    double work = (double)p->m * (double)p->n * (double)p->k;
    if (job->outputs == 1 || work >= LARGE) {
        for (int64_t output = 0; output < job->outputs; output++)
            multiply(job, output, -1);
        return;
    }
    job->group = fv__max((int64_t)(CHUNK / (work * (double)job->summed)), 1);
    fv__parallel(job->context, (size_t)fv__divide_up(job->outputs, job->group),
                 work * (double)(job->outputs * job->summed), run_chunk, job);
}

/* The gradient of operand k: dc b^T or a^T dc. */
static void plan_gradient(batch *job, fv_context *context, int k,
                          const fv_tensor *a, const fv_tensor *b,
                          const fv_tensor *dc, const fv_tensor *d)
{
    if (k == 0)
        plan(job, context, dc, d, dc, false, b, true);
    else
        plan(job, context, dc, d, a, true, dc, false);
}

/* The shape of the result, or the reason why there is none. */
static fv_status infer_shape(fv_inference *inference)
{
    const fv_tensor *a = inference->inputs[0], *b = inference->inputs[1];
    fv_status status = fv__infer_floats(inference);
    if (!status) status = fv__infer_least_rank(inference, 0, 2);
    if (!status) status = fv__infer_least_rank(inference, 1, 2);
    if (status) return status;
    char left[FV__SHAPE_BYTES], right[FV__SHAPE_BYTES];
    fv__shape_text(left, sizeof left, a->rank, a->shape);
    fv__shape_text(right, sizeof right, b->rank, b->shape);
    long long ours = a->shape[a->rank - 1], theirs = b->shape[b->rank - 2];
    if (ours != theirs)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: inner extents %lld and %lld differ (%s x %s)",
                       inference->name, ours, theirs, left, right);
    const fv_tensor axes_a = leading(a), axes_b = leading(b);
    int32_t rank;
    int64_t shape[FV_MAX_RANK];
    if (!fv__broadcast_shape(&axes_a, &axes_b, &rank, shape))
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: leading axes of %s and %s do not broadcast",
                       inference->name, left, right);
    shape[rank] = a->shape[a->rank - 2];
    shape[rank + 1] = b->shape[b->rank - 1];
    return fv__infer_output(inference, rank + 2, shape);
}

static fv_status infer(fv_inference *inference)
{
    fv_status status = infer_shape(inference);
    const fv_tensor *output = &inference->outputs[0];
    if (status || fv__product(output->rank, output->shape) < 0) return status;
    const fv_tensor *a = inference->inputs[0], *b = inference->inputs[1];
    inference->multiply_accumulates = fv__saturated_product(
        2, (const int64_t[]){ fv_tensor_count(output), a->shape[a->rank - 1] });
    batch job;
    plan(&job, inference->context, output, output, a, false, b, false);
    inference->forward_scratch = scratch_of(&job);
    for (int k = 0; k < 2 && inference->gradient; k++) {
        plan_gradient(&job, inference->context, k, a, b, output,
                      inference->inputs[k]);
        if (inference->backward_scratch < scratch_of(&job))
            inference->backward_scratch = scratch_of(&job);
    }
    return FV_OK;
}

static void forward(const fv_call *call)
{
    batch job;
    plan(&job, call->context, call->outputs[0], call->outputs[0],
         call->inputs[0], false, call->inputs[1], false);
    run(&job, false, call->scratch);
}

static void backward(const fv_call *call)
{
    for (int k = 0; k < 2; k++) {
        if (!call->input_grads[k]) continue;
        batch job;
        plan_gradient(&job, call->context, k, call->inputs[0], call->inputs[1],
                      call->output_grads[0], call->input_grads[k]);
        run(&job, true, call->scratch);
    }
}

const fv_operator fv__op_matmul = { .size = sizeof(fv_operator),
                                    .name = "matmul",
                                    .min_inputs = 2,
                                    .max_inputs = 2,
                                    .backward_reads = FV_READS_INPUTS,
                                    .infer = infer,
                                    .forward = forward,
                                    .backward = backward,
                                    .onnx = "MatMul" };

/* A vector as a matrix of one row or, if it is the right operand, column. */
static fv_variable *matrix_of(fv_variable *a, bool right)
{
    if (!a || a->value.rank != 1) return a;
    const int64_t n = a->value.shape[0];
    return fv_reshape(a, 2, (const int64_t[]){ right ? n : 1, right ? 1 : n });
}

fv_variable *fv_matmul(fv_variable *a, fv_variable *b)
{
    const bool row = a && a->value.rank == 1, column = b && b->value.rank == 1;
    fv_variable *const operands[] = { matrix_of(a, false), matrix_of(b, true) };
    fv_variable *c = fv_apply(&fv__op_matmul, NULL, 2, operands);
    if (row && column) return fv_reshape(c, 0, NULL);
    return row || column ? fv_squeeze(c, 1, (const int32_t[]){ row ? -2 : -1 })
                         : c;
}

/* ---- the layer ----------------------------------------------------------- */

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)layer, (void)count;
    return fv_matmul(inputs[0], inputs[1]);
}

const fv__layer_type fv__layer_matmul = {
    .kind = "matmul",
    .about = "the matrix product of the last two axes, the others broadcast",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 2,
    .max_inputs = 2,
    .forward = apply,
};
