/* An operator of one's own, swish(x) = x / (1 + exp(-x)), and its gradient. */
#include <fovea/fovea.h>
#include <math.h>
#include <stdio.h>

static fv_status swish_infer(fv_inference *inference)
{
    inference->outputs[0] = *inference->inputs[0]; /* the same type and shape */
    if (inference->outputs[0].dtype == FV_F64) return FV_OK;
    return fv_fail(inference->context, FV_UNSUPPORTED, "%s: expected f64",
                   inference->name);
}

static void swish_forward(const fv_call *call)
{
    const double *x = call->inputs[0]->data;
    double *y = call->outputs[0]->data;
    for (int64_t i = 0; i < fv_tensor_count(call->outputs[0]); i++)
        y[i] = x[i] / (1 + exp(-x[i]));
}

static void swish_backward(const fv_call *call)
{
    const double *x = call->inputs[0]->data, *dy = call->output_grads[0]->data;
    double *dx = call->input_grads[0]->data; /* wanted: swish has one input */
    for (int64_t i = 0; i < fv_tensor_count(call->outputs[0]); i++) {
        double s = 1 / (1 + exp(-x[i]));
        dx[i] += dy[i] * s * (1 + x[i] * (1 - s));
    }
}

static const fv_operator swish = { .size = sizeof(fv_operator),
                                   .name = "swish",
                                   .min_inputs = 1,
                                   .max_inputs = 1,
                                   .backward_reads = FV_READS_INPUT(0),
                                   .infer = swish_infer,
                                   .forward = swish_forward,
                                   .backward = swish_backward };

static fv_variable *apply(void *user, fv_variables at)
{
    (void)user;
    return fv_apply(&swish, NULL, 1, at.at);
}

int main(void)
{
    fv_context *ctx =
        fv_context_new(FV_OPTIONS(fv_context_options, .dtype = FV_F64));
    double numbers[] = { -3, -1, 0, 0.5, 2, 10 };
    fv_tensor tensor = FV_TENSOR(numbers, FV_F64, 2, 3);
    fv_variable *x = fv_variable_new(ctx, &tensor);
    double error = fv_gradcheck(apply, NULL, (fv_variables){ 1, &x }, 0, 0);
    printf("largest relative error of the gradient %.1e\n", error);
    if (fv_failed(ctx)) fprintf(stderr, "%s\n", fv_error(ctx));
    fv_context_free(ctx);
    return !(error < 1e-6);
}
