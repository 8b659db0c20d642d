/* Every file operation fails, is cut short or interrupted: the old file or the
 * new one, never a mixture, and nothing left lying about. */
#include "faults.h"
#include "folder.h"
#include "nets.h"

#include <dirent.h>
#include <errno.h>

static const char *const small = "input 8 8 3\n"
                                 "conv2d 2 3 3 stride=2\n"
                                 "batchnorm\n"
                                 "flatten\n"
                                 "linear 4\n"
                                 "softmax_cross_entropy\n";

/* ---- files --------------------------------------------------------------- */

typedef struct bytes {
    size_t size;
    unsigned char at[1 << 16];
} bytes;

static void read_whole(bytes *out)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    out->size = fread(out->at, 1, sizeof out->at, file);
    fclose(file);
    assert_true(out->size > 0 && out->size < sizeof out->at);
}

static bool same(const bytes *a, const bytes *b)
{
    return a->size == b->size && !memcmp(a->at, b->at, a->size);
}

static void write_whole(const bytes *content)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content->at, 1, content->size, file),
                     content->size);
    fclose(file);
}

/* The folder holds the file, if any, and nothing else. */
static void assert_tidy(void)
{
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    struct dirent *entry;
    while ((entry = readdir(listing)))
        if (entry->d_name[0] != '.' || strlen(entry->d_name) > 2)
            assert_string_equal(entry->d_name, "model");
    closedir(listing);
}

static fv_context *make(faults_io *io, uint64_t seed)
{
    fv_io table = faults_io_table(io);
    fv_context *ctx = NET_CONTEXT(.io = &table, .threads = 1, .seed = seed);
    assert_ok(ctx);
    return ctx;
}

static fv_status save(faults_io *io, uint64_t seed)
{
    fv_context *ctx = make(io, seed);
    fv_network *net = fv_network_parse(ctx, small, "small");
    fv_status status = fv_network_save(net, path);
    assert_true(status == FV_OK || *fv_error(ctx));
    fv_context_free(ctx);
    assert_int_equal(io->files, 0);
    return status;
}

/* ---- saving -------------------------------------------------------------- */

static bytes old, new, now;

static void prepare(void)
{
    faults_io io = { 0 };
    assert_int_equal(save(&io, 1), FV_OK);
    read_whole(&old);
    assert_int_equal(save(&io, 2), FV_OK);
    read_whole(&new);
    assert_false(same(&old, &new));
}

static void test_every_call_of_a_save_may_fail(void **state)
{
    (void)state;
    needs(JANSSON);
    prepare();
    const int errors[] = { EIO, ENOSPC };
    int failures = 0, kept = 0;
    for (int e = 0; e < 4; e++) {
        for (size_t k = 1; k < 100; k++) {
            write_whole(&old);
            faults_io io = { .fail_at = k,
                             .error = errors[e / 2],
                             .from_then_on = e % 2 };
            fv_status status = save(&io, 2);
            read_whole(&now);
            assert_true(same(&now, &old) || same(&now, &new));
            if (status == FV_OK) assert_true(same(&now, &new));
            if (status != FV_OK) assert_int_equal(status, FV_IO);
            failures += status != FV_OK;
            kept += same(&now, &old);
            bool swept = io.calls < FAULTS_TRACE;
            if (swept && k <= io.calls && io.trace[k - 1] == FAULTS_UNLINK)
                continue;
            assert_tidy();
            if (io.calls < k) break;
        }
    }
    assert_true(failures >= 4 * 4 && kept >= 4 * 4);
}

static void test_short_and_interrupted_saves_and_loads(void **state)
{
    (void)state;
    needs(JANSSON);
    prepare();
    for (size_t most = 0; most < 8; most++) {
        write_whole(&old);
        faults_io io = { .most = most, .interrupt = true };
        assert_int_equal(save(&io, 2), FV_OK);
        read_whole(&now);
        assert_true(same(&now, &new));
        assert_tidy();
        fv_context *ctx = make(&io, 3);
        fv_network *net = fv_network_load(ctx, path);
        assert_ok(ctx);
        assert_int_equal(fv_network_save(net, path), FV_OK);
        fv_context_free(ctx);
        read_whole(&now);
        assert_true(same(&now, &new));
    }
}

static void test_every_call_of_a_load_may_fail(void **state)
{
    (void)state;
    needs(JANSSON);
    prepare();
    for (int from_then_on = 0; from_then_on < 2; from_then_on++) {
        for (size_t k = 1; k < 100; k++) {
            faults_io io = { .fail_at = k,
                             .error = EIO,
                             .from_then_on = from_then_on };
            fv_context *ctx = make(&io, 3);
            fv_network *net = fv_network_load(ctx, path);
            bool reached = io.calls >= k;
            assert_int_equal(io.files, 0);
            if (!net) {
                assert_int_equal(fv_failed(ctx), FV_IO);
                assert_non_null(strstr(fv_error(ctx), "Input/output error"));
                assert_int_equal(fv_context_memory(ctx).data_bytes, 0);
                fv_clear_error(ctx);
                io.fail_at = 0;
                net = fv_network_load(ctx, path);
            }
            assert_ok(ctx);
            assert_non_null(net);
            fv_context_free(ctx);
            if (!reached) break;
        }
    }
}

