/* Batches of a data set, as the plans of a network take them. */
#ifndef FV_TRAIN_FEED_H
#define FV_TRAIN_FEED_H

#include "data/loader.h"
#include "network/network.h"

/* A data set in front of a network. */
typedef struct fv__feed {
    fv_network *network;
    const fv_dataset *dataset;
    fv__loader *loader; /* NULL until fv__feed_open */
    fv__loader_options options;
    bool mixes; /* batches are mixed, and targets rows of the output's width */
    fv_tensor rows;      /* targets of mixed batches */
    fv__example example; /* memory for mixing */
    uint64_t epoch, part;
} fv__feed;

/* Finds the size of images and checks that the network takes them; allocates
 * nothing. `which` begins sentences: "fit: the training data". */
fv_status fv__feed_begin(fv__feed *feed, fv_network *network,
                         const fv_dataset *dataset, fv__stage stage,
                         const char *which);
/* Says how many images a batch has, and how many are computed at a time. */
void fv__feed_divide(fv__feed *feed, int64_t batch, int64_t part,
                     int32_t workers);
/* Bytes that fv__feed_open() is going to allocate. */
size_t fv__feed_bytes(const fv__feed *feed);
fv_status fv__feed_open(fv__feed *feed);
/* As fv__loader_start(). */
void fv__feed_start(fv__feed *feed, uint64_t epoch, const int64_t *order,
                    int64_t images, int64_t batch);
/* Writes the next images and targets into a ready plan of as many. */
fv_status fv__feed_next(fv__feed *feed, fv__plan *plan);
void fv__feed_end(fv__feed *feed);

#endif
