/* Product of rows with a matrix of weights, plus a bias. */
#include "op/columns.h"
#include "op/norm/parametrization.h"

#include <inttypes.h>

/* x [n, in], weight [out, in] */
typedef struct sizes {
    size_t n, in, out;
} sizes;

static sizes sizes_of(const fv_tensor *x, const fv_tensor *weight)
{
    return (sizes){ .n = (size_t)x->shape[0],
                    .in = (size_t)weight->shape[1],
                    .out = (size_t)weight->shape[0] };
}

/* ---- the shape rule ---------------------------------------------------- */

static bool shapes_fit(const fv_inference *inference)
{
    const fv_tensor *x = inference->inputs[0], *weight = inference->inputs[1];
    fv_context *context = inference->context;
    if (x->rank > 2)
        fv_fail(context, FV_MISUSE,
                "%s: input %s has rank %d, expected 2: flatten it first",
                inference->name, FV__SHAPE(x), x->rank);
    else if (!fv__operand(inference, 0, "input", 2)
             || !fv__operand(inference, 1, "weight", 2))
        return false;
    else if (weight->shape[0] < 1 || weight->shape[1] < 1)
        fv_fail(context, FV_MISUSE, "%s: weight %s is empty", inference->name,
                FV__SHAPE(weight));
    else if (x->shape[1] != weight->shape[1])
        fv_fail(context, FV_MISUSE,
                "%s: input %s has %" PRId64
                " features, weight %s expects %" PRId64,
                inference->name, FV__SHAPE(x), x->shape[1], FV__SHAPE(weight),
                weight->shape[1]);
    else
        return fv__operand_vector(inference, 2, "bias", weight->shape[0],
                                  "outputs");
    return false;
}

static size_t gemm_scratch(fv_context *context, size_t m, size_t n, size_t k)
{
    return (size_t)context->threads
           * fv__gemm_scratch(context->kernels, m, n, k);
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static fv_status infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    if (!shapes_fit(inference)) return fv_failed(context);
    const fv_tensor *x = inference->inputs[0];
    const sizes s = sizes_of(x, inference->inputs[1]);
    const int64_t shape[] = { x->shape[0], inference->inputs[1]->shape[0] };
    const int64_t products[] = { shape[0], shape[1], x->shape[1] };
    inference->multiply_accumulates = fv__saturated_product(3, products);
    inference->window[0] = inference->window[1] = 0;
    fv__infer_output(inference, 2, shape);
    inference->forward_scratch = gemm_scratch(context, s.n, s.out, s.in);
    inference->backward_scratch =
        larger(fv__columns_scratch(context, shape[0], shape[1]),
               larger(gemm_scratch(context, s.n, s.in, s.out),
                      gemm_scratch(context, s.out, s.in, s.n)));
    return FV_OK;
}

/* ---- the work ---------------------------------------------------------- */

/* y = x W^T + bias */
static void forward(const fv_call *call)
{
    const sizes s = sizes_of(call->inputs[0], call->inputs[1]);
    const bool bias = call->num_inputs > 2;
    const fv__gemm product = { .m = s.n,
                               .n = s.out,
                               .k = s.in,
                               .a = call->inputs[0]->data,
                               .b = call->inputs[1]->data,
                               .c = call->outputs[0]->data,
                               .a_row = s.in,
                               .b_row = s.in,
                               .c_row = s.out,
                               .b_transposed = true,
                               .bias = bias ? call->inputs[2]->data : NULL };
    fv__gemm_all(call->context, &product, call->scratch);
}

/* dx (+)= dy W */
static void input_grad(const fv_call *call, const sizes *s, void *dx)
{
    const fv__gemm product = { .m = s->n,
                               .n = s->in,
                               .k = s->out,
                               .a = call->output_grads[0]->data,
                               .b = call->inputs[1]->data,
                               .c = dx,
                               .a_row = s->out,
                               .b_row = s->in,
                               .c_row = s->in,
                               .accumulate = fv__accumulation_of(call, 0)
                                             == FV__ACCUMULATE };
    fv__gemm_all(call->context, &product, call->scratch);
}

