/* s / x of each element. */
#include "op/op.h"

const fv_operator fv__op_number_div = { FV__UNARY_OPERATOR(
    "number_div", FV_READS_INPUT(0) | FV_READS_OUTPUT) };

fv_variable *fv_number_div(double s, fv_variable *a)
{
    return fv__apply_unary(&fv__op_number_div, a, FV__RECIPROCAL, s, 0);
}
