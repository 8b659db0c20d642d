/* The words in the network text for the enums in options. */
#include "layer/layer.h"

#include <fovea/convolution.h>

const char *const fv__auto_pad_words[] = { "", "valid", "same", "same_lower",
                                           NULL };
const char *const fv__auto_pad_words_1d[] = { "",           "valid",  "same",
                                              "same_lower", "causal", NULL };
const char *const fv__padding_mode_words[] = { "zeros",     "reflect",
                                               "replicate", "circular",
                                               "constant",  NULL };
const char *const fv__initializer_words[] = { "",
                                              "kaiming_normal",
                                              "kaiming_uniform",
                                              "xavier_normal",
                                              "xavier_uniform",
                                              "lecun_normal",
                                              "lecun_uniform",
                                              "zeros",
                                              "constant",
                                              "normal",
                                              "truncated_normal",
                                              "uniform",
                                              "orthogonal",
                                              "dirac",
                                              "identity",
                                              NULL };
const char *const fv__reduction_words[] = { "",     "mean",  "sum",
                                            "none", "batch", NULL };
const char *const fv__parametrization_words[] = { "none", "standardise",
                                                  "weight_norm",
                                                  "spectral_norm", NULL };
const char *const fv__fan_words[] = { "in", "out", "average", NULL };
const char *const fv__algorithm_words[] = { "auto",   "reference", "im2col",
                                            "direct", "winograd",  "depthwise",
                                            "col2im", "grouped",   NULL };

const char *fv_algorithm_name(fv_algorithm algorithm)
{
    for (int32_t i = 0; fv__algorithm_words[i]; i++)
        if (i == (int32_t)algorithm) return fv__algorithm_words[i];
    return NULL;
}
