/* The matrix product: packs B into panels, a range of k at a time, and divides
 * the outputs into tiles for the microkernel. */
#include "kernel/gemm.h"

#include <string.h>

/* All these numbers are tuned by measurement. They divide outputs, or chains
 * that continue where they stopped, so no result depends on them.
 *
 * Elements of the panels that are packed together, and of the rows of A that
 * they are multiplied with before the next rows: both stay in a second-level
 * cache. */
enum { PACKED_ELEMENTS = 1 << 17, ROWS_ELEMENTS = 1 << 16 };
/* Terms of k that are packed at a time: a panel, and the rows of A that it is
 * multiplied with, stay in a first-level cache. */
enum { PACKED_TERMS = 256 };
/* The same if A has one tile of rows only and B is transposed: each panel is
 * used once, so that B is rather read in long runs. */
enum { PACKED_TERMS_ONE_TILE = 512 };
/* At most so many terms of k: writing outputs takes more time than reading
 * panels, so each tile of rows is multiplied with all panels. */
enum { SHORT_TERMS = 64 };
/* At most so many tiles of rows: B is read in place, if it is not transposed.
 */
enum { IN_PLACE_TILES = 8 };
/* Prefetch distance in a matrix that is multiplied with few columns: a square
 * of FV__LANES rows, unless that has more than SQUARE_BYTES; then AHEAD_BYTES
 * of each row. */
enum { SQUARE_BYTES = 1 << 16, AHEAD_BYTES = 1 << 11, LINE_BYTES = 64 };
/* Most rows of a parallel item, most columns, and number of items across if
 * these are fewer. */
enum { ITEM_ROWS = 192, ITEM_COLUMNS = 512, ITEMS = 8 };

/* ---- packing ------------------------------------------------------------ */

/* Panels that are packed row by row together, to read longer runs of B. More of
 * them could map to one set of a first-level cache, if a panel has the size of
 * its ways. */
enum { TOGETHER = 4 };

/* Packs one row of B, n elements, into panels that are `panel` bytes apart. */
static void pack_rows(size_t size, size_t n, size_t nr, const char *in,
                      char *out, size_t panel)
{
    size_t bytes = nr * size;

    for (; n >= nr; n -= nr, in += bytes, out += panel)
        if (bytes % 32 == 0)
            for (size_t i = 0; i < bytes; i += 32) memcpy(out + i, in + i, 32);
        else
            memcpy(out, in, bytes);
    if (!n) return;
    memcpy(out, in, n * size);
    memset(out + n * size, 0, bytes - n * size);
}

void fv__gemm_pack(const fv__kernels *kernels, const fv__gemm *p, void *panels)
{
    char *packed = panels;
    size_t nr = (size_t)kernels->nr, size = fv__element(kernels);
    size_t panel = p->k * nr * size;

    if (p->b_transposed) {
        for (size_t j = 0; j < p->n; j += nr, packed += panel)
            kernels->transpose(p->n - j < nr ? p->n - j : nr, p->k,
                               fv__at(p->b, (ptrdiff_t)(j * p->b_row), size),
                               p->b_row, packed, nr, nr);
        return;
    }
    for (size_t j = 0; j < p->n; j += TOGETHER * nr, packed += TOGETHER * panel)
        for (size_t l = 0; l < p->k; l++)
            pack_rows(size, p->n - j < TOGETHER * nr ? p->n - j : TOGETHER * nr,
                      nr, fv__at(p->b, (ptrdiff_t)(l * p->b_row + j), size),
                      packed + l * nr * size, panel);
}

/* Number of panels, of n columns and k terms, that are packed together. */
static size_t panels_together(const fv__kernels *kernels, size_t n, size_t k)
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
    size_t all = packed_bytes(kernels, fv__panels(kernels, n), k);
    size_t panel = packed_bytes(kernels, 1, k);
    size_t most = fv__align(PACKED_ELEMENTS * fv__element(kernels));

    (void)m;
    if (most < panel) most = panel;
    return all < most ? all : most;
}

/* ---- the product -------------------------------------------------------- */

/* A product whose chains are not cut any more. */
typedef struct run {
    const fv__kernels *kernels;
    const fv__gemm *product;
    const void *packed; /* B; NULL: it is read in place */
    size_t terms;       /* of k in a packed panel */
    fv__accumulation accumulation;
} run;

