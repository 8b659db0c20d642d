/** @file
 * Transforms of images in front of a network: resizing, cropping, augmentation.
 */
#ifndef FOVEA_AUGMENT_H
#define FOVEA_AUGMENT_H

#include <fovea/network.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Appends a transform to those of the network, as a line `augment ...` of its
 *  text does: `fv_network_augment(net, "random_crop 32 padding=4")` (docs:
 *  augment). Transforms are part of the network text and of saved models; the
 *  layers do not see them. They may be added at any time. */
FV_API fv_status fv_network_augment(fv_network *network, const char *transform);
/** Forgets all transforms of the network. */
FV_API fv_status fv_network_augment_none(fv_network *network);
/** The transforms of the network, as lines of its text; "" without any. Owned
 * by the network. */
FV_API const char *fv_network_augment_text(fv_network *network);
/** Makes an input of the network, [1, h, w, c] or [1, c, h, w] in the context's
 *  type and layout, of a picture FV_U8 [rows, columns, channels]: what the
 *  transforms of evaluation make of it, as values from 0 to 1, normalised where
 *  they say so. Without transforms a picture must have the size of the input.
 *  Free it with fv_tensor_free(). */
FV_API fv_tensor fv_network_prepare(fv_network *network,
                                    const fv_tensor *picture);

/** What the transforms of evaluation or, with `training`, those of training
 * make of a picture FV_U8 [rows, columns, channels], before it is converted and
 *  normalised: FV_U8, in new memory, for people to look at. What is random
 *  depends on the context's seed, the epoch and the index of the picture in its
 *  data set; mixing is left out. */
FV_API fv_tensor fv_network_transform(fv_network *network,
                                      const fv_tensor *picture, int training,
                                      int64_t epoch, int64_t index);

/** A kind of transform, for programs that list them. */
typedef struct fv_transform_facts {
    const char *kind;  /**< NULL: there is none at that index */
    const char *about; /**< what it does, in a line */
    const char *notes; /**< formulas and sources, in some sentences */
} fv_transform_facts;

/** The kind at an index from 0, in alphabetical order. */
FV_API fv_transform_facts fv_transform_at(int32_t index);
/** Option `option`, from 0, of the kind at `index`. */
FV_API fv_layer_option fv_transform_option_at(int32_t index, int32_t option);

#ifdef __cplusplus
}
#endif
#endif
