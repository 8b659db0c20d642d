/* What the files that read several nodes as one have in common. */
#ifndef FV_ONNX_IN_FUSE_H
#define FV_ONNX_IN_FUSE_H

#include "onnx/in/importer.h"

#include <string.h>

static inline bool same(const char *a, const char *b)
{
    return a && b && !strcmp(a, b);
}

static inline bool is_kind(const fv__onnx_node_message *m, const char *kind)
{
    return m && same(m->op_type, kind) && (!m->domain || !*m->domain);
}

static inline const fv__onnx_node_message *maker_of(fv__importer *to,
                                                    const char *name)
{
    const fv__value *value = name && *name ? fv__onnx_named(to, name) : NULL;
    return value ? value->maker : NULL;
}

/* The numbers of a known value as the model has them; NULL: there are none. */
static inline const fv__onnx_tensor *message_of(fv__importer *to,
                                                const char *name)
{
    const fv__value *value = name && *name ? fv__onnx_named(to, name) : NULL;
    if (!value || !is_kind(value->maker, "Constant"))
        return value ? value->initializer : NULL;
    for (size_t i = 0; i < value->maker->n_attribute; i++)
        if (same(value->maker->attribute[i]->name, "value"))
            return value->maker->attribute[i]->t;
    return NULL;
}

/* Readers of a value that has become part of the weights. */
enum { FV__NOBODY = -1 };

/* A node that multiplies the channels of a convolution, or of a product with a
 * known matrix, by known numbers, or adds some, as that node with other weights
 * and a bias, input 2 (scale.c); NULL: it is none, or a failure. */
fv__onnx_node_message *fv__onnx_scaled(fv__importer *to,
                                       const fv__onnx_node_message *m);

#endif
