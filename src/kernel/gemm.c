/* The matrix product: cuts m and n, never k, and hands tiles to the table. */
#include "kernel/gemm.h"

#include <string.h>

/* Elements of the packed part of b, and of the rows of a that meet it before
 * the next rows come: both stay in a second-level cache. They cut outputs
 * only. */
enum { PACKED_ELEMENTS = 1 << 17, ROWS_ELEMENTS = 1 << 16 };
/* The most rows and columns of one item of parallel work. */
enum { ITEM_ROWS = 192, ITEM_COLUMNS = 512 };

/* ---- packing ------------------------------------------------------------ */

/* Rows of b lie as the panel wants them. */
static inline void pack_rows(size_t size, size_t k, size_t n, size_t nr,
                             const char *b, size_t b_row, char *out)
{
    for (size_t l = 0; l < k; l++) {
        const char *in = b + l * b_row * size;

        if (n == nr && nr * size % 32 == 0)
            for (size_t i = 0; i < nr * size; i += 32)
                memcpy(out + i, in + i, 32);
        else
            memcpy(out, in, n * size);
        if (n < nr) memset(out + n * size, 0, (nr - n) * size);
        out += nr * size;
    }
}

/* Columns of the panel are rows of b: a few k at a time, so that what is
 * written stays in the first-level cache. */
static inline void pack_columns(size_t size, size_t k, size_t n, size_t nr,
                                const char *b, size_t b_row, char *out)
{
    enum { STEP = 16 };

    for (size_t first = 0; first < k; first += STEP) {
        size_t last = first + STEP < k ? first + STEP : k;

        if (n < nr)
            memset(out + first * nr * size, 0, (last - first) * nr * size);
        for (size_t j = 0; j < n; j++)
            for (size_t l = first; l < last; l++)
                memcpy(out + (l * nr + j) * size, b + (j * b_row + l) * size,
                       size);
    }
}

void fv__gemm_pack(const fv__kernels *kernels, const fv__gemm *p, size_t panel,
                   void *packed)
{
    size_t nr = (size_t)kernels->nr, first = panel * nr;
    size_t n = p->n - first < nr ? p->n - first : nr;
    size_t size = fv__element(kernels);
    size_t skip = p->b_transposed ? first * p->b_row : first;
    const char *b = fv__at(p->b, skip, size);

    if (p->b_transposed && size == 4)
        pack_columns(4, p->k, n, nr, b, p->b_row, packed);
    else if (p->b_transposed)
        pack_columns(8, p->k, n, nr, b, p->b_row, packed);
    else if (size == 4)
        pack_rows(4, p->k, n, nr, b, p->b_row, packed);
    else
        pack_rows(8, p->k, n, nr, b, p->b_row, packed);
}

/* Panels packed at a time. */
static size_t group(const fv__kernels *kernels, size_t n, size_t k)
{
    size_t all = fv__panels(kernels, n), nr = (size_t)kernels->nr;
    size_t some =
        k <= PACKED_ELEMENTS / nr && k > 0 ? PACKED_ELEMENTS / (k * nr) : 1;

    return some < all ? some : all;
}

static size_t packed_bytes(const fv__kernels *kernels, size_t panels, size_t k)
{
    size_t bytes = fv__element(kernels) * (size_t)kernels->nr;

    if (!fv__multiply(bytes, panels, &bytes) || !fv__multiply(bytes, k, &bytes)
        || bytes > SIZE_MAX - 64)
        return SIZE_MAX;
    return fv__align(bytes);
}

size_t fv__gemm_packed(const fv__kernels *kernels, size_t n, size_t k)
{
    return packed_bytes(kernels, fv__panels(kernels, n), k);
}

size_t fv__gemm_scratch(const fv__kernels *kernels, size_t m, size_t n,
                        size_t k)
{
    (void)m;
    return packed_bytes(kernels, group(kernels, n, k), k);
}

/* ---- the product -------------------------------------------------------- */

