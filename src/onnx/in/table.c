/* The operators of ONNX that are read. */
#include "onnx/in/operators.h"

#include <string.h>

static const fv__onnx_operator *const tables[] = {
    fv__onnx_convolutions, fv__onnx_pools,          fv__onnx_norms,
    fv__onnx_products,     fv__onnx_elements,       fv__onnx_arithmetic,
    fv__onnx_softmaxes,    fv__onnx_reductions,     fv__onnx_einsums,
    fv__onnx_shapes,       fv__onnx_axis_operators, fv__onnx_parts,
    fv__onnx_pads,         fv__onnx_indices,        fv__onnx_extents,
    fv__onnx_types,        fv__onnx_recurrents,     fv__onnx_resizes,
    fv__onnx_quantizes,    fv__onnx_losses,         fv__onnx_detections,
    fv__onnx_flows,
};

fv__translate *fv__onnx_translation(const char *domain, const char *kind)
{
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const fv__onnx_operator *o = tables[i]; o->kind; o++) {
            const bool same = domain && o->domain
                                  ? strcmp(domain, o->domain) == 0
                                  : !domain && !o->domain;
            if (same && strcmp(o->kind, kind) == 0) return o->translate;
        }
    return domain ? NULL : fv__onnx_unary(kind);
}
