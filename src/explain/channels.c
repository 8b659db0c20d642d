/* Pictures of what layers compute: the channels of a value, and filters. */
#include "explain/explain.h"

#include <math.h>

enum { MOST = 64 }; /* channels or filters, unless the options say */

/* How many of `count` are shown; 0 after a failure. */
static int64_t shown(fv_context *context, const char *who,
                     const fv_explain_options *options, int64_t count)
{
    if (options->most >= 0)
        return fv__min(fv__option_count(options->most, MOST), count);
    fv_fail(context, FV_MISUSE, "%s: at most %lld of %lld are to be shown", who,
            (long long)options->most, (long long)count);
    return 0;
}

/* ---- the channels of a value -------------------------------------------- */

/* Draws a channel of [1, h, w, c], whose numbers from the smallest to the
 * largest become 0 to 1. */
static void draw_channel(const fv__tiles *tiles, const fv_tensor *value,
                         int64_t channel)
{
    const int64_t pixels = value->shape[1] * value->shape[2];
    double least = (double)INFINITY, most = -(double)INFINITY;
    for (int64_t i = 0; i < pixels; i++) {
        const double x = fv__real_at(value, i * value->shape[3] + channel);
        least = fmin(least, x);
        most = fmax(most, x);
    }
    for (int64_t i = 0; i < pixels; i++) {
        const double x = fv__real_at(value, i * value->shape[3] + channel);
        unsigned char rgb[3];
        fv__map_colour(most > least ? (x - least) / (most - least) : 0, rgb);
        fv__tiles_set(tiles, channel, i / value->shape[2], i % value->shape[2],
                      rgb);
    }
}

fv_tensor fv_feature_maps(fv_network *network, const fv_tensor *image,
                          const fv_explain_options *options)
{
    fv__probe p;
    fv__tiles tiles = { .picture = fv__tensor_failed() };
    int32_t place = -1;
    if (fv__probe_begin(&p, "feature_maps", network, image, options) == FV_OK)
        place = fv__probe_layer(&p);
    if (place >= 0 && p.options.decision)
        *p.options.decision =
            (fv_decision){ .class_index = FV_PREDICTED,
                           .score = (double)NAN,
                           .probability = (double)NAN,
                           .layer = network->places[place].layer->name };
    if (place >= 0) {
        const fv_variable *layer = p.results[network->places[place].first];
        const fv_tensor *value = &layer->value;
        const int64_t count =
            shown(p.context, p.who, &p.options, value->shape[3]);
        if (count)
            tiles = fv__tiles_new(p.context, p.who, count, 0, value->shape[1],
                                  value->shape[2]);
        for (int64_t k = 0; k < count && tiles.picture.data; k++)
            draw_channel(&tiles, value, k);
    }
    fv__probe_end(&p);
    return tiles.picture;
}

/* ---- filters ------------------------------------------------------------ */

/* The weights [filters, kh, kw, c] of a convolution; NULL if it has none. */
static const fv_tensor *filters_of(const fv_layer *layer)
{
    if (!layer->type->convolution) return NULL;
    for (int32_t k = 0; k < layer->num_parameters; k++) {
        const fv__parameter *parameter = &layer->parameters[k];
        if (parameter->filters && parameter->rank == 4)
            return &parameter->variable->value;
    }
    return NULL;
}

/* The weights of the layer of that name, or of the first convolution. */
static const fv_tensor *find_filters(const char *who, const fv_network *network,
                                     const char *name)
{
    fv_context *context = network->context;
    const int32_t named = name ? fv__explain_find(who, network, name) : 0;
    if (named < 0) return NULL;
    for (int32_t i = named; i < network->count; i++) {
        const fv_tensor *filters = filters_of(network->places[i].layer);
        if (filters) return filters;
        if (name) break;
    }
    if (name)
        fv_fail(context, FV_MISUSE,
                "%s: %s is no convolution of rows and columns", who, name);
    else
        fv_fail(context, FV_UNSUPPORTED,
                "%s: the network has no convolution of rows and columns", who);
    return NULL;
}

/* Draws filter f: in colours as one tile, else its channels as `columns` tiles.
 * Weights from -most to most become 0 to 255. */
static void draw_filter(const fv__tiles *tiles, const fv_tensor *filters,
                        int64_t f, bool colours, int64_t columns)
{
    const int64_t channels = filters->shape[3];
    const int64_t taps = filters->shape[1] * filters->shape[2];
    double most = 0;
    for (int64_t i = 0; i < taps * channels; i++)
        most = fmax(most, fabs(fv__real_at(filters, f * taps * channels + i)));
    for (int64_t i = 0; i < taps * columns; i++) {
        const int64_t tap = i % taps, column = i / taps;
        unsigned char rgb[3];
        for (int c = 0; c < 3; c++) {
            const int64_t channel = colours ? c : column;
            const double weight =
                fv__real_at(filters, (f * taps + tap) * channels + channel);
            const double part = most > 0 ? weight / most : 0;
            rgb[c] = (unsigned char)lround(127.5 + 127.5 * part);
        }
        fv__tiles_set(tiles, f * columns + column, tap / filters->shape[2],
                      tap % filters->shape[2], rgb);
    }
}

fv_tensor fv_filters(fv_network *network, const fv_explain_options *options)
{
    static const char who[] = "filters";
    fv_explain_options o;
    const fv_tensor failed = fv__tensor_failed();
    if (!network || !fv__ok(network->context)) return failed;
    fv_context *context = network->context;
    if (!fv__options(context, who, options, &o, sizeof o)
        || fv__network_draw(network) != FV_OK)
        return failed;
    const fv_tensor *filters = find_filters(who, network, o.layer);
    if (!filters) return failed;
    const int64_t count = shown(context, who, &o, filters->shape[0]);
    const bool colours = filters->shape[3] == 3;
    const int64_t columns =
        colours ? 1 : shown(context, who, &o, filters->shape[3]);
    if (!count || !columns) return failed;
    const fv__tiles tiles =
        fv__tiles_new(context, who, count * columns, columns > 1 ? columns : 0,
                      filters->shape[1], filters->shape[2]);
    for (int64_t f = 0; f < count && tiles.picture.data; f++)
        draw_filter(&tiles, filters, f, colours, columns);
    return tiles.picture;
}
