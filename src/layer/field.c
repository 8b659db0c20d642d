/* Options that are left out: how they are marked, and their defaults. */
#include "layer/layer.h"

#include <math.h>

static int64_t *counts_of(const fv__field *field, void *options)
{
    return (int64_t *)(void *)((unsigned char *)options + field->offset);
}

static double *number_of(const fv__field *field, void *options)
{
    return (double *)(void *)((unsigned char *)options + field->offset);
}

enum { MISSING = -1 };

void fv__field_clear(const fv__field *field, void *options)
{
    int64_t *counts = counts_of(field, options);
    switch (field->kind) {
    case FV__FIELD_PAIR:
    case FV__FIELD_PADDING:
        counts[1] = MISSING;
        counts[0] = MISSING;
        return;
    case FV__FIELD_COUNT:
        counts[0] = MISSING;
        return;
    case FV__FIELD_NUMBER:
        *number_of(field, options) = (double)NAN;
        return;
    case FV__FIELD_LIMIT:
    case FV__FIELD_EXTENTS:
    case FV__FIELD_SWITCH:
    case FV__FIELD_LACK:
    case FV__FIELD_WORD:
        return; /* 0 is the default already */
    }
}

void fv__field_usual(const fv__field *field, const void *options,
                     int64_t pair[2])
{
    const unsigned char *at = (const unsigned char *)options + field->as;
    for (int32_t i = 0; i < 2; i++)
        pair[i] = field->as ? ((const int64_t *)(const void *)at)[i]
                            : (int64_t)field->usual;
}

void fv__field_resolve(const fv__field *field, void *options, bool text)
{
    int64_t *counts = counts_of(field, options), usual[2];
    double *number = number_of(field, options);
    const int64_t missing = text ? MISSING : 0;
    if (!text && !field->positive) return;
    switch (field->kind) {
    case FV__FIELD_PAIR:
    case FV__FIELD_PADDING:
        fv__field_usual(field, options, usual);
        fv__option_pair(counts, missing, usual);
        return;
    case FV__FIELD_COUNT:
        if (*counts == missing) *counts = (int64_t)field->usual;
        return;
    case FV__FIELD_NUMBER:
        if (text ? isnan(*number) : *number == 0) *number = field->usual;
        return;
    case FV__FIELD_LIMIT:
    case FV__FIELD_EXTENTS:
    case FV__FIELD_SWITCH:
    case FV__FIELD_LACK:
    case FV__FIELD_WORD:
        return;
    }
}
