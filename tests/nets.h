/* Small networks, their data and comparisons, for tests of the upper modules.
 */
#ifndef FV_TESTS_NETS_H
#define FV_TESTS_NETS_H

#include "support.h"

#include <stdbool.h>
#include <stdlib.h>

/* A chain, a residual one with batch norm, branches, one without a loss. */
static const char *const net_plain = "input 8 8 3\n"
                                     "conv2d 5 3 3 padding=1\n"
                                     "relu\n"
                                     "maxpool 2 2\n"
                                     "conv2d 4 3 3 padding=same\n"
                                     "tanh\n"
                                     "flatten\n"
                                     "linear 7\n"
                                     "elu 0.5\n"
                                     "linear 4\n"
                                     "softmax_cross_entropy\n";
static const char *const net_residual =
    "input 8 8 3\n"
    "conv2d 6 3 3 padding=1 bias=no\n"
    "batchnorm\n"
    "relu name=stem\n"
    "conv2d 6 3 3 padding=1 bias=no\n"
    "batchnorm\n"
    "relu\n"
    "conv2d 6 3 3 padding=1 bias=no\n"
    "batchnorm name=main\n"
    "add from=main,stem\n"
    "relu name=one\n"
    "conv2d 6 3 3 padding=1 groups=3 bias=no\n"
    "batchnorm name=main2\n"
    "add from=main2,one\n"
    "relu6\n"
    "global_average_pool\n"
    "flatten\n"
    "linear 4\n"
    "softmax_cross_entropy\n";
static const char *const net_branches =
    "input 8 8 3 name=in\n"
    "conv2d 3 1 1 name=a\n"
    "leaky_relu 0.2\n"
    "avgpool 3 3 stride=1 padding=1 from=in name=b\n"
    "conv2d 2 5 3 padding=2,1 from=in name=c\n"
    "sigmoid name=d\n"
    "concat from=a,b,d,a name=all\n"
    "maxpool 3 3 stride=2 padding=1\n"
    "flatten\n"
    "linear 4 bias=no\n"
    "sigmoid_cross_entropy\n";
static const char *const net_regression = "input 8 8 3\n"
                                          "conv2d 2 3 3 stride=2\n"
                                          "tanh\n"
                                          "flatten\n"
                                          "linear 4\n"
                                          "mse\n";
static const char *const net_dropout = "input 8 8 3\n"
                                       "conv2d 4 3 3 stride=2\n"
                                       "batchnorm\n"
                                       "relu\n"
                                       "dropout 0.3\n"
                                       "flatten\n"
                                       "linear 4\n"
                                       "softmax_cross_entropy\n";

enum { NET_PIXELS = 8 * 8 * 3, NET_CLASSES = 4 };

#define NET_CONTEXT(...)                                                       \
    fv_context_new(FV_OPTIONS(fv_context_options, __VA_ARGS__))

/* Numbers in -1..1 that follow no pattern a kernel could exploit. */
static inline double net_number(int64_t i)
{
    uint64_t x = (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15) + 12345;
    x = (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return (double)(x >> 40) / (double)(1 << 23) - 1;
}

/* Images [n, 8, 8, 3] and labels [n] in the context's memory. */
static inline fv_tensor net_images(fv_context *ctx, int64_t n)
{
    const int64_t shape[] = { n, 8, 8, 3 };
    fv_tensor images = fv_tensor_new(ctx, FV_F64, 4, shape);
    for (int64_t i = 0; images.data && i < n * NET_PIXELS; i++)
        ((double *)images.data)[i] = net_number(i);
    return images;
}

static inline fv_tensor net_labels(fv_context *ctx, int64_t n)
{
    fv_tensor labels = fv_tensor_new(ctx, FV_I64, 1, &n);
    for (int64_t i = 0; labels.data && i < n; i++)
        ((int64_t *)labels.data)[i] = (5 * i + 3) % 7 % NET_CLASSES;
    return labels;
}

static inline fv_dataset *net_dataset(fv_context *ctx, int64_t n)
{
    fv_tensor images = net_images(ctx, n), labels = net_labels(ctx, n);
    fv_dataset *dataset = fv_dataset_of(ctx, &images, &labels);
    fv_tensor_free(ctx, &images);
    fv_tensor_free(ctx, &labels);
    return dataset;
}

static inline size_t net_bytes(const fv_tensor *tensor)
{
    return (size_t)fv_tensor_count(tensor) * fv_dtype_bytes(tensor->dtype);
}

/* All values of variables, one after another, to be freed; their number of
 * bytes. With `grads` their gradients instead. */
static inline unsigned char *net_dump(fv_variables list, int grads,
                                      size_t *bytes)
{
    *bytes = 0;
    for (int64_t i = 0; i < list.count; i++)
        *bytes += net_bytes(fv_variable_value(list.at[i]));
    unsigned char *all = malloc(*bytes + 1), *at = all;
    assert_non_null(all);
    for (int64_t i = 0; i < list.count; i++) {
        const fv_tensor *tensor = grads ? fv_variable_grad(list.at[i])
                                        : fv_variable_value(list.at[i]);
        assert_non_null(tensor);
        memcpy(at, tensor->data, net_bytes(tensor));
        at += net_bytes(tensor);
    }
    return all;
}

/* FNV-1a of all weights of a network. */
static inline uint64_t net_digest(fv_network *network)
{
    size_t bytes;
    unsigned char *all = net_dump(fv_network_variables(network), 0, &bytes);
    uint64_t digest = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < bytes; i++)
        digest = (digest ^ all[i]) * UINT64_C(1099511628211);
    free(all);
    return digest;
}

#endif
