/* Options by table: defaults and ranges. */
#include "train/setting.h"

#include <math.h>
#include <string.h>

static const unsigned char *at(const fv__setting *setting, const void *options)
{
    return (const unsigned char *)options + setting->field.offset;
}

double fv__setting_number(const fv__setting *setting, const void *options)
{
    double number;
    memcpy(&number, at(setting, options), sizeof number);
    return number;
}

static int32_t word_of(const fv__setting *setting, const void *options)
{
    int32_t word;
    memcpy(&word, at(setting, options), sizeof word);
    return word;
}

bool fv__setting_on(const fv__setting *setting, const void *options)
{
    if (setting->field.kind == FV__FIELD_NUMBER)
        return fv__setting_number(setting, options) != 0;
    return word_of(setting, options) != 0;
}

const fv__setting *fv__setting_find(const fv__setting *settings,
                                    const char *key)
{
    while (strcmp(settings->field.key, key) != 0) settings++;
    return settings;
}

void fv__settings_resolve(const fv__setting *settings, void *options)
{
    for (const fv__setting *s = settings; s->field.key; s++) {
        fv__field_resolve(&s->field, options, false);
        if (!s->paired || fv__setting_on(s, options)
            || fv__setting_on(s + 1, options))
            continue;
        for (int i = 0; i < 2; i++)
            memcpy((unsigned char *)options + s[i].field.offset,
                   &s[i].field.usual, sizeof s[i].field.usual);
    }
}

/* A range, and what a number outside of it is not. */
static const struct {
    const char *words;
    double low, high;
    bool low_legal;
} ranges[] = {
    [FV__AT_LEAST_0] = { "a number of at least 0", 0, (double)INFINITY, true },
    [FV__ABOVE_0] = { "above 0 and finite", 0, (double)INFINITY, false },
    [FV__0_TO_BELOW_1] = { "at least 0 and below 1", 0, 1, true },
    [FV__BETWEEN_0_AND_1] = { "above 0 and below 1", 0, 1, false },
};

static fv_status check_number(fv_context *context, const char *who,
                              const fv__setting *setting, double number)
{
    const fv__range range = setting->range;
    if (range == FV__ANY
        || ((number > ranges[range].low
             || (ranges[range].low_legal && number == ranges[range].low))
            && number < ranges[range].high))
        return FV_OK;
    return fv_fail(context, FV_MISUSE, "%s: %s %s is not %s", who,
                   setting->field.key, FV__NUMBER(number), ranges[range].words);
}

fv_status fv__settings_check(fv_context *context, const char *who,
                             const fv__setting *settings, const void *options)
{
    for (const fv__setting *s = settings; s->field.key && fv__ok(context); s++)
        if (s->field.kind == FV__FIELD_NUMBER)
            check_number(context, who, s, fv__setting_number(s, options));
    return fv_failed(context);
}
