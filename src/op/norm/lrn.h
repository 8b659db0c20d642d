/* Local response normalisation as its kernel takes it. */
#ifndef FV_OP_NORM_LRN_H
#define FV_OP_NORM_LRN_H

#include "kernel/normalise.h"
#include "op/op.h"

fv__lrn fv__lrn_of(const fv_response_norm *response, int64_t channels);

#endif
