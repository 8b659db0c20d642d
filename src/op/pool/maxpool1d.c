/* The layer of max pooling along one axis. */
#include "op/pool/window.h"

static const fv__field fields[] = {
    FV__POOL_FIELDS(1),
    { .key = NULL },
};

const fv__layer_type fv__layer_maxpool1d = {
    FV__POOL_LAYER("maxpool1d", maxpool,
                   "the largest value of each window of a sequence {l, c}"),
};
