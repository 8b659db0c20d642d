/* Lines that are added when another one reads them, and sizes: whole numbers of
 * which some depend on the input. Exporters compute shapes from shapes; what is
 * left of that at the end is often known, or the batch as it is. */
#include "onnx/in/importer.h"

#include <string.h>

/* Deferred lines that read each other are added one within another. */
enum { DEEPEST = 32 };

fv__value *fv__onnx_defer(fv__importer *to, fv__deferred deferred,
                          int32_t count, fv__value *const inputs[],
                          const char *options)
{
    const size_t length = strlen(options) + 1;
    fv__value *value = fv__onnx_allocate(to, sizeof *value);
    fv__deferred *d = fv__onnx_allocate(to, sizeof *d);
    char *copy = fv__onnx_allocate(to, length);
    fv__value **all =
        fv__onnx_allocate(to, ((size_t)count + 1) * sizeof(void *));
    if (!value || !d || !copy || !all) return NULL;
    *d = deferred;
    d->options = memcpy(copy, options, length);
    d->count = count;
    d->inputs = all;
    d->depth = 1;
    d->result = -1;
    for (int32_t k = 0; k < count; k++) {
        const fv__deferred *read = inputs[k]->deferred;
        all[k] = inputs[k];
        if (inputs[k]->result >= 0 || !read) continue;
        if (read->depth >= DEEPEST && fv__onnx_add(to, all[k]) != FV_OK)
            return NULL;
        if (read->depth < DEEPEST && read->depth >= d->depth)
            d->depth = read->depth + 1;
    }
    *value = (fv__value){
        .name = d->base, .result = -1, .deferred = d, .order = fv__order_plain()
    };
    return value;
}

/* ---- sizes ------------------------------------------------------------------
 */

bool fv__onnx_sizes(fv__importer *to, const fv__value *value, fv_tensor *sizes)
{
    if (value->flattened || fv__onnx_type_of(to, value) != FV_I64) return false;
    if (value->known.data) {
        *sizes = value->known;
        return fv_tensor_count(sizes) <= FV__MOST_SIZES;
    }
    const fv__deferred *d = value->deferred;
    if (d && d->sizes) {
        *sizes = fv_tensor_of((void *)(uintptr_t)d->sizes, FV_I64, d->rank,
                              d->extent);
        return true;
    }
    if (value->result < 0) return false;
    const fv_variable *traced = to->network->results[value->result].traced[0];
    const int32_t rank = fv__onnx_rank(to, value);
    const int64_t extent = rank == 1 ? fv__onnx_extent(to, value, 0) : 1;
    if (!traced->constant || rank > 1 || extent < 0 || extent > FV__MOST_SIZES)
        return false;
    *sizes = fv__onnx_tensor_new(to, FV_I64, rank, &extent);
    for (int64_t i = 0; sizes->rank >= 0 && i < extent; i++)
        ((int64_t *)sizes->data)[i] = fv__size_open;
    return sizes->rank >= 0;
}

fv__value *fv__onnx_sizes_later(fv__importer *to, const char *base,
                                int32_t count, fv__value *const inputs[],
                                const fv_tensor *sizes, const char *options)
{
    const int64_t *numbers = sizes->data, n = fv_tensor_count(sizes);
    bool known = true;
    for (int64_t i = 0; i < n; i++)
        known &= numbers[i] != fv__size_batch && numbers[i] != fv__size_open;
    if (known) return fv__onnx_known(to, sizes);
    fv__deferred d = {
        .base = base, .dtype = FV_I64, .rank = sizes->rank, .sizes = numbers
    };
    memcpy(d.extent, sizes->shape, sizeof d.extent);
    return fv__onnx_defer(to, d, count, inputs, options);
}

/* What a line of that kind does with sizes. */
typedef enum use {
    OTHER,
    MOVES_FIRST, /* moves those of its first input; others must be known */
    MOVES_ALL,
    COMPUTES /* each of its results depends on all of them */
} use;

static use use_of(const char *options)
{
    static const struct {
        const char *kind;
        use use;
    } kinds[] = {
        { "concat", MOVES_ALL },      { "stack", MOVES_ALL },
        { "gather", MOVES_FIRST },    { "slice", MOVES_FIRST },
        { "unsqueeze", MOVES_FIRST }, { "squeeze", MOVES_FIRST },
        { "expand", MOVES_FIRST },    { "reshape", MOVES_FIRST },
        { "tile", MOVES_FIRST },      { "add", COMPUTES },
        { "sub", COMPUTES },          { "mul", COMPUTES },
        { "div", COMPUTES },          { "prod", COMPUTES },
    };
    const size_t length = strcspn(options, " ");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strlen(kinds[i].kind) == length
            && !strncmp(options, kinds[i].kind, length))
            return kinds[i].use;
    return OTHER;
}

/* Numbers to compute with in the place of unknown ones. */
static bool replace_unknown(fv__importer *to, fv_tensor *sizes)
{
    const fv_tensor copy =
        fv__onnx_tensor_new(to, FV_I64, sizes->rank, sizes->shape);
    const int64_t *from = sizes->data;
    if (copy.rank < 0) return false;
    for (int64_t i = 0; i < fv_tensor_count(&copy); i++)
        ((int64_t *)copy.data)[i] =
            from[i] == fv__size_batch || from[i] == fv__size_open ? 1 : from[i];
    *sizes = copy;
    return true;
}

fv__value *fv__onnx_move_sizes(fv__importer *to, const char *base,
                               int32_t count, fv__value *const inputs[],
                               const char *options)
{
    const use how = use_of(options);
    bool any = false;
    fv__value numbers[FV__MAX_INPUTS], *at[FV__MAX_INPUTS], *made;
    if (count > FV__MAX_INPUTS || how == OTHER) return NULL;
    for (int32_t k = 0; k < count; k++) {
        numbers[k] = *inputs[k];
        fv_tensor *sizes = &numbers[k].known;
        at[k] = &numbers[k];
        if (how == MOVES_FIRST && k) {
            if (!inputs[k]->known.data) return NULL;
            continue;
        }
        if (!fv__onnx_sizes(to, inputs[k], sizes)
            || (how == COMPUTES && !replace_unknown(to, sizes)))
            return NULL;
        any |= inputs[k]->known.data || inputs[k]->deferred;
    }
    if (!any || !fv__onnx_compute(to, base, count, at, options, &made) || !made
        || fv_tensor_count(&made->known) > FV__MOST_SIZES)
        return NULL;
    for (int64_t i = 0; how == COMPUTES && i < fv_tensor_count(&made->known);
         i++)
        ((int64_t *)made->known.data)[i] = fv__size_open;
    return fv__onnx_sizes_later(to, base, count, inputs, &made->known, options);
}
