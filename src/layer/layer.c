/* Making layers from their options. */
#include "layer/layer.h"

#include <math.h>
#include <string.h>

const fv__layer_type *fv__layer_type_find(const char *kind, size_t length)
{
    for (size_t i = 0; fv__layer_types[i]; i++)
        if (strlen(fv__layer_types[i]->kind) == length
            && !strncmp(fv__layer_types[i]->kind, kind, length))
            return fv__layer_types[i];
    return NULL;
}

/* The text of an option. */
static const char **text_at(const fv_layer *layer, size_t offset)
{
    return (const char **)(void *)((unsigned char *)layer->options + offset);
}

static void release_fields(const fv_layer *layer)
{
    const fv__field *field = layer->options ? layer->type->fields : NULL;
    for (; field && field->key; field++)
        fv__release(layer->context, fv__field_memory(field, layer->options));
}

static void destroy(void *object)
{
    fv_layer *layer = object;
    for (int32_t i = 0; i < FV__MAX_PARAMETERS; i++)
        if (!layer->parameters[i].shared)
            fv_variable_free(layer->parameters[i].variable);
    fv__release(layer->context, layer->name);
    fv__release(layer->context, layer->from);
    fv__release(layer->context, layer->weights);
    release_fields(layer);
    fv__release(layer->context, layer->options);
    fv__release(layer->context, layer);
}

/* Rewrites the padding of both sides as begin and end. */
static fv_status resolve_padding(const fv_layer *layer, const fv__field *field)
{
    unsigned char *options = layer->options;
    int64_t *begin = (int64_t *)(void *)(options + field->offset);
    int64_t *both = (int64_t *)(void *)(options + field->both);
    int64_t *end = (int64_t *)(void *)(options + field->end);
    int32_t mode;
    memcpy(&mode, options + field->mode, sizeof mode);
    if (mode)
        for (int32_t i = 0; i < FV__AXES; i++) begin[i] = end[i] = 0;
    else if (fv__option_padding(layer->context, layer->name,
                                fv__field_axes(field), both, begin, end)
             != FV_OK)
        return fv_failed(layer->context);
    for (int32_t i = 0; i < FV__AXES; i++) both[i] = 0;
    return FV_OK;
}

/* Refuses numbers that are no words of their enum, and no numbers at all. */
static fv_status check_options(const fv_layer *layer)
{
    const fv__field *field = layer->type->fields;
    const unsigned char *options = layer->options;
    for (; field && field->key; field++) {
        if (field->kind == FV__FIELD_NUMBER) {
            double number;
            memcpy(&number, options + field->offset, sizeof number);
            if (!isfinite(number))
                return fv_fail(layer->context, FV_MISUSE, "%s: %s %s",
                               layer->name, field->key, FV__NUMBER(number));
        }
        if (!field->words) continue;
        bool padding = field->kind == FV__FIELD_PADDING;
        int32_t word, count = 0;
        memcpy(&word, options + (padding ? field->mode : field->offset),
               sizeof word);
        while (field->words[count]) count++;
        if (word < 0 || word >= count)
            return fv_fail(layer->context, FV_MISUSE,
                           "%s: %s %ld is unknown (0 to %ld)", layer->name,
                           padding ? "auto_pad" : field->key, (long)word,
                           (long)count - 1);
    }
    return FV_OK;
}

/* Replaces a text of the copied options by the layer's own copy. */
static char *take_text(const fv_layer *layer, size_t offset)
{
    const char **at = text_at(layer, offset);
    const char *text = *at;
    *at = NULL;
    return text ? fv__copy_text(layer->context, FV__RUN, text, strlen(text))
                : NULL;
}

static fv_status take_options(fv_layer *layer, const void *options)
{
    const fv__layer_type *type = layer->type;
    fv_context *context = layer->context;
    layer->options = fv__allocate(context, FV__RUN, type->options_size);
    if (layer->options
        && !fv__options(context, type->kind, options, layer->options,
                        type->options_size)) {
        fv__release(context, layer->options);
        layer->options = NULL;
    }
    if (!layer->options) return fv_failed(context);
    for (const fv__field *field = type->fields; field && field->key; field++)
        fv__field_take(context, field, layer->options);
    layer->name = take_text(layer, type->name);
    layer->named = layer->name != NULL;
    if (!layer->named)
        layer->name =
            fv__copy_text(context, FV__RUN, type->kind, strlen(type->kind));
    layer->from = take_text(layer, type->from);
    layer->weights = take_text(layer, type->weights);
    const unsigned char *in_shape =
        (const unsigned char *)layer->options + type->in_shape;
    layer->declared = fv__shape_of((const int64_t *)(const void *)in_shape);
    if (!fv__ok(context) || check_options(layer) != FV_OK)
        return fv_failed(context);
    fv__fields_resolve(type->fields, layer->options);
    for (const fv__field *field = type->fields; field && field->key; field++)
        if (field->kind == FV__FIELD_PADDING
            && resolve_padding(layer, field) != FV_OK)
            return fv_failed(context);
    return FV_OK;
}

fv_layer *fv__layer_new(const fv__layer_type *type, const void *options)
{
    fv_context *context =
        options ? ((const fv_layer_options *)options)->context : NULL;
    if (!fv__ok(context)) return NULL;
    fv_layer *layer = fv__allocate_zero(context, FV__RUN, sizeof *layer);
    if (!layer) return NULL;
    layer->context = context;
    layer->type = type;
    fv__adopt(context, &layer->object, destroy);
    if (take_options(layer, options) == FV_OK) return layer;
    fv__destroy(layer);
    return NULL;
}

const char *fv_layer_kind(const fv_layer *layer)
{
    return layer ? layer->type->kind : "";
}

const char *fv_layer_name(const fv_layer *layer)
{
    return layer ? layer->name : "";
}
