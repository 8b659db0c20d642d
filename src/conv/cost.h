/* The constants of the predicted times by which algorithms, and variants of an
 * algorithm, are chosen. They stand together here; each algorithm has its own
 * formula, a function of shape alone. `tools/calibrate` measures them on the
 * machine it runs on. */
#ifndef FV_CONV_COST_H
#define FV_CONV_COST_H

/* x(theme, name, value, how, unit, what) for each constant.
 *
 * Units: FMA is the time of one multiply-add of a vector of 16 elements;
 * "times" is a factor of a time; others are counted.
 *
 * How a value was found:
 * - TUNED: by hand, so that predicted times of networks' layers and of random
 *   shapes are in proportion to measured ones, and the algorithm with the
 *   lowest is seldom much slower than the fastest, on processors with AVX-512;
 * - COUNTED: from what processors and kernels do;
 * - ASSUMED: a compromise, because a choice may not depend on the batch, or a
 *   number that only has to be large. */
/* clang-format off */
#define FV__CONV_COSTS(x)                                                      \
    x(product, busy_sums, 8, COUNTED, "vectors",                               \
      "sums that hide the latency of a multiply-add; fewer take as long")      \
    x(product, tile, 24, TUNED, "FMA",                                         \
      "a tile of a matrix product, besides its multiply-adds")                 \
    x(product, segment, 6, TUNED, "FMA",                                       \
      "a segment of the chains of a tile, besides its multiply-adds")          \
    x(product, efficiency, 0.9, TUNED, "share",                                \
      "of the peak that tiles reach")                                          \
                                                                               \
    x(im2col, row, 25, TUNED, "FMA",                                           \
      "a kernel row of an output pixel, copied, besides its elements")         \
    x(im2col, tap, 9, TUNED, "FMA",                                            \
      "a tap of an output pixel that is copied alone, besides its elements")   \
    x(im2col, copied, 8, TUNED, "elements",                                    \
      "of the column matrix that are written and read in one FMA")             \
    x(im2col, strided_pointwise, 1.15, TUNED, "times",                         \
      "the product of the weight gradient of a strided 1x1 kernel, which "     \
      "copies pixels only in order to pack the copy")                          \
                                                                               \
    x(col2im, pixel, 10, TUNED, "FMA",                                         \
      "an output pixel whose matrix row is added to the image")                \
    x(col2im, run, 2, TUNED, "FMA",                                            \
      "a run of adjacent taps, besides its vectors")                           \
    x(col2im, add, 9, TUNED, "FMA",                                            \
      "a vector of a run, loaded, added and stored")                           \
    x(col2im, row, 10, TUNED, "FMA",                                           \
      "a kernel row of an output pixel whose taps are not adjacent")           \
    x(col2im, clear, 11, TUNED, "FMA",                                         \
      "an input pixel of one of several groups, set to zero")                  \
    x(col2im, transpose, 10, TUNED, "FMA",                                     \
      "a vector of filters of an output pixel, transposed")                    \
                                                                               \
    x(direct, transposed_sums, 4, TUNED, "elements",                           \
      "sums of a weight gradient that are transposed in one FMA")              \
    x(direct, window_column, 24, TUNED, "FMA",                                 \
      "a column of windows of a weight gradient, copied")                      \
    x(direct, transposed_block, 160, TUNED, "FMA",                             \
      "16 x 16 outputs of the planes of one channel, transposed")              \
    x(direct, copied_element, 1, TUNED, "FMA",                                 \
      "an element of the padded rows of a weight gradient in one group")       \
    x(direct, group_pixel, 5, TUNED, "FMA",                                    \
      "a pixel of padded rows, of one of several groups")                      \
    x(direct, gradient_pixel, 3, TUNED, "times",                               \
      "group_pixel, in gradients, where more copies overlap")                  \
    x(direct, worthwhile, 0.9, TUNED, "share",                                 \
      "of taps, and of predicted time, that remains at most where taps in "    \
      "the padding are left out")                                              \
    x(direct, worthwhile_columns, 0.95, TUNED, "share",                        \
      "the same in bands of columns: rows of taps are left out without bands " \
      "too")                                                                   \
    x(direct, block, 4096, TUNED, "FMA",                                       \
      "a block of outputs of its own, besides its products")                   \
    x(direct, block_weights, 4, TUNED, "FMA",                                  \
      "a vector of weights that such a block reads for itself")                \
                                                                               \
    x(winograd, weights_per_tile, 32768, ASSUMED, "elements",                  \
      "weights of a point that are read in the time of a tile, where the "     \
      "scheme is chosen")                                                      \
    x(winograd, most_read_tiles, 8, ASSUMED, "tiles",                          \
      "that time at most: one image waits for it, a batch shares it")          \
    x(winograd, input_transform, 10, TUNED, "FMA",                             \
      "a vector of channels for a value of V")                                 \
    x(winograd, output_transform, 10, TUNED, "FMA",                            \
      "a vector of filters for a point of M")                                  \
    x(winograd, least_tiles, 4, TUNED, "tiles",                                \
      "of an image; fewer take as long")                                       \
    x(winograd, read_weights, 2, TUNED, "FMA",                                 \
      "a vector of weights of a point, read in the forward pass, for every "   \
      "image")                                                                 \
    x(winograd, transform_weights, 8, TUNED, "FMA",                            \
      "the same, read and transformed in the input gradient")                  \
    x(winograd, transform_weight_grad, 12, TUNED, "FMA",                       \
      "the same, its gradient transformed, once for a batch")                  \
    x(winograd, cached_sums_tiles, 64, TUNED, "tiles",                         \
      "of a batch; with more, the sums of the weight gradient of a kernel "    \
      "with phases leave the cache")                                           \
    x(winograd, uncached_sums, 1.4, TUNED, "times",                            \
      "the weight gradient whose sums have left it")                           \
    x(winograd, row_channels, 12, TUNED, "channels",                           \
      "from which on they are not few: vectors run over them, not over a row " \
      "of tiles")                                                              \
    x(winograd, row_channels_phases, 8, TUNED, "channels",                     \
      "the same for a kernel with phases")                                     \
    x(winograd, row_output, 3, TUNED, "FMA",                                   \
      "few channels: the output transform of a vector of filters at a point")  \
    x(winograd, row_sum, 6, TUNED, "FMA",                                      \
      "the same in the weight gradient: dy transformed, a sum loaded and "     \
      "stored")                                                                \
    x(winograd, row_element, 1, TUNED, "FMA",                                  \
      "few channels: an element of the pixels of a row of tiles, transposed")  \
    x(winograd, row_loops, 1.2, TUNED, "times",                                \
      "few channels: all, since loops are short")                              \
                                                                               \
    x(depthwise, tap, 2, TUNED, "FMA",                                         \
      "a multiply-add, half of whose time goes to loads")                      \
                                                                               \
    x(grouped, multiply_add, 1.7, TUNED, "FMA",                                \
      "a multiply-add with vectors over filters")                              \
    x(grouped, replicate, 4, TUNED, "FMA",                                     \
      "a channel of an input, replicated under a vector of filters")           \
    x(grouped, source, 1, TUNED, "FMA",                                        \
      "a vector of memory, or a group, that it is read from")                  \
    x(grouped, output, 17, TUNED, "FMA",                                       \
      "a vector of outputs")                                                   \
    x(grouped, transpose, 200, TUNED, "FMA",                                   \
      "16 x 16 elements, transposed for vectors along rows")                   \
    x(grouped, weight_images, 4, ASSUMED, "images",                            \
      "that share the transposed weights of an input gradient")                \
    x(grouped, grad_call, 3000, TUNED, "FMA",                                  \
      "a call of the weight gradient's kernel, for a channel and a block of "  \
      "pixels, besides its multiply-adds")                                     \
    x(grouped, grad_dense, 1.5, TUNED, "times",                                \
      "the forward pass: the weight gradient's multiply-adds and copies")      \
    x(grouped, grad_dilated, 3, TUNED, "times",                                \
      "the same with dilated columns, whose neighbours share no inputs")       \
                                                                               \
    x(reference, multiply_add, 64, ASSUMED, "FMA",                             \
      "a multiply-add of one element, through several functions")
/* clang-format on */

typedef struct fv__conv_costs {
#define FIELD(theme, name, value, how, unit, what) double theme##_##name;
    FV__CONV_COSTS(FIELD)
#undef FIELD
} fv__conv_costs;

extern const fv__conv_costs fv__costs;

#endif
