/* A convolutional layer alone: forward, and the gradient of its weights. */
#include <fovea/fovea.h>

#include <stdio.h>

enum { IMAGES = 4, SIDE = 28 };

int main(void)
{
    static float pixels[IMAGES * SIDE * SIDE];
    for (int i = 0; i < IMAGES * SIDE * SIDE; i++)
        pixels[i] = (float)(i % 7) / 7;

    fv_context *ctx = fv_context_new(NULL);
    fv_tensor images = FV_TENSOR(pixels, FV_F32, IMAGES, SIDE, SIDE, 1);
    fv_layer *conv = fv_convolutional(ctx, .in_shape = { SIDE, SIDE, 1 },
                                      .num_filters = 20, .kernel = { 5, 5 },
                                      .padding = { 2, 2 }, .stride = { 2, 2 });
    fv_shape shape = fv_layer_output_shape(conv);
    printf("%s: output %d x %d x %d\n", fv_layer_name(conv),
           (int)shape.extent[0], (int)shape.extent[1], (int)shape.extent[2]);

    fv_variable *y = fv_layer_forward(conv, fv_variable_new(ctx, &images));
    fv_variable *loss = fv_mean(fv_mul(y, y));
    printf("mean of squares %.6f\n", fv_item(loss));
    fv_backprop(loss);

    fv_variables weights = fv_layer_variables(conv); /* weight, then bias */
    if (weights.count == 2) {
        char text[512];
        fv_tensor_format(fv_variable_grad(weights.at[1]), text, sizeof text);
        printf("gradient of the bias %s\n", text);
    }

    int failed = fv_failed(ctx) != FV_OK;
    if (failed) fprintf(stderr, "%s\n", fv_error(ctx));
    fv_context_free(ctx);
    return failed;
}
