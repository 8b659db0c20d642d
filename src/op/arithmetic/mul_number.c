/* s x of each element; -0 is added, which changes nothing. */
#include "op/op.h"

const fv_operator fv__op_mul_number = { FV__UNARY_OPERATOR("mul_number", 0) };

fv_variable *fv_mul_number(fv_variable *a, double s)
{
    return fv__apply_unary(&fv__op_mul_number, a, FV__SCALE_ADD, s, -0.0);
}
