/* Sums of the elements of an axis up to each of them, or from it on. */
#include "op/attributes.h"
#include "op/tensor_layer.h"

/* Lines of one item, and about as many elements. */
enum { CUT = 16384 };

static fv_status infer(fv_inference *inference)
{
    const fv__cumulative *c = inference->attributes;
    const fv_tensor *x = inference->inputs[0];
    int32_t axis;
    fv_status status = fv__infer_numbers(inference);
    if (!status) status = fv__infer_axis(inference, c->axis, x->rank, &axis);
    return status ? status : fv__infer_moved(inference, x->rank, x->shape);
}

typedef struct sums_job {
    fv__lines lines;
    fv_dtype dtype;
    bool exclusive, reverse, add; /* add: to what `to` holds */
    const void *from;
    void *to;
    int64_t group; /* lines of one item */
} sums_job;

/* The sums of one line. Sums of f32 are doubles until they are stored. */
#define LINE(name, type, sum_type)                                             \
    static void name(const sums_job *job, int64_t first, int64_t step)         \
    {                                                                          \
        const type *x = (const type *)job->from + first;                       \
        type *y = (type *)job->to + first;                                     \
        sum_type sum = 0;                                                      \
        for (int64_t i = 0; i < job->lines.extent; i++) {                      \
            const sum_type before = sum;                                       \
            sum += (sum_type)x[i * step];                                      \
            const type value = (type)(job->exclusive ? before : sum);          \
            y[i * step] = job->add ? (type)(y[i * step] + value) : value;      \
        }                                                                      \
    }
LINE(line_f32, float, double)
LINE(line_f64, double, double)
LINE(line_u8, uint8_t, uint64_t)
LINE(line_i8, int8_t, uint64_t)
LINE(line_i16, int16_t, uint64_t)
LINE(line_i32, int32_t, uint64_t)
LINE(line_i64, int64_t, uint64_t)

static void run_lines(void *argument, size_t item, size_t worker)
{
    (void)worker;
    void (*const lines[])(const sums_job *, int64_t, int64_t) = {
        [FV_F32] = line_f32, [FV_F64] = line_f64, [FV_U8] = line_u8,
        [FV_I8] = line_i8,   [FV_I16] = line_i16, [FV_I32] = line_i32,
        [FV_I64] = line_i64,
    };
    const sums_job *job = argument;
    const fv__lines *l = &job->lines;
    int64_t line = (int64_t)item * job->group;
    const int64_t end = fv__min(line + job->group, l->outer * l->inner);
    for (; line < end; line++) {
        const int64_t first =
            line / l->inner * l->extent * l->inner + line % l->inner;
        const int64_t last = first + (l->extent - 1) * l->inner;
        lines[job->dtype](job, job->reverse ? last : first,
                          job->reverse ? -l->inner : l->inner);
    }
}

static void run(const fv_call *call, const fv_tensor *from, const fv_tensor *to,
                bool backward)
{
    const fv__cumulative *c = call->attributes;
    sums_job job = { .lines = fv__lines_along(from, c->axis),
                     .dtype = from->dtype,
                     .exclusive = c->exclusive,
                     .reverse = (c->reverse != 0) != backward,
                     .add = backward,
                     .from = from->data,
                     .to = to->data };
    if (!fv__count(from)) return;
    job.group = fv__max(CUT / job.lines.extent, 1);
    fv__parallel(
        call->context,
        (size_t)fv__divide_up(job.lines.outer * job.lines.inner, job.group),
        4 * (double)fv__count(from), run_lines, &job);
}

static void forward(const fv_call *call)
{
    run(call, call->inputs[0], call->outputs[0], false);
}

static void backward(const fv_call *call)
{
    run(call, call->output_grads[0], call->input_grads[0], true);
}

const fv_operator fv__op_cumulative_sum = {
    .size = sizeof(fv_operator),
    .name = "cumulative_sum",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(fv__cumulative),
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "CumSum",
};

fv_variable *fv_cumulative_sum(fv_variable *a, int32_t axis, int exclusive,
                               int reverse)
{
    const fv__cumulative attributes = { axis, exclusive != 0, reverse != 0 };
    return fv_apply(&fv__op_cumulative_sum, &attributes, 1, &a);
}

/* ---- the layer ----------------------------------------------------------- */

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    int64_t axis;
    int32_t exclusive, reverse;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, INDEX, axis), .usual = -1, .positional = true },
    { FV__FIELD(options, SWITCH, exclusive) },
    { FV__FIELD(options, SWITCH, reverse) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    int64_t axis;
    if (!fv__layer_number(layer, count, inputs, 1, "the axis", o->axis, &axis))
        return NULL;
    return fv_cumulative_sum(inputs[0], (int32_t)axis, o->exclusive,
                             o->reverse);
}

const fv__layer_type fv__layer_cumulative_sum = {
    .kind = "cumulative_sum",
    .about = "sums up to each element of an axis, which may be a second input",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 2,
    .forward = apply,
};
