/* Differentiates a sum of squares with an installed Fovea. */
#include <fovea/fovea.h>
#include <stdio.h>

int main(void)
{
    fv_context *ctx = fv_context_new(NULL);
    float numbers[] = { 1, 2, 3 };
    fv_tensor tensor = FV_TENSOR(numbers, FV_F32, 3);
    fv_variable *x = fv_variable_new(ctx, &tensor);
    fv_backprop(fv_sum(fv_mul(x, x)));

    const fv_tensor *gradient = fv_variable_grad(x);
    const int64_t last[] = { 2 };
    double slope = gradient ? fv_tensor_get(ctx, gradient, last) : 0;
    if (fv_failed(ctx)) printf("%s\n", fv_error(ctx));
    printf("fovea %s: d(x^2)/dx at 3 is %g\n", fv_version(), slope);
    fv_context_free(ctx);
    return slope == 6 ? 0 : 1;
}
