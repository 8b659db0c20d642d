/* The layer of average pooling along three axes. */
#include "op/pool/window.h"

static const fv__field fields[] = {
    FV__POOL_FIELDS(3),
    FV__AVGPOOL_FIELDS,
    { .key = NULL },
};

const fv__layer_type fv__layer_avgpool3d = {
    FV__POOL_LAYER("avgpool3d", avgpool,
                   "the mean of each window of a volume {d, h, w, c}"),
};
