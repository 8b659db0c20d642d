/* The matrix product: cuts m and n, packs b by steps of k, and hands tiles to
 * the table. */
#include "kernel/gemm.h"

#include <string.h>

/* Elements of the packed part of b, and of the rows of a that meet it before
 * the next rows come: both stay in a second-level cache. */
enum { PACKED_ELEMENTS = 1 << 17, ROWS_ELEMENTS = 1 << 16 };
/* Steps of k that are packed at a time, so that a panel and the rows of a that
 * it meets stay in a first-level cache. With few steps the outputs take more
 * time than the panels: rows of them are written one after the other. All this
 * cuts outputs, or chains that go on where they stopped. */
enum { STEPS = 256, FEW_STEPS = 64 };
/* One tile of rows uses a panel once: what counts is that b is read in long
 * runs. A few tiles read b where it lies, if its rows are those of panels. */
enum { THIN_STEPS = 512, FEW_TILES = 8 };
/* A matrix that meets few columns is asked for before: the next square, if it
 * has no more bytes than that, or so many bytes of each row. */
enum { SQUARE_BYTES = 1 << 16, AHEAD_BYTES = 1 << 11, LINE_BYTES = 64 };
/* The most rows and columns of one item of parallel work, and how many items
 * the columns make if they are few. */
enum { ITEM_ROWS = 192, ITEM_COLUMNS = 512, ITEMS = 8 };

/* ---- packing ------------------------------------------------------------ */

/* Panels whose rows are packed together, to read longer runs of b. More would
 * meet in one set of a first-level cache, when panels are as long as that. */
enum { TOGETHER = 4 };

/* A row of n numbers to panels `panel` bytes apart. */
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

/* Packs all of the product's b: panels of [k][nr], missing columns zero. */
static void pack(const fv__kernels *kernels, const fv__gemm *p, char *packed)
{
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
    size_t all = packed_bytes(kernels, fv__panels(kernels, n), k);
    size_t panel = packed_bytes(kernels, 1, k);
    size_t most = fv__align(PACKED_ELEMENTS * fv__element(kernels));

    (void)m;
    if (most < panel) most = panel;
    return all < most ? all : most;
}

/* ---- the product -------------------------------------------------------- */

typedef struct run {
    const fv__kernels *kernels;
    const fv__gemm *product;
    const void *packed; /* b; NULL: it is read where it lies */
    size_t steps;       /* of k, of a packed panel */
    fv__accumulation accumulation;
} run;

