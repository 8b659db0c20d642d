/* Training of pools. */

/* The largest number of each window, and the pixel of its image where it is. */
APART static void pool_largest(const pool *p, const float *x, float *y,
                               float *places)
{
    const int32_t image = p->in[0] * p->in[1] * p->in[2] * p->channels;
    const int32_t windows = p->out[0] * p->out[1] * p->out[2], n = p->channels;
    for (int32_t i = 0; i < p->images * windows; i++, y += n, places += n) {
        const int32_t window = i % windows;
        const float *first_pixel = x + i / windows * image;
        const span spans[3] = {
            span_of(p, 0, window / p->out[2] / p->out[1]),
            span_of(p, 1, window / p->out[2] % p->out[1]),
            span_of(p, 2, window % p->out[2]),
        };
        bool first = true;
        for (int32_t j = 0; j < n; j++) {
            y[j] = -(float)INFINITY;
            places[j] = -1;
        }
        EACH_TAP(p, spans, first_pixel, {
            const float at = (float)((from - first_pixel) / n);
            for (int32_t j = 0; j < n; j++) {
                const bool better =
                    first || (!(from[j] <= y[j]) && y[j] == y[j]);
                y[j] = better ? from[j] : y[j];
                places[j] = better ? at : places[j];
            }
            first = false;
        })
    }
}

/* Each gradient goes to the pixel of the largest number; `stores`: each pixel
 * is in one window alone. */
APART static void pool_largest_grad(const pool *p, const float *places,
                                    const float *dy, bool stores, float *dx)
{
    const int32_t image = p->in[0] * p->in[1] * p->in[2] * p->channels;
    const int32_t windows = p->out[0] * p->out[1] * p->out[2], n = p->channels;
    for (int32_t i = 0; i < p->images * windows; i++, dy += n, places += n) {
        float *to = dx + i / windows * image;
        for (int32_t j = 0; j < n; j++) {
            const int32_t at = (int32_t)places[j] * n + j;
            if (at < 0) continue;
            to[at] = stores ? dy[j] : to[at] + dy[j];
        }
    }
}

/* Each gradient goes in equal parts to the pixels of its window. */
APART static void pool_mean_grad(const pool *p, const float *dy, bool stores,
                                 float *dx)
{
    const int32_t image = p->in[0] * p->in[1] * p->in[2] * p->channels;
    const int32_t windows = p->out[0] * p->out[1] * p->out[2], n = p->channels;
    for (int32_t i = 0; i < p->images * windows; i++, dy += n) {
        const int32_t window = i % windows;
        const float *first_pixel = dx + i / windows * image;
        const span spans[3] = {
            span_of(p, 0, window / p->out[2] / p->out[1]),
            span_of(p, 1, window / p->out[2] % p->out[1]),
            span_of(p, 2, window % p->out[2]),
        };
        const int32_t padded =
            spans[0].padded * spans[1].padded * spans[2].padded;
        const float count = (float)(p->divisor > 0    ? p->divisor
                                    : p->divisor == 0 ? padded
                                                      : taps_inside(spans));
        EACH_TAP(p, spans, first_pixel, {
            float *to = dx + (from - dx);
            for (int32_t j = 0; j < n; j++) {
                const float v = dy[j] / count;
                to[j] = stores ? v : to[j] + v;
            }
        })
    }
}
