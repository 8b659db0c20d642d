/* What the numbers in an options struct mean. */
#include "base/base.h"

int64_t fv__option_count(int64_t option, int64_t fallback)
{
    if (option == 0) return fallback;
    return option == FV_OFF ? 0 : option;
}

double fv__option_number(double option, double fallback)
{
    if (option == 0) return fallback;
    return option == FV_OFF ? 0 : option;
}

void fv__option_pair(const int64_t option[2], int64_t fallback, int64_t out[2])
{
    out[0] = fv__option_count(option[0], fallback);
    out[1] = fv__option_count(option[1], out[0]);
}