/* m rows from row i on against the panel from column j on. */
static void one_tile(const run *r, size_t i, size_t m, size_t j)
{
    const fv__gemm *p = r->product;
    size_t size = fv__element(r->kernels), nr = (size_t)r->kernels->nr;
    size_t row = p->a_transposed ? 1 : p->a_row;
    const void *bias = p->bias ? fv__at(p->bias, (ptrdiff_t)j, size) : NULL;
    const fv__epilogue epilogue = { .bias = bias };
    const fv__tile tile = {
        .a = fv__at(p->a, (ptrdiff_t)(i * row), size),
        .b = r->packed ? fv__at(r->packed, (ptrdiff_t)(j * r->terms), size)
                       : fv__at(p->b, (ptrdiff_t)j, size),
        .c = fv__slot(p->c, (ptrdiff_t)(i * p->c_row + j), size),
        .a_row = row,
        .a_step = p->a_transposed ? p->a_row : 1,
        .b_step = r->packed ? nr : p->b_row,
        .c_row = p->c_row,
        .segments = 1,
        .k = p->k,
        .epilogue = bias ? &epilogue : NULL,
        .accumulation = r->accumulation
    };

    r->kernels->microkernel(m, p->n - j < nr ? p->n - j : nr, &tile);
}

/* Rows [first, last). Panels are the outer loop, so that each stays in a
 * first-level cache for all rows; if there are few terms, rows are, so that C
 * is written in long runs. */
static void run_rows(const run *r, size_t first, size_t last)
{
    const size_t mr = (size_t)r->kernels->mr, nr = (size_t)r->kernels->nr;
    const size_t n = r->product->n;
    const bool rows_outside = r->product->k <= SHORT_TERMS;

    for (size_t outer = 0; outer < (rows_outside ? 1 : n); outer += nr)
        for (size_t i = first, m; i < last; i += m) {
            m = fv__tile_height(last - i, mr);
            for (size_t j = outer; j < (rows_outside ? n : outer + 1); j += nr)
                one_tile(r, i, m, j);
        }
}

static void run_packed(const run *r)
{
    const fv__gemm *p = r->product;
    size_t mr = (size_t)r->kernels->mr;
    size_t rows = p->k ? ROWS_ELEMENTS / p->k / mr * mr : p->m;

    if (rows < mr) rows = mr;
    for (size_t i = 0; i < p->m; i += rows)
        run_rows(r, i, i + rows < p->m ? i + rows : p->m);
}

static fv__accumulation accumulation_of(const fv__gemm *p)
{
    return p->accumulate ? FV__ACCUMULATE : FV__STORE;
}

/* The part of a product with at most m x n outputs, from row i, column j on. */
static fv__gemm part(const fv__kernels *kernels, const fv__gemm *p, size_t i,
                     size_t m, size_t j, size_t n)
{
    size_t size = fv__element(kernels);
    fv__gemm range = *p;

    range.m = p->m - i < m ? p->m - i : m;
    range.n = p->n - j < n ? p->n - j : n;
    range.a =
        fv__at(p->a, (ptrdiff_t)(p->a_transposed ? i : i * p->a_row), size);
    range.b =
        fv__at(p->b, (ptrdiff_t)(p->b_transposed ? j * p->b_row : j), size);
    range.c = fv__slot(p->c, (ptrdiff_t)(i * p->c_row + j), size);
    if (p->bias) range.bias = fv__at(p->bias, (ptrdiff_t)j, size);
    return range;
}

/* The part of a product with at most `count` terms of k, from term l on. Only
 * the last terms get the bias. */
static fv__gemm terms_of(const fv__kernels *kernels, const fv__gemm *p,
                         size_t l, size_t count)
{
    size_t size = fv__element(kernels);
    fv__gemm range = *p;

    range.k = p->k - l < count ? p->k - l : count;
    range.a =
        fv__at(p->a, (ptrdiff_t)(p->a_transposed ? l * p->a_row : l), size);
    if (p->b)
        range.b =
            fv__at(p->b, (ptrdiff_t)(p->b_transposed ? l : l * p->b_row), size);
    if (l + range.k < p->k) range.bias = NULL;
    return range;
}

static fv__chain chain_of(const fv__gemm *p)
{
    return (fv__chain){ 1, 1, (int64_t)p->k };
}

static size_t block_at(fv__chain chain, size_t l)
{
    return (size_t)fv__chain_block(chain, (int64_t)l);
}

/* The accumulation mode of the block of the chain that begins at term l. */
static fv__accumulation block_accumulation(const fv__gemm *p, size_t l)
{
    return l ? FV__ACCUMULATE : accumulation_of(p);
}

void fv__gemm_run(const fv__kernels *kernels, const fv__gemm *p,
                  fv__chain chain, const void *packed)
{
    const size_t size = fv__element(kernels), nr = (size_t)kernels->nr;
    size_t l = 0;

    if (!p->m || !p->n || fv__gemm_blas(kernels, p)) return;
    do {
        const fv__gemm range = terms_of(kernels, p, l, block_at(chain, l));
        const run r = { kernels, &range,
                        fv__at(packed, (ptrdiff_t)(l * nr), size), p->k,
                        block_accumulation(p, l) };

        run_packed(&r);
        l += range.k;
    } while (l < p->k);
}

