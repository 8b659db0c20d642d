/* s x of each element; -0 is added, which changes nothing. */
#include "op/op.h"

const fv_operator fv__op_mul_number = { FV__MAPPING("mul_number", 0) };

fv_variable *fv_mul_number(fv_variable *a, double s)
{
    return fv__apply_mapping(&fv__op_mul_number, a, FV__SCALE_ADD, s, -0.0);
}