/* m rows from `i` on against the panel from column `j` on. */
static void one_tile(const run *r, size_t i, size_t m, size_t j)
{
    const fv__gemm *p = r->product;
    size_t size = fv__element(r->kernels), nr = (size_t)r->kernels->nr;
    size_t row = p->a_transposed ? 1 : p->a_row;
    const void *bias = p->bias ? fv__at(p->bias, (ptrdiff_t)j, size) : NULL;
    const fv__epilogue epilogue = { .bias = bias };
    const fv__tile tile = {
        .a = fv__at(p->a, (ptrdiff_t)(i * row), size),
        .b = r->packed ? fv__at(r->packed, (ptrdiff_t)(j * r->steps), size)
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

/* Rows [first, last) of the product. Panels are the outer loop, so that a panel
 * stays in the first-level cache for all rows; with at most FEW_STEPS steps
 * tiles are, so that whole rows of c are written one after the other. */
static void run_rows(const run *r, size_t first, size_t last)
{
    const size_t mr = (size_t)r->kernels->mr, nr = (size_t)r->kernels->nr;
    const size_t n = r->product->n;
    const bool rows_outside = r->product->k <= FEW_STEPS;

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

static fv__accumulation meet_of(const fv__gemm *p)
{
    return p->accumulate ? FV__ACCUMULATE : FV__STORE;
}

/* The part of a product that makes m x n outputs from row i, column j. */
static fv__gemm part(const fv__kernels *kernels, const fv__gemm *p, size_t i,
                     size_t m, size_t j, size_t n)
{
    size_t size = fv__element(kernels);
    fv__gemm cut = *p;

    cut.m = p->m - i < m ? p->m - i : m;
    cut.n = p->n - j < n ? p->n - j : n;
    cut.a = fv__at(p->a, (ptrdiff_t)(p->a_transposed ? i : i * p->a_row), size);
    cut.b = fv__at(p->b, (ptrdiff_t)(p->b_transposed ? j * p->b_row : j), size);
    cut.c = fv__slot(p->c, (ptrdiff_t)(i * p->c_row + j), size);
    if (p->bias) cut.bias = fv__at(p->bias, (ptrdiff_t)j, size);
    return cut;
}

/* `count` steps of the sums from step l on, at most; the last ones get the
 * bias. */
static fv__gemm steps(const fv__kernels *kernels, const fv__gemm *p, size_t l,
                      size_t count)
{
    size_t size = fv__element(kernels);
    fv__gemm cut = *p;

    cut.k = p->k - l < count ? p->k - l : count;
    cut.a = fv__at(p->a, (ptrdiff_t)(p->a_transposed ? l * p->a_row : l), size);
    if (p->b)
        cut.b =
            fv__at(p->b, (ptrdiff_t)(p->b_transposed ? l : l * p->b_row), size);
    if (l + cut.k < p->k) cut.bias = NULL;
    return cut;
}

static fv__chain chain_of(const fv__gemm *p)
{
    return (fv__chain){ 1, 1, (int64_t)p->k };
}

static size_t block_at(fv__chain chain, size_t l)
{
    return (size_t)fv__chain_block(chain, (int64_t)l);
}

/* How the block of the chain that begins at step l meets what is there. */
static fv__accumulation block_meet(const fv__gemm *p, size_t l)
{
    return l ? FV__ACCUMULATE : meet_of(p);
}

void fv__gemm_run(const fv__kernels *kernels, const fv__gemm *p,
                  fv__chain chain, const void *packed)
{
    const size_t size = fv__element(kernels), nr = (size_t)kernels->nr;
    size_t l = 0;

    if (!p->m || !p->n || fv__gemm_blas(kernels, p)) return;
    do {
        const fv__gemm cut = steps(kernels, p, l, block_at(chain, l));
        const run r = { kernels, &cut,
                        fv__at(packed, (ptrdiff_t)(l * nr), size), p->k,
                        block_meet(p, l) };

        run_packed(&r);
        l += cut.k;
    } while (l < p->k);
}

/* m columns of a product of one row, from `j` on. What comes next is asked for
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
                            .accumulation = meet_of(p),
                            .next = next,
                            .next_step = LINE_BYTES };

    kernels->microkernel(m, 1, &tile);
}

/* One row times a transposed matrix is the matrix times a column, and nothing
 * is packed: b is read once, as it lies. */
static void run_column(const fv__kernels *kernels, const fv__gemm *p)
{
    const size_t size = fv__element(kernels), mr = (size_t)kernels->mr;

    for (size_t j = 0; j < p->n; j += mr) {
        const size_t next = j + mr < p->n ? j + mr : j;
        const char *ahead = fv__at(p->b, (ptrdiff_t)(next * p->b_row), size);
        size_t l = 0;

        do {
            fv__gemm cut = steps(kernels, p, l, block_at(chain_of(p), l));

            cut.accumulate = block_meet(p, l) == FV__ACCUMULATE;
            column_tile(kernels, &cut, j, p->n - j < mr ? p->n - j : mr,
                        ahead + l * LINE_BYTES);
            l += cut.k;
        } while (l < p->k);
    }
}

/* n rows of b, whole squares of them, times all rows of a, which lie as columns
 * at `packed` if that is not NULL. */
static void narrow_tile(const fv__kernels *kernels, const fv__gemm *p, size_t n,
                        const void *packed)
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
        .accumulation = meet_of(p),
        .next = (const char *)p->b
                + (square <= SQUARE_BYTES ? square : AHEAD_BYTES),
        .c_column = p->c_row,
    };

    kernels->microkernel_small_n(n, p->m, &tile);
}

/* Few rows times a transposed matrix are the matrix times few columns: these
 * are packed, and squares of b are read as they lie, one after the other where
 * their chains are cut. Returns how many columns of the product are done:
 * what is left makes no square. */
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
        const fv__gemm some = part(kernels, p, 0, p->m, j, each);
        size_t l = 0;

        do {
            fv__gemm cut = steps(kernels, &some, l, block_at(chain_of(p), l));

            cut.accumulate = block_meet(p, l) == FV__ACCUMULATE;
            narrow_tile(kernels, &cut, each,
                        packed ? fv__at(packed, (ptrdiff_t)(l * p->m), size)
                               : NULL);
            l += cut.k;
        } while (l < p->k);
    }
    if (p->bias) kernels->add_rows(p->m, n, p->bias, 0, p->c, p->c_row);
    return n;
}

/* Steps that are packed at a time: a block, where the chains are cut, else as
 * many as there are or `most`, from which they go on. Sums that are added to
 * what is there have no place to go on from. */
static size_t wide_steps(const fv__gemm *p, size_t l, size_t most)
{
    if (fv__chain_is_cut(chain_of(p))) return block_at(chain_of(p), l);
    return p->accumulate || p->k < most ? p->k : most;
}

/* The most of them. */
static size_t longest_steps(const fv__gemm *p, size_t most)
{
    const size_t first = wide_steps(p, 0, most);

    return fv__chain_is_cut(chain_of(p)) ? 2 * first : first;
}

static fv__accumulation wide_meet(const fv__gemm *p, size_t l)
{
    if (l && !fv__chain_is_cut(chain_of(p))) return FV__RESUME;
    return block_meet(p, l);
}

static void run_wide(const fv__kernels *kernels, const fv__gemm *product,
                     void *scratch)
{
    const size_t mr = (size_t)kernels->mr, nr = (size_t)kernels->nr;
    const bool thin = product->m <= mr && product->b_transposed;
    const bool in_place =
        product->m <= FEW_TILES * mr && !product->b_transposed;
    const size_t most = thin ? THIN_STEPS : STEPS;
    const size_t together =
        thin ? 1 : group(kernels, product->n, longest_steps(product, most));
    const size_t width = together * nr;

    for (size_t j = 0; j < product->n; j += width) {
        fv__gemm columns = part(kernels, product, 0, product->m, j, width);
        size_t l = 0;

        do {
            fv__gemm cut =
                steps(kernels, &columns, l, wide_steps(product, l, most));
            const run r = { kernels, &cut, in_place ? NULL : scratch, cut.k,
                            wide_meet(product, l) };

            if (!in_place) pack(kernels, &cut, scratch);
            run_packed(&r);
            l += cut.k;
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
        run_wide(kernels, &rest, scratch);
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
    size_t columns = (fv__panels(kernels, n) + ITEMS - 1) / ITEMS * nr;
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