/* m columns of a product with one row, from column j on: B times the row of A
 * as a column. A cache line of the next rows of B is prefetched for each term,
 * from `next` on. */
static void column_tile(const fv__kernels *kernels, const fv__gemm *p, size_t j,
                        size_t m, const void *next)
{
    const size_t size = fv__element(kernels);
    const fv__epilogue epilogue = {
        .residual = p->bias ? fv__at(p->bias, (ptrdiff_t)j, size) : NULL,
        .residual_row = 1,
    };
    const fv__tile tile = { .a = fv__at(p->b, (ptrdiff_t)(j * p->b_row), size),
                            .b = p->a,
                            .c = fv__slot(p->c, (ptrdiff_t)j, size),
                            .a_row = p->b_row,
                            .a_step = 1,
                            .b_step = p->a_transposed ? p->a_row : 1,
                            .c_row = 1,
                            .segments = 1,
                            .k = p->k,
                            .epilogue = &epilogue,
                            .accumulation = accumulation_of(p),
                            .next = next,
                            .next_step = LINE_BYTES };

    kernels->microkernel(m, 1, &tile);
}

/* One row times a transposed matrix: the matrix times a column. B is read once,
 * in place, and nothing is packed. */
static void run_column(const fv__kernels *kernels, const fv__gemm *p)
{
    const size_t size = fv__element(kernels), mr = (size_t)kernels->mr;

    for (size_t j = 0; j < p->n; j += mr) {
        const size_t next = j + mr < p->n ? j + mr : j;
        const char *ahead = fv__at(p->b, (ptrdiff_t)(next * p->b_row), size);
        size_t l = 0;

        do {
            fv__gemm range = terms_of(kernels, p, l, block_at(chain_of(p), l));

            range.accumulate = block_accumulation(p, l) == FV__ACCUMULATE;
            column_tile(kernels, &range, j, p->n - j < mr ? p->n - j : mr,
                        ahead + l * LINE_BYTES);
            l += range.k;
        } while (l < p->k);
    }
}

/* n rows of B, a multiple of FV__LANES, times all rows of A, which are packed
 * as columns at `packed` unless that is NULL. */
static void small_n_tile(const fv__kernels *kernels, const fv__gemm *p,
                         size_t n, const void *packed)
{
    const size_t square = FV__LANES * p->b_row * fv__element(kernels);
    const fv__tile tile = {
        .a = p->b,
        .b = packed ? packed : p->a,
        .c = p->c,
        .a_row = p->b_row,
        .a_step = 1,
        .b_step = p->a_transposed ? p->a_row : p->m,
        .c_row = 1,
        .segments = 1,
        .k = p->k,
        .accumulation = accumulation_of(p),
        .next = (const char *)p->b
                + (square <= SQUARE_BYTES ? square : AHEAD_BYTES),
        .c_column = p->c_row,
    };

    kernels->microkernel_small_n(n, p->m, &tile);
}

/* Few rows times a transposed matrix: the matrix times few columns, which are
 * packed. Squares of B are read in place; if chains are cut, all blocks of one
 * before the next. Returns the number of columns of C that are done, the
 * multiple of FV__LANES; 0 if the product has another form. */
static size_t run_small_n(const fv__kernels *kernels, const fv__gemm *p,
                          void *scratch)
{
    const size_t size = fv__element(kernels);
    const size_t n = p->n - p->n % FV__LANES;
    const size_t each = fv__chain_is_cut(chain_of(p)) ? FV__LANES : n;
    const void *packed = p->m > 1 && !p->a_transposed ? scratch : NULL;

    if (!p->b_transposed || p->m > (size_t)kernels->small_n || p->k < FV__LANES
        || !n)
        return 0;
    if (packed)
        kernels->transpose(p->m, p->k, p->a, p->a_row, scratch, p->m, p->m);
    for (size_t j = 0; j < n; j += each) {
        const fv__gemm columns = part(kernels, p, 0, p->m, j, each);
        size_t l = 0;

        do {
            fv__gemm range =
                terms_of(kernels, &columns, l, block_at(chain_of(p), l));

            range.accumulate = block_accumulation(p, l) == FV__ACCUMULATE;
            small_n_tile(kernels, &range, each,
                         packed ? fv__at(packed, (ptrdiff_t)(l * p->m), size)
                                : NULL);
            l += range.k;
        } while (l < p->k);
    }
    if (p->bias) kernels->add_rows(p->m, n, p->bias, 0, p->c, p->c_row);
    return n;
}

