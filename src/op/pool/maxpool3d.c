/* The layer of max pooling along three axes. */
#include "op/pool/window.h"

static const fv__field fields[] = {
    FV__POOL_FIELDS(3),
    { .key = NULL },
};

const fv__layer_type fv__layer_maxpool3d = {
    FV__POOL_LAYER("maxpool3d", maxpool,
                   "the largest value of each window of a volume {d, h, w, c}"),
};
