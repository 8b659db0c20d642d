/* What Adam shares with its kin. */
#ifndef FV_TRAIN_OPTIMIZER_ADAM_H
#define FV_TRAIN_OPTIMIZER_ADAM_H

#include "train/optimizer.h"

/* Adam's rule with the moments and their bias corrections; decay 0, keep 1 and
 * epsilon 0. */
void fv__adam_moments(const double betas[2], const fv__hyper *hyper,
                      fv__update *update);

#endif