/* Rows first..last of the product against every panel. */
static void run_rows(const fv__kernels *kernels, const fv__gemm *p,
                     const void *packed, size_t first, size_t last)
{
    size_t size = fv__element(kernels), nr = (size_t)kernels->nr;
    size_t row = p->a_transposed ? 1 : p->a_row;
    size_t tiles =
        (last - first + (size_t)kernels->mr - 1) / (size_t)kernels->mr;
    fv__tile t = { .a_row = row,
                   .a_step = p->a_transposed ? p->a_row : 1,
                   .b_step = nr,
                   .c_row = p->c_row,
                   .segments = 1,
                   .k = p->k,
                   .meet = p->accumulate ? FV__ACCUMULATE : FV__REPLACE };

    for (size_t j = 0; j < p->n; j += nr) {
        size_t n = p->n - j < nr ? p->n - j : nr;

        t.b = fv__at(packed, j * p->k, size);
        for (size_t tile = 0, i = first; tile < tiles; tile++) {
            size_t m = fv__even(last - first, tiles, tile);

            t.a = fv__at(p->a, i * row, size);
            t.c = fv__slot(p->c, i * p->c_row + j, size);
            kernels->tile(m, n, &t);
            i += m;
        }
    }
}

void fv__gemm_run(const fv__kernels *kernels, const fv__gemm *p,
                  const void *packed)
{
    if (!p->m || !p->n || fv__gemm_blas(kernels, p)) return;
    size_t mr = (size_t)kernels->mr;
    size_t rows = p->k ? ROWS_ELEMENTS / p->k / mr * mr : p->m;

    if (rows < mr) rows = mr;
    for (size_t i = 0; i < p->m; i += rows)
        run_rows(kernels, p, packed, i, i + rows < p->m ? i + rows : p->m);
}

/* The part of a product that makes m x n outputs from row i, column j. */
static fv__gemm part(const fv__kernels *kernels, const fv__gemm *p, size_t i,
                     size_t m, size_t j, size_t n)
{
    size_t size = fv__element(kernels);
    fv__gemm cut = *p;

    cut.m = p->m - i < m ? p->m - i : m;
    cut.n = p->n - j < n ? p->n - j : n;
    cut.a = fv__at(p->a, p->a_transposed ? i : i * p->a_row, size);
    cut.b = fv__at(p->b, p->b_transposed ? j * p->b_row : j, size);
    cut.c = fv__slot(p->c, i * p->c_row + j, size);
    return cut;
}

void fv__gemm_one(const fv__kernels *kernels, const fv__gemm *product,
                  void *scratch)
{
    if (!product->m || !product->n || fv__gemm_blas(kernels, product)) return;
    size_t panels = group(kernels, product->n, product->k);
    size_t width = panels * (size_t)kernels->nr;
    size_t bytes = (size_t)kernels->nr * product->k * fv__element(kernels);

    for (size_t j = 0; j < product->n; j += width) {
        fv__gemm cut = part(kernels, product, 0, product->m, j, width);

        for (size_t i = 0; i < fv__panels(kernels, cut.n); i++)
            fv__gemm_pack(kernels, &cut, i, (char *)scratch + i * bytes);
        fv__gemm_run(kernels, &cut, scratch);
    }
}

/* ---- shared over the pool ----------------------------------------------- */

typedef struct cut_product {
    const fv__kernels *kernels;
    const fv__gemm *product;
    size_t rows, columns, across; /* of an item; items side by side */
    char *scratch;
    size_t scratch_bytes; /* of a worker */
} cut_product;

static void one_item(void *argument, size_t item, size_t worker)
{
    const cut_product *cut = argument;
    size_t i = item / cut->across * cut->rows;
    size_t j = item % cut->across * cut->columns;
    fv__gemm product =
        part(cut->kernels, cut->product, i, cut->rows, j, cut->columns);

    fv__gemm_one(cut->kernels, &product,
                 cut->scratch + worker * cut->scratch_bytes);
}

void fv__gemm_all(fv_context *context, const fv__gemm *product, void *scratch)
{
    const fv__kernels *kernels = context->kernels;
    size_t m = product->m, n = product->n, k = product->k;
    size_t mr = (size_t)kernels->mr, nr = (size_t)kernels->nr;

    if (!m || !n) return;
    size_t columns = group(kernels, n, k) * nr;
    cut_product cut = {
        .kernels = kernels,
        .product = product,
        .rows = mr < ITEM_ROWS ? ITEM_ROWS / mr * mr : mr,
        .columns = nr < ITEM_COLUMNS && columns > ITEM_COLUMNS
                       ? ITEM_COLUMNS / nr * nr
                       : columns,
        .scratch = scratch,
        .scratch_bytes = fv__gemm_scratch(kernels, m, n, k),
    };

    cut.across = (n + cut.columns - 1) / cut.columns;
    size_t down = (m + cut.rows - 1) / cut.rows;
    fv__parallel(context, down * cut.across, (double)m * (double)n * (double)k,
                 one_item, &cut);
}
