/* s - x of each element. */
#include "op/op.h"

const fv_operator fv__op_number_sub = { FV__MAPPING("number_sub", 0) };

fv_variable *fv_number_sub(double s, fv_variable *a)
{
    return fv__apply_mapping(&fv__op_number_sub, a, FV__SCALE_ADD, -1, s);
}