/* Terms that are packed at a time, from term l on: a block, if chains are cut;
 * else at most `most`, after which chains resume. Sums that are added to C
 * cannot resume, since C holds another number. */
static size_t panel_terms(const fv__gemm *p, size_t l, size_t most)
{
    if (fv__chain_is_cut(chain_of(p))) return block_at(chain_of(p), l);
    return p->accumulate || p->k < most ? p->k : most;
}

/* The largest of these numbers. */
static size_t longest_panel_terms(const fv__gemm *p, size_t most)
{
    const size_t first = panel_terms(p, 0, most);

    return fv__chain_is_cut(chain_of(p)) ? 2 * first : first;
}

static fv__accumulation panel_accumulation(const fv__gemm *p, size_t l)
{
    if (l && !fv__chain_is_cut(chain_of(p))) return FV__RESUME;
    return block_accumulation(p, l);
}

/* The general form: B is packed into panels, unless it is read in place. */
static void run_panels(const fv__kernels *kernels, const fv__gemm *product,
                       void *scratch)
{
    const size_t mr = (size_t)kernels->mr, nr = (size_t)kernels->nr;
    const bool single_tile = product->m <= mr && product->b_transposed;
    const bool in_place =
        product->m <= IN_PLACE_TILES * mr && !product->b_transposed;
    const size_t most = single_tile ? PACKED_TERMS_ONE_TILE : PACKED_TERMS;
    const size_t together =
        single_tile ? 1
                    : panels_together(kernels, product->n,
                                      longest_panel_terms(product, most));
    const size_t width = together * nr;

    for (size_t j = 0; j < product->n; j += width) {
        fv__gemm columns = part(kernels, product, 0, product->m, j, width);
        size_t l = 0;

        do {
            fv__gemm range =
                terms_of(kernels, &columns, l, panel_terms(product, l, most));
            const run r = { kernels, &range, in_place ? NULL : scratch, range.k,
                            panel_accumulation(product, l) };

            if (!in_place) fv__gemm_pack(kernels, &range, scratch);
            run_packed(&r);
            l += range.k;
        } while (l < product->k);
    }
}

void fv__gemm_one(const fv__kernels *kernels, const fv__gemm *product,
                  void *scratch)
{
    if (!product->m || !product->n || fv__gemm_blas(kernels, product)) return;
    const size_t done = run_small_n(kernels, product, scratch);
    const fv__gemm rest =
        part(kernels, product, 0, product->m, done, product->n - done);

    if (rest.m == 1 && rest.b_transposed)
        run_column(kernels, &rest);
    else
        run_panels(kernels, &rest, scratch);
}

/* ---- parallel ----------------------------------------------------------- */

typedef struct items {
    const fv__kernels *kernels;
    const fv__gemm *product;
    size_t rows, columns; /* of an item */
    size_t across;        /* items side by side */
    char *scratch;
    size_t scratch_bytes; /* of a thread */
} items;

static void one_item(void *argument, size_t item, size_t worker)
{
    const items *all = argument;
    size_t i = item / all->across * all->rows;
    size_t j = item % all->across * all->columns;
    fv__gemm product =
        part(all->kernels, all->product, i, all->rows, j, all->columns);

    fv__gemm_one(all->kernels, &product,
                 all->scratch + worker * all->scratch_bytes);
}

void fv__gemm_all(fv_context *context, const fv__gemm *product, void *scratch)
{
    const fv__kernels *kernels = context->kernels;
    size_t m = product->m, n = product->n, k = product->k;
    /* A CBLAS may round a product otherwise when it is cut otherwise, so its
     * items are the same for all tables. */
    const bool foreign = fv__gemm_is_foreign();
    size_t mr = foreign ? FV__LANES : (size_t)kernels->mr;
    size_t nr = foreign ? FV__LANES : (size_t)kernels->nr;

    if (!m || !n) return;
    size_t columns = ((n + nr - 1) / nr + ITEMS - 1) / ITEMS * nr;
    items all = {
        .kernels = kernels,
        .product = product,
        .rows = mr < ITEM_ROWS ? ITEM_ROWS / mr * mr : mr,
        .columns = nr < ITEM_COLUMNS && columns > ITEM_COLUMNS
                       ? ITEM_COLUMNS / nr * nr
                       : columns,
        .scratch = scratch,
        .scratch_bytes = fv__gemm_scratch(kernels, m, n, k),
    };

    all.across = (n + all.columns - 1) / all.columns;
    size_t down = (m + all.rows - 1) / all.rows;
    fv__parallel(context, down * all.across, (double)m * (double)n * (double)k,
                 one_item, &all);
}
