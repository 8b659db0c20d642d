/* Learns XOR with automatic differentiation, step by step: forward, loss,
 * backward, update. */
#include <fovea/fovea.h>

#include <stdio.h>

enum { CASES = 4, HIDDEN = 8, STEPS = 1000 };

int main(void)
{
    float in[CASES][2] = { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 1, 1 } };
    float out[CASES] = { 0, 1, 1, 0 };
    fv_tensor inputs = FV_TENSOR(in, FV_F32, CASES, 2);
    fv_tensor targets = FV_TENSOR(out, FV_F32, CASES, 1);
    fv_context *ctx = fv_context_new(FV_OPTIONS(fv_context_options, .seed = 1));
    fv_layer *hidden = fv_linear(ctx, HIDDEN, .in_shape = { 2 });
    fv_layer *output = fv_linear(ctx, 1, .in_shape = { HIDDEN });

    fv_variables w1 = fv_layer_variables(hidden);
    fv_variables w2 = fv_layer_variables(output);
    if (w1.count != 2 || w2.count != 2) goto end;
    fv_variable *leaves[] = { w1.at[0], w1.at[1], w2.at[0], w2.at[1] };
    fv_optimizer *sgd = fv_sgd(NULL, 0.7, .variables = { 4, leaves });

    for (int step = 0; step <= STEPS && !fv_failed(ctx); step++) {
        fv_variable *x = fv_constant(ctx, &inputs);
        fv_variable *t = fv_constant(ctx, &targets);
        fv_variable *h = fv_tanh_of(fv_layer_forward(hidden, x));
        fv_variable *y = fv_layer_forward(output, h);
        fv_variable *loss = fv_sigmoid_cross_entropy_of(y, t);
        if (step % 200 == 0)
            printf("step %4d  loss %.6f\n", step, fv_item(loss));
        if (step == STEPS) {
            const fv_tensor *p = fv_variable_value(fv_sigmoid_of(y));
            for (int64_t i = 0; p && i < CASES; i++)
                printf("%g xor %g = %.3f\n", (double)in[i][0], (double)in[i][1],
                       fv_tensor_get(ctx, p, (int64_t[]){ i, 0 }));
        }
        fv_backprop(loss);
        fv_optimizer_update(sgd);
    }
end:;
    int failed = fv_failed(ctx) != FV_OK;
    if (failed) fprintf(stderr, "%s\n", fv_error(ctx));
    fv_context_free(ctx);
    return failed;
}
