/* The layer of Lp pooling along one axis. */
#include "op/pool/window.h"

static const fv__field fields[] = {
    FV__POOL_FIELDS(1),
    FV__LPPOOL_FIELDS,
    { .key = NULL },
};

const fv__layer_type fv__layer_lppool1d = {
    FV__POOL_LAYER("lppool1d", lppool,
                   "(sum of x^p)^(1/p) over each window of a sequence {l, c}"),
};