/* ---- checkpoints --------------------------------------------------------- */

enum { IMAGES = 10, BATCH = 4 };

/* Trains up to that epoch; the digest of the weights, 0 after a failure. */
static uint64_t fit(faults_io *io, int64_t epochs, fv_status *status)
{
    fv_context *ctx = make(io, 5);
    fv_network *net = fv_network_parse(ctx, small, "small");
    fv_optimizer *adam = fv_adam(net, 0.01);
    fv_fit(net, adam, net_dataset(ctx, IMAGES), .epochs = epochs,
           .batch = BATCH, .checkpoint = path, .resume = 1);
    *status = fv_failed(ctx);
    uint64_t digest = *status ? 0 : net_digest(net);
    fv_context_free(ctx);
    assert_int_equal(io->files, 0);
    return digest;
}

static void test_every_call_of_a_checkpoint_may_fail(void **state)
{
    (void)state;
    needs(JANSSON);
    fv_status status;
    faults_io fine = { 0 };
    unlink(path);
    uint64_t expected = fit(&fine, 3, &status);
    assert_int_equal(status, FV_OK);
    unlink(path);
    fit(&fine, 1, &status);
    read_whole(&old); /* after the first epoch */
    for (size_t k = 1; k < 200; k++) {
        write_whole(&old);
        faults_io io = { .fail_at = k, .error = EIO };
        uint64_t digest = fit(&io, 3, &status);
        bool reached = io.calls >= k;
        if (status == FV_OK) assert_true(digest == expected);
        if (status != FV_OK) assert_int_equal(status, FV_IO);
        if (!reached) assert_int_equal(status, FV_OK);
        /* whatever is there now, the run goes on from it to the same end */
        io.fail_at = 0;
        assert_true(fit(&io, 3, &status) == expected);
        assert_tidy();
        if (!reached) return;
    }
    fail_msg("a run makes 200 calls");
}

/* ---- the order of calls ------------------------------------------------- */

/* Whether the calls end with those that make a file last: everything written,
 * flushed and closed before the new name, the folder flushed after it. */
static void assert_saved(const faults_io *io)
{
    static const faults_call last[] = {
        FAULTS_WRITE, FAULTS_FSYNC, FAULTS_CLOSE, FAULTS_RENAME,
        FAULTS_OPEN,  FAULTS_FSYNC, FAULTS_CLOSE, FAULTS_CLOSE /* the lock */
    };
    enum { COUNT = sizeof last / sizeof last[0] };
    assert_true(io->calls > COUNT && io->calls <= FAULTS_TRACE);
    const size_t from = io->calls - COUNT;
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(io->trace[from + i], last[i]);
    size_t at = from;
    while (at && io->trace[at - 1] == FAULTS_WRITE) at--;
    for (size_t i = 0; i < at; i++) {
        assert_int_not_equal(io->trace[i], FAULTS_WRITE);
        assert_int_not_equal(io->trace[i], FAULTS_RENAME);
    }
}

static void test_trace_of_a_model(void **state)
{
    (void)state;
    needs(JANSSON);
    for (int exists = 0; exists < 2; exists++) {
        faults_io io = { 0 };
        if (!exists) unlink(path);
        assert_int_equal(save(&io, 1), FV_OK);
        assert_saved(&io);
    }
}

/* Each end of an epoch saves once; stopping in one, too. */
static void test_trace_of_a_checkpoint(void **state)
{
    (void)state;
    needs(JANSSON);
    fv_status status;
    faults_io io = { 0 };
    unlink(path);
    fit(&io, 1, &status);
    assert_int_equal(status, FV_OK);
    assert_saved(&io);
}

static void test_trace_of_an_array(void **state)
{
    (void)state;
    faults_io io = { 0 };
    fv_context *ctx = make(&io, 1);
    float numbers[] = { 1, 2, 3 };
    const fv_tensor tensor = fv_tensor_of(numbers, FV_F32, 1, (int64_t[]){ 3 });
    assert_int_equal(fv_npy_save(ctx, path, &tensor), FV_OK);
    assert_saved(&io);
    fv_context_free(ctx);
}

/* A checkpoint that cannot be opened is no reason to start anew. */
static void test_unreadable_checkpoint_is_not_replaced(void **state)
{
    (void)state;
    needs(JANSSON);
    fv_status status;
    faults_io fine = { 0 };
    unlink(path);
    fit(&fine, 2, &status);
    read_whole(&old);
    faults_io io = { .fail_at = 1, .error = EACCES, .from_then_on = true };
    fit(&io, 3, &status);
    assert_int_equal(status, FV_IO);
    read_whole(&now);
    assert_true(same(&now, &old));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_of_a_save_may_fail),
        cmocka_unit_test(test_short_and_interrupted_saves_and_loads),
        cmocka_unit_test(test_every_call_of_a_load_may_fail),
        cmocka_unit_test(test_every_call_of_a_checkpoint_may_fail),
        cmocka_unit_test(test_unreadable_checkpoint_is_not_replaced),
        cmocka_unit_test(test_trace_of_a_model),
        cmocka_unit_test(test_trace_of_a_checkpoint),
        cmocka_unit_test(test_trace_of_an_array),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
