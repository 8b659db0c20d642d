/* Whether a condition does not hold: the layer. */
#include "op/op.h"

const fv__layer_type fv__layer_not = { FV__PLAIN_LAYER("not", fv_not),
                                       .about = "whether x does not hold" };
