/** @file
 * Fovea: train, explain and ship convolutional neural networks in C. */
#ifndef FOVEA_FOVEA_H
#define FOVEA_FOVEA_H

#include <fovea/augment.h>
#include <fovea/base.h>
#include <fovea/convolution.h>
#include <fovea/data.h>
#include <fovea/explain.h>
#include <fovea/function.h>
#include <fovea/image.h>
#include <fovea/layer.h>
#include <fovea/loss.h>
#include <fovea/metrics.h>
#include <fovea/network.h>
#include <fovea/onnx.h>
#include <fovea/operator.h>
#include <fovea/optimizer.h>
#include <fovea/tensor.h>
#include <fovea/train.h>
#include <fovea/variable.h>

#endif
