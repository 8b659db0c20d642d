/* Options that several kinds of transforms have. */
#include "augment/shared.h"

#include <math.h>

enum { LONGEST = 1 << 20 };

const char *const fv__filter_words[] = { "",         "nearest", "area",
                                         "bilinear", "bicubic", "lanczos",
                                         NULL };
const char *const fv__stage_words[] = { "", "training", "evaluation", "both",
                                        NULL };
const char *const fv__warp_words[] = { "", "nearest", "bilinear", NULL };
const char *const fv__border_words[] = { "constant", "reflect", "edge", NULL };

fv__interval fv__around(const fv__interval *given, double centre)
{
    if (!isnan(given->high)) return *given;
    return (fv__interval){ centre - given->low, centre + given->low };
}

bool fv__interval_is(const fv__interval *interval, double number)
{
    return interval->low == number
           && (isnan(interval->high) || interval->high == number);
}

double fv__draw_from(fv__draws *draws, const fv__interval *interval)
{
    return fv__draw_between(draws, interval->low,
                            isnan(interval->high) ? interval->low
                                                  : interval->high);
}

fv_status fv__fill_check(fv_context *context, const char *who,
                         const int64_t fill[3], int64_t mask_fill)
{
    for (int i = 0; i < 3; i++)
        if (fill[i] > 255)
            return fv_fail(context, FV_MALFORMED, "%s: fill %lld is above 255",
                           who, (long long)fill[i]);
    if (mask_fill <= 255) return FV_OK;
    return fv_fail(context, FV_MALFORMED, "%s: mask_fill %lld is above 255",
                   who, (long long)mask_fill);
}

fv_status fv__size_check(fv_context *context, const char *who, int64_t rows,
                         int64_t columns)
{
    if (rows <= LONGEST && columns <= LONGEST) return FV_OK;
    return fv_fail(context, FV_MALFORMED,
                   "%s: %lld rows x %lld columns, expected at most %d", who,
                   (long long)rows, (long long)columns, LONGEST);
}
