/* The constants of predicted times, alone in their object file: the program of
 * tools/calibrate has others in their place. */
#include "conv/cost.h"

#define VALUE(theme, name, value, how, unit, what) .theme##_##name = (value),
const fv__conv_costs fv__costs = { FV__CONV_COSTS(VALUE) };
#undef VALUE
