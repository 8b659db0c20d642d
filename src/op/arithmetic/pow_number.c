/* x^s of each element; the gradient of x^0 is 0. */
#include "op/op.h"

const fv_operator fv__op_pow_number = { FV__UNARY_OPERATOR("pow_number",
                                                           FV_READS_INPUT(0)) };

fv_variable *fv_pow_number(fv_variable *a, double s)
{
    return fv__apply_unary(&fv__op_pow_number, a, FV__POWER, s, 0);
}
