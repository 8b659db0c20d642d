/* Measures one direction of a planned convolution on random data. */
#include "cli/bench.h"

typedef struct work {
    fv_conv *conv;
    fv_conv_pass pass;
    fv_tensor in, out, weight, bias;
} work;

static fv_status run(void *user)
{
    const work *w = user;
    switch (w->pass) {
    case FV_PASS_FORWARD:
        return fv_conv_forward(w->conv, &w->in, &w->weight, &w->bias, NULL,
                               &w->out);
    case FV_PASS_BACKWARD_DATA:
        fv_conv_weights_changed(w->conv);
        return fv_conv_backward_data(w->conv, &w->out, &w->weight, &w->in);
    default:
        return fv_conv_backward_weights(w->conv, &w->in, &w->out, &w->weight,
                                        &w->bias);
    }
}

cli_time cli_convolve(fv_context *context, fv_conv *conv, int64_t batch,
                      fv_conv_pass pass, double seconds)
{
    const fv_shape in = fv_conv_input_shape(conv);
    const fv_shape out = fv_conv_output_shape(conv);
    const fv_shape weight = fv_conv_weight_shape(conv);
    const fv_dtype dtype = fv_context_dtype(context);
    work w = {
        .conv = conv,
        .pass = pass,
        .in = cli_batch(context, batch, &in),
        .out = cli_batch(context, batch, &out),
        .weight = fv_tensor_new(context, dtype, weight.rank, weight.extent),
        .bias = fv_tensor_new(context, dtype, 1, weight.extent),
    };
    cli_time time = { 0 };
    cli_fill(&w.weight);
    cli_fill(&w.bias);
    fv_conv_weights_changed(conv);
    if (!fv_failed(context)) time = cli_measure(run, &w, seconds);
    fv_tensor_free(context, &w.in);
    fv_tensor_free(context, &w.out);
    fv_tensor_free(context, &w.weight);
    fv_tensor_free(context, &w.bias);
    return time;
}

static double count(const fv_shape *shape)
{
    double product = 1;
    for (int32_t i = 0; i < shape->rank; i++)
        product *= (double)shape->extent[i];
    return product;
}

double cli_convolve_bytes(const fv_context *context, const fv_conv *conv,
                          int64_t batch)
{
    const fv_shape in = fv_conv_input_shape(conv);
    const fv_shape out = fv_conv_output_shape(conv);
    const fv_shape weight = fv_conv_weight_shape(conv);
    return (double)fv_dtype_bytes(fv_context_dtype(context))
           * ((double)batch * (count(&in) + count(&out)) + count(&weight));
}
