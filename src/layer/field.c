/* Options that are left out: how they are marked, and their defaults. */
#include "layer/layer.h"

#include <math.h>
#include <string.h>

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
    case FV__FIELD_AXES:
    case FV__FIELD_PADDING:
        for (int32_t i = 0; i < FV__AXES; i++) counts[i] = MISSING;
        return;
    case FV__FIELD_COUNT:
        counts[0] = MISSING;
        return;
    case FV__FIELD_NUMBER:
    case FV__FIELD_INTERVAL:
        *number_of(field, options) = (double)NAN;
        return;
    case FV__FIELD_INDEX:
        counts[0] = INT64_MIN;
        return;
    case FV__FIELD_LIMIT:
    case FV__FIELD_EXTENTS:
    case FV__FIELD_LIST:
    case FV__FIELD_LABEL:
    case FV__FIELD_SWITCH:
    case FV__FIELD_LACK:
    case FV__FIELD_WORD:
    case FV__FIELD_NUMBERS:
    case FV__FIELD_TEXT:
        return; /* 0 is the default already */
    }
}

/* Where the pointer to that memory is, which may be of any type. */
static unsigned char *pointer_of(const fv__field *field, const void *options)
{
    unsigned char *at = (unsigned char *)(uintptr_t)options + field->offset;
    if (field->kind == FV__FIELD_TEXT) return at;
    return field->kind == FV__FIELD_NUMBERS ? at + offsetof(fv_numbers, at)
                                            : NULL;
}

void *fv__field_memory(const fv__field *field, const void *options)
{
    const unsigned char *at = pointer_of(field, options);
    void *memory = NULL;
    if (at) memcpy(&memory, at, sizeof memory);
    return memory;
}

void fv__field_take(fv_context *context, const fv__field *field, void *options)
{
    const void *memory = fv__field_memory(field, options);
    const fv_numbers *numbers = (const void *)counts_of(field, options);
    void *copy = NULL;
    if (!pointer_of(field, options)) return;
    if (field->kind == FV__FIELD_NUMBERS && numbers->count > 0 && memory) {
        const size_t bytes = (size_t)numbers->count * sizeof(double);
        copy = fv__allocate(context, FV__RUN, bytes);
        if (copy) memcpy(copy, memory, bytes);
    } else if (field->kind == FV__FIELD_TEXT && memory)
        copy = fv__copy_text(context, FV__RUN, memory, strlen(memory));
    memcpy(pointer_of(field, options), &copy, sizeof copy);
}

int32_t fv__field_axes(const fv__field *field)
{
    return field->axes ? field->axes : 2;
}

void fv__field_usual(const fv__field *field, const void *options,
                     int64_t values[FV__AXES])
{
    const unsigned char *at = (const unsigned char *)options + field->as;
    for (int32_t i = 0; i < FV__AXES; i++)
        values[i] = field->as ? ((const int64_t *)(const void *)at)[i]
                              : (int64_t)field->usual;
}

void fv__field_resolve(const fv__field *field, void *options, bool text)
{
    int64_t *counts = counts_of(field, options), usual[FV__AXES];
    double *number = number_of(field, options);
    const int64_t missing = text ? MISSING : 0;
    if (!text && !field->positive) return;
    switch (field->kind) {
    case FV__FIELD_AXES:
    case FV__FIELD_PADDING:
        fv__field_usual(field, options, usual);
        fv__option_axes(FV__AXES, counts, missing, usual);
        return;
    case FV__FIELD_COUNT:
        if (*counts == missing) *counts = (int64_t)field->usual;
        return;
    case FV__FIELD_NUMBER:
        if (text ? isnan(*number) : *number == 0) *number = field->usual;
        return;
    case FV__FIELD_INTERVAL:
        if (!isnan(number[0])) return;
        number[0] = field->usual;
        number[1] = field->high != 0 ? field->high : (double)NAN;
        return;
    case FV__FIELD_INDEX:
        if (text && *counts == INT64_MIN) *counts = (int64_t)field->usual;
        return;
    case FV__FIELD_LIMIT:
    case FV__FIELD_EXTENTS:
    case FV__FIELD_LIST:
    case FV__FIELD_LABEL:
    case FV__FIELD_SWITCH:
    case FV__FIELD_LACK:
    case FV__FIELD_WORD:
    case FV__FIELD_NUMBERS:
    case FV__FIELD_TEXT:
        return;
    }
}

