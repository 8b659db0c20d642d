/* The layer of average pooling along one axis. */
#include "op/pool/window.h"

static const fv__field fields[] = {
    FV__POOL_FIELDS(1),
    FV__AVGPOOL_FIELDS,
    { .key = NULL },
};

const fv__layer_type fv__layer_avgpool1d = {
    FV__POOL_LAYER("avgpool1d", avgpool,
                   "the mean of each window of a sequence {l, c}"),
};