/* dW (+)= dy^T x */
static void weight_grad(const fv_call *call, const sizes *s, void *dweight)
{
    const fv__gemm product = { .m = s->out,
                               .n = s->in,
                               .k = s->n,
                               .a = call->output_grads[0]->data,
                               .b = call->inputs[0]->data,
                               .c = dweight,
                               .a_row = s->out,
                               .b_row = s->in,
                               .c_row = s->in,
                               .a_transposed = true,
                               .accumulate = fv__accumulation_of(call, 1)
                                             == FV__ACCUMULATE };
    fv__gemm_all(call->context, &product, call->scratch);
}

static void bias_grad(const fv_call *call, const sizes *s, void *dbias)
{
    const fv__columns columns = { .m = (int64_t)s->n,
                                  .c = (int64_t)s->out,
                                  .x = call->output_grads[0]->data };
    fv__columns_add(call->context, &columns, dbias, call->scratch);
}

static void backward(const fv_call *call)
{
    const fv_tensor *const *grads = call->input_grads;
    const sizes s = sizes_of(call->inputs[0], call->inputs[1]);
    if (grads[1] && s.n == 0) fv__clear_fresh(call, 1);
    if (call->num_inputs > 2 && grads[2]) fv__clear_fresh(call, 2);
    if (s.n == 0) return;
    if (grads[0]) input_grad(call, &s, grads[0]->data);
    if (grads[1]) weight_grad(call, &s, grads[1]->data);
    if (call->num_inputs > 2 && grads[2]) bias_grad(call, &s, grads[2]->data);
}

const fv_operator fv__op_linear = {
    .size = sizeof(fv_operator),
    .name = "linear",
    .min_inputs = 2,
    .max_inputs = 3,
    .backward_reads = FV_READS_INPUT(0) | FV_READS_INPUT(1),
    .abilities = FV_OVERWRITES,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

fv_variable *fv_linear_of(fv_variable *x, fv_variable *weight,
                          fv_variable *bias)
{
    fv_variable *inputs[] = { x, weight, bias };
    return fv_apply(&fv__op_linear, NULL, bias ? 3 : 2, inputs);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_linear_options, COUNT, num_outputs), .positional = true,
      .outputs = true },
    { FV__FIELD_AS("bias", fv_linear_options, LACK, no_bias) },
    FV__INIT_FIELDS(fv_linear_options),
    FV__PARAMETRIZATION_FIELDS(fv_linear_options),
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count;
    const fv_linear_options *options = layer->options;
    int64_t in = inputs[0].extent[0];
    int64_t out = options->num_outputs;
    if (fv__layer_expect_vector(layer, &inputs[0]) != FV_OK)
        return fv_failed(layer->context);
    if (out < 1)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: %lld outputs, expected at least 1", layer->name,
                       (long long)out);
    const fv__weight weight = { FV__WEIGHT(options) };
    return fv__weight_declare(layer, &weight, 2, (const int64_t[]){ out, in },
                              FV__INIT(options, in, out, 1),
                              options->no_bias ? 0 : out);
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)count;
    const fv_linear_options *options = layer->options;
    const fv__weight weight = { FV__WEIGHT(options) };
    return fv_linear_of(inputs[0], fv__layer_weight(layer, &weight),
                        fv__layer_bias(layer));
}

const fv__layer_type fv__layer_linear = {
    .kind = "linear",
    .about = "y = x W^T + bias on vectors; weight [outputs, inputs]",
    FV__LAYER_OPTIONS(fv_linear_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
    .forward = apply,
};

fv_layer *fv_linear_new(const fv_linear_options *options)
{
    return fv__layer_new(&fv__layer_linear, options);
}