/* ---- whole tables -------------------------------------------------------- */

double fv__field_number(const fv__field *field, const void *options)
{
    double number;
    memcpy(&number, (const unsigned char *)options + field->offset,
           sizeof number);
    return number;
}

bool fv__field_on(const fv__field *field, const void *options)
{
    if (field->kind == FV__FIELD_NUMBER)
        return fv__field_number(field, options) != 0;
    int32_t word;
    memcpy(&word, (const unsigned char *)options + field->offset, sizeof word);
    return word != 0;
}

const fv__field *fv__field_find(const fv__field *fields, const char *key)
{
    while (strcmp(fields->key, key) != 0) fields++;
    return fields;
}

void fv__fields_resolve(const fv__field *fields, void *options)
{
    for (const fv__field *f = fields; f && f->key; f++) {
        fv__field_resolve(f, options, false);
        if (!f->paired || fv__field_on(f, options)
            || fv__field_on(f + 1, options))
            continue;
        for (int i = 0; i < 2; i++)
            memcpy((unsigned char *)options + f[i].offset, &f[i].usual,
                   sizeof f[i].usual);
    }
}

/* A range, and what a number outside of it is not. */
static const struct {
    const char *words;
    double low, high;
    bool low_legal, high_legal;
} ranges[] = {
    [FV__ANY] = { NULL, -(double)INFINITY, (double)INFINITY, true, true },
    [FV__AT_LEAST_0] = { "a number of at least 0", 0, (double)INFINITY, true,
                         false },
    [FV__ABOVE_0] = { "above 0 and finite", 0, (double)INFINITY, false, false },
    [FV__0_TO_BELOW_1] = { "at least 0 and below 1", 0, 1, true, false },
    [FV__BETWEEN_0_AND_1] = { "above 0 and below 1", 0, 1, false, false },
    [FV__ABOVE_0_TO_1] = { "above 0 and at most 1", 0, 1, false, true },
    [FV__0_TO_1] = { "in 0..1", 0, 1, true, true },
};

const char *fv__range_text(fv__range range) { return ranges[range].words; }

static bool is_in(fv__range range, double number)
{
    const double low = ranges[range].low, high = ranges[range].high;
    return range == FV__ANY || (number > low && number < high)
           || (number == low && ranges[range].low_legal)
           || (number == high && ranges[range].high_legal);
}

static void check_number(fv_context *context, const char *who,
                         const fv__field *field, double number)
{
    if (!is_in(field->range, number))
        fv_fail(context, FV_MISUSE, "%s: %s %s is not %s", who, field->key,
                FV__NUMBER(number), fv__range_text(field->range));
}

fv_status fv__fields_check(fv_context *context, const char *who,
                           const fv__field *fields, const void *options)
{
    for (const fv__field *f = fields; f && f->key && fv__ok(context); f++) {
        if (f->kind != FV__FIELD_NUMBER && f->kind != FV__FIELD_INTERVAL)
            continue;
        fv__interval pair = { fv__field_number(f, options), (double)NAN };
        if (f->kind == FV__FIELD_INTERVAL)
            memcpy(&pair, (const unsigned char *)options + f->offset,
                   sizeof pair);
        check_number(context, who, f, pair.low);
        if (!isnan(pair.high)) check_number(context, who, f, pair.high);
        if (pair.low > pair.high && !f->apart)
            fv_fail(context, FV_MISUSE, "%s: %s %s,%s falls", who, f->key,
                    FV__NUMBER(pair.low), FV__NUMBER(pair.high));
    }
    return fv_failed(context);
}
