/* What layer types there are, and their options. */
#include "layer/layer.h"

#include <math.h>

static const fv__layer_type *type_at(int32_t index)
{
    for (int32_t i = 0; i <= index && fv__layer_types[i]; i++)
        if (i == index) return fv__layer_types[i];
    return NULL;
}

fv_layer_kind_facts fv_layer_kind_at(int32_t index)
{
    const fv__layer_type *type = type_at(index);
    if (!type) return (fv_layer_kind_facts){ 0 };
    return (fv_layer_kind_facts){ .kind = type->kind,
                                  .about = type->about,
                                  .min_inputs = type->min_inputs,
                                  .max_inputs = type->max_inputs,
                                  .loss = type->target != FV__NO_TARGET };
}

static const char *type_of(const fv__field *field)
{
    switch (field->kind) {
    case FV__FIELD_COUNT:
    case FV__FIELD_LIMIT:
        return "whole number";
    case FV__FIELD_INDEX:
    case FV__FIELD_LABEL:
        return "whole number, maybe negative";
    case FV__FIELD_AXES:
    case FV__FIELD_PADDING:
        return fv__field_axes(field) == 1   ? "whole number"
               : fv__field_axes(field) == 2 ? "two whole numbers"
                                            : "three whole numbers";
    case FV__FIELD_EXTENTS:
        return "one to seven whole numbers";
    case FV__FIELD_LIST:
        return "list of whole numbers";
    case FV__FIELD_NUMBERS:
        return "list of numbers";
    case FV__FIELD_TEXT:
        return "text";
    case FV__FIELD_NUMBER:
        return "number";
    case FV__FIELD_INTERVAL:
        return "number, or two";
    case FV__FIELD_SWITCH:
    case FV__FIELD_LACK:
        return "yes or no";
    case FV__FIELD_WORD:
        return "word";
    }
    return "";
}

/* The option at that offset. */
static const char *name_at(const fv__field *fields, size_t offset)
{
    while (fields->key && fields->offset != offset) fields++;
    return fields->key;
}

fv_layer_option fv__field_facts(const fv__field *fields, int32_t option)
{
    const fv__field *field = fields;
    for (int32_t i = 0; field && field->key && i < option; i++) field++;
    if (!field || !field->key || option < 0) return (fv_layer_option){ 0 };
    const bool number = field->kind == FV__FIELD_NUMBER;
    return (fv_layer_option){
        .name = field->key,
        .type = type_of(field),
        .words = field->words,
        .range = fv__range_text(field->range),
        .as = field->as ? name_at(fields, field->as) : NULL,
        .usual =
            field->kind == FV__FIELD_LACK    ? 1
            : field->kind == FV__FIELD_LIMIT ? (double)INFINITY
            : field->kind == FV__FIELD_LABEL || field->kind == FV__FIELD_NUMBERS
                ? (double)NAN
                : field->usual,
        .high = field->high,
        .required =
            field->positional && !field->optional && !number && !field->as,
        .by_position = field->positional,
    };
}

fv_layer_option fv_layer_option_at(int32_t index, int32_t option)
{
    const fv__layer_type *type = type_at(index);
    return fv__field_facts(type ? type->fields : NULL, option);
}
