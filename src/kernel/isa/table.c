/* The table of one instruction set and element type. */
#include "kernel/isa/isa.h"

#define FV_MEMBER(name) .name = FV_KERNEL(name),

const fv__kernels FV_KERNEL(kernels) = { .isa = FV_TEXT(FV_ISA),
                                         .dtype = FV_DTYPE_ENUM,
                                         .mr = MR,
                                         .nr = NR,
                                         .small_n = SMALL_N,
                                         FV_EACH_KERNEL(FV_MEMBER) };
