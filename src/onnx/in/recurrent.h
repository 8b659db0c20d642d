/* Recurrent operators of ONNX. */
#ifndef FV_ONNX_IN_RECURRENT_H
#define FV_ONNX_IN_RECURRENT_H

#include "onnx/in/operators.h"

enum { FV__MOST_GATES = 4, FV__MOST_ACTIVATIONS = 3 };

typedef struct fv__recurrent_kind {
    const char *kind, *layer;
    int32_t gates;
    int32_t from[FV__MOST_GATES]; /* gate k of the layer is that of ONNX */
    const char *usual[FV__MOST_ACTIVATIONS];
    int32_t activations; /* of a direction */
} fv__recurrent_kind;

/* A node, with its inputs: x [n, t, features], states [n, directions h]. */
typedef struct fv__recurrent_node {
    const fv__recurrent_kind *kind;
    int32_t directions;
    bool reversed, batch_first;
    bool reset_behind; /* of GRU: the reset gate is behind the product */
    bool coupled;      /* of LSTM: f = 1 - i */
    bool usual;        /* it is what the layer computes */
    double clip;       /* 0: none */
    char activation[2 * FV__MOST_ACTIVATIONS][32];
    int64_t hidden;
    fv__value *x, *w, *v, *b, *lengths, *first[2], *peepholes;
} fv__recurrent_node;

/* Sets the outputs of the node: h of all positions [n, t, directions h], the
 * last h and, of LSTM, the last c, [n, directions h]. */
fv_status fv__recurrent_outputs(fv__importer *to, fv__onnx_node *node,
                                const fv__recurrent_node *r,
                                fv__value *const made[3]);
/* Writes the steps one after the other, whose number must be known. */
fv_status fv__recurrent_unrolled(fv__importer *to, fv__onnx_node *node,
                                 const fv__recurrent_node *r);

#endif
