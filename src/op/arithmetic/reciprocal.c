/* 1 / x of each element. */
#include "op/op.h"

fv_variable *fv_reciprocal(fv_variable *a) { return fv_number_div(1, a); }

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_reciprocal = {
    FV__PLAIN_LAYER("reciprocal", fv_reciprocal), .about = "1 / x"
};
