/* The layer of Lp pooling along three axes. */
#include "op/pool/window.h"

static const fv__field fields[] = {
    FV__POOL_FIELDS(3),
    FV__LPPOOL_FIELDS,
    { .key = NULL },
};

const fv__layer_type fv__layer_lppool3d = {
    FV__POOL_LAYER(
        "lppool3d", lppool,
        "(sum of x^p)^(1/p) over each window of a volume {d, h, w, c}"),
};
