/* How depthwise convolutions are cut, and inputs spread over the filters of a
 * channel. */
#include "kernel/conv_depthwise.h"

void fv__depthwise_cut(fv__depthwise_plan *p, int64_t channels, int64_t pieces)
{
    if (p->worker) pieces = 1;
    pieces = fv__max(1, fv__min(pieces, channels / FV__DEPTHWISE_CHANNELS));
    p->channels =
        fv__divide_up(fv__divide_up(channels, pieces), FV__DEPTHWISE_CHANNELS)
        * FV__DEPTHWISE_CHANNELS;
    p->pieces = fv__divide_up(channels, p->channels);
}

static void spread_pixel(const fv__spread *s, const char *x, char *out)
{
    size_t size = s->element, channels = s->channels, filters = s->filters;

    for (size_t c = 0; c < channels; c++)
        for (size_t f = 0; f < filters; f++) {
            size_t whole = c * filters + f;

            fv__copy_element(size,
                             out + (s->apart ? f * channels + c : whole) * size,
                             x + (s->apart ? whole : c) * size);
        }
}

void fv__spread_row(const fv__spread *s, const char *x, int64_t columns,
                    char *out)
{
    int64_t step = s->step * (int64_t)s->element;

    for (int64_t i = 0; i < columns; i++, x += step) {
        spread_pixel(s, x, out);
        out += s->channels * s->filters * s->element;
    }
}

size_t fv__spread_elements(const fv__geometry *g, fv__direction direction)
{
    int64_t columns = direction == FV__BACKWARD_DATA ? g->out[1] : g->in[1];

    return (size_t)(columns * g->filters);
}

/* Bytes of the rows that the taps of one output meet; 0: none are spread. */
size_t fv__spread_bytes(const fv_context *context, const fv__geometry *g,
                        fv__direction direction)
{
    size_t bytes = fv__spread_elements(g, direction);

    if (g->filters == g->channels) return 0;
    if (!fv__multiply(bytes, (size_t)g->kernel[0], &bytes)
        || !fv__multiply(bytes, fv__element(context->kernels), &bytes)
        || bytes > SIZE_MAX - 64)
        return SIZE_MAX;
    return fv__align(bytes);
}
