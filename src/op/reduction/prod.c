/* The product along axes. The gradient of an element is the product of the
 * others, also where one of them is zero. */
#include "op/tensor_layer.h"

/* Results of one item, and about as many elements. */
enum { CUT = 16384, Y = 0, X = 1 };

typedef struct prod_job {
    const fv_call *call;
    fv__broadcast_iterator iterator; /* the axes of the results come first */
    int32_t output_axes;
    int64_t outputs, factors, group;
} prod_job;

static double number_at(const fv_tensor *x, int64_t at)
{
    return x->dtype == FV_F64 ? ((const double *)x->data)[at]
                              : (double)((const float *)x->data)[at];
}

static prod_job job_of(const fv_call *call)
{
    prod_job job = { .call = call };
    const fv_tensor *x = call->inputs[0];
    const fv_tensor y = fv__reduction_kept(call->attributes, x);
    const fv_tensor *tensors[] = { &y, x };
    fv__broadcast_iterator *iterator = &job.iterator;
    job.outputs = fv_tensor_count(&y);
    if (!fv_tensor_count(x)) return job;
    fv__broadcast_begin(iterator, x, 2, tensors);
    job.output_axes = fv__broadcast_sort(iterator, iterator->rank);
    job.factors =
        fv__broadcast_count(iterator, job.output_axes, iterator->rank);
    job.group = fv__max(CUT / job.factors, 1);
    return job;
}

/* The product of the factors that are not zero; *zeros is how many are. */
static double multiply(const prod_job *job, fv__cursor place, int64_t *zeros)
{
    double product = 1;
    *zeros = 0;
    for (int64_t i = 0; i < job->factors; i++) {
        const double x = number_at(job->call->inputs[0], place.at[X]);
        if (x == 0)
            ++*zeros;
        else
            product *= x;
        fv__broadcast_next(&job->iterator, job->output_axes, job->iterator.rank,
                           &place);
    }
    return product;
}

static void add(const fv_tensor *to, int64_t at, double value)
{
    if (to->dtype == FV_F64)
        ((double *)to->data)[at] += value;
    else
        ((float *)to->data)[at] += (float)value;
}

static void set(const fv_tensor *to, int64_t at, double value)
{
    if (to->dtype == FV_F64)
        ((double *)to->data)[at] = value;
    else
        ((float *)to->data)[at] = (float)value;
}

static void add_gradients(const prod_job *job, fv__cursor place)
{
    const fv_call *call = job->call;
    int64_t zeros;
    const double dy = number_at(call->output_grads[0], place.at[Y]);
    const double product = multiply(job, place, &zeros);
    for (int64_t i = 0; i < job->factors; i++) {
        const double x = number_at(call->inputs[0], place.at[X]);
        const double others = zeros == 0             ? product / x
                              : zeros == 1 && x == 0 ? product
                                                     : 0;
        add(call->input_grads[0], place.at[X], dy * others);
        fv__broadcast_next(&job->iterator, job->output_axes, job->iterator.rank,
                           &place);
    }
}

static void run_item(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const prod_job *job = argument;
    int64_t output = (int64_t)item * job->group, zeros;
    const int64_t end = fv__min(output + job->group, job->outputs);
    for (; output < end; output++) {
        fv__cursor place = { .at = { 0 } };
        fv__broadcast_seek(&job->iterator, 0, job->output_axes, output, &place);
        if (job->call->input_grads) {
            add_gradients(job, place);
            continue;
        }
        const double product = multiply(job, place, &zeros);
        set(job->call->outputs[0], place.at[Y], zeros ? 0 * product : product);
    }
}

static void run(const fv_call *call)
{
    prod_job job = job_of(call);
    if (!fv__count(call->inputs[0])) {
        if (!call->input_grads)
            call->context->kernels->fill((size_t)job.outputs, 1,
                                         call->outputs[0]->data);
        return;
    }
    fv__parallel(call->context,
                 (size_t)fv__divide_up(job.outputs, fv__max(job.group, 1)),
                 4 * (double)fv__count(call->inputs[0]), run_item, &job);
}

static fv_status infer(fv_inference *inference)
{
    return fv__infer_reduction(inference, false);
}

const fv_operator fv__op_prod = {
    FV__REDUCTION("prod"), .backward_reads = FV_READS_INPUT(0),
    .infer = infer,        .forward = run,
    .backward = run,       .onnx = "ReduceProd",
};

/* ---- the layer ----------------------------------------------------------- */

static fv_variable *reduce(fv_layer *layer, int32_t count,
                           fv_variable *const inputs[])
{
    return fv__reduction_layer(layer, count, inputs, &fv__op_prod,
                               FV_REDUCE_PROD);
}

const fv__layer_type fv__layer_prod = {
    FV__REDUCTION_LAYER("prod"),
    .about = "the product along axes: all but the batch unless they are given",
};
