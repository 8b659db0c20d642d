/* Resizing along an axis: each output is a weighted sum of neighbours. */

APART static void resample(int32_t lines, int32_t inputs, int32_t outputs,
                           int32_t inner, int32_t width, const int32_t *first,
                           const int32_t *count, const float *weights,
                           const float *x, float *y)
{
    for (int32_t i = 0; i < lines; i++, x += inputs * inner)
        for (int32_t o = 0; o < outputs; o++, y += inner) {
            for (int32_t j = 0; j < inner; j++) y[j] = 0;
            for (int32_t t = 0; t < count[o]; t++) {
                const float *from = x + (first[o] + t) * inner;
                const float weight = weights[o * width + t];
                INDEPENDENT
                for (int32_t j = 0; j < inner; j++)
                    y[j] = FMA(weight, from[j], y[j]);
            }
        }
}
