/* s - x of each element. */
#include "op/op.h"

const fv_operator fv__op_number_sub = { FV__UNARY_OPERATOR("number_sub", 0) };

fv_variable *fv_number_sub(double s, fv_variable *a)
{
    return fv__apply_unary(&fv__op_number_sub, a, FV__SCALE_ADD, -1, s);
}
