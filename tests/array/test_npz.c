/* NumPy archives: what loads, what is refused and why, and what is written.
 * tests/data/npz has what numpy.savez and numpy.savez_compressed wrote. */
#include "faults.h"
#include "support.h"

#include "base/internal.h"
#include "memory_files.h"
/* Last, because parameters above are called `path`, too. */
#include "folder.h"

/* ---- files in memory ----------------------------------------------------- */

static unsigned char bytes[4096];
static size_t size;

static void read_data(const char *name)
{
    char file[512];
    snprintf(file, sizeof file, "%s/npz/%s", FOVEA_TEST_DATA, name);
    FILE *stream = fopen(file, "rb");
    assert_non_null(stream);
    size = fread(bytes, 1, sizeof bytes, stream);
    fclose(stream);
    assert_true(size > 0 && size < sizeof bytes);
}

/* Loads the bytes as a file; the context is the caller's. */
static fv_named_tensors load(fv_context **context)
{
    static memory_files files;
    memory_files_put(&files, "a.npz", bytes, size);
    fv_io io = memory_files_io(&files);
    *context = fv_context_new(FV_OPTIONS(fv_context_options, .threads = 1,
                                         .max_bytes = 1 << 26, .io = &io));
    assert_non_null(*context);
    return fv_npz_load(*context, "a.npz");
}

static void refused(fv_status status, const char *sentence)
{
    fv_context *ctx;
    const fv_named_tensors arrays = load(&ctx);
    assert_null(arrays.at);
    assert_int_equal(arrays.count, 0);
    assert_int_equal(fv_failed(ctx), status);
    assert_error(ctx, sentence);
    assert_int_equal(fv_context_memory(ctx).data_bytes, 0);
    fv_context_free(ctx);
}

/* The n-th place (from 0) of the text in the file. */
static unsigned char *find(const char *text, size_t length, int n)
{
    for (size_t at = 0; at + length <= size; at++)
        if (memcmp(bytes + at, text, length) == 0 && n-- == 0)
            return bytes + at;
    fail_msg("there is no %s", text);
    return bytes;
}

/* Replaces the text in the header of the file and in the directory. */
static void rename_array(const char *from, const char *to)
{
    for (int i = 1; i >= 0; i--)
        memcpy(find(from, strlen(from), i), to, strlen(to));
}

/* ---- what loads ---------------------------------------------------------- */

static void assert_array(const fv_context *ctx, const fv_named_tensor *array,
                         const char *name, fv_dtype dtype, const char *text)
{
    char got[512];
    assert_ok(ctx);
    assert_string_equal(array->name, name);
    assert_int_equal(array->tensor.dtype, dtype);
    assert_true(fv_tensor_is_contiguous(&array->tensor));
    fv_tensor_format(&array->tensor, got, sizeof got);
    assert_string_equal(got, text);
}

static void test_files_of_numpy(void **state)
{
    (void)state;
    needs(ZIP);
    static const char *const names[] = { "numpy.npz", "numpy_compressed.npz" };
    for (int i = 0; i < 2; i++) {
        fv_context *ctx;
        read_data(names[i]);
        fv_named_tensors arrays = load(&ctx);
        assert_ok(ctx);
        assert_int_equal(arrays.count, 4);
        assert_array(ctx, &arrays.at[0], "weight", FV_F32,
                     "[[0, 0.25, 0.5],\n [0.75, 1, 1.25]]");
        assert_array(ctx, &arrays.at[1], "labels", FV_I16,
                     "[[0, 1, 2],\n [3, 4, 5]]");
        assert_int_equal(arrays.at[2].tensor.rank, 0);
        assert_array(ctx, &arrays.at[3], "../\xc3\xa9", FV_U8,
                     "[0, 1, 0, ..., 1, 0, 1]");
        fv_named_tensors_free(ctx, &arrays);
        assert_null(arrays.at);
        assert_int_equal(fv_context_memory(ctx).data_bytes, 0);
        fv_context_free(ctx);
    }
}

/* ---- what is refused ----------------------------------------------------- */

static void test_no_archives(void **state)
{
    (void)state;
    needs(ZIP);
    size = (size_t)snprintf((char *)bytes, sizeof bytes, "\x93NUMPY\1");
    refused(FV_MALFORMED, "a.npz: not a NumPy archive but a NumPy file (.npy)");
    size = (size_t)snprintf((char *)bytes, sizeof bytes, "something");
    refused(FV_MALFORMED, "a.npz: not a NumPy archive");
    size = 0;
    refused(FV_MALFORMED, "a.npz: not a NumPy archive");
}

static void test_every_prefix(void **state)
{
    (void)state;
    needs(ZIP);
    read_data("numpy_compressed.npz");
    while (size-- > 0) {
        fv_context *ctx;
        assert_null(load(&ctx).at);
        assert_int_equal(fv_failed(ctx), FV_MALFORMED);
        fv_clear_error(ctx);
        assert_int_equal(fv_context_memory(ctx).data_bytes, 0);
        fv_context_free(ctx);
    }
}

static void test_names(void **state)
{
    (void)state;
    needs(ZIP);
    read_data("numpy.npz");
    rename_array("labels.npy", "weight.npy");
    refused(FV_MALFORMED, "a.npz: two arrays have one name");
    read_data("numpy.npz");
    rename_array("labels.npy", "labels.txt");
    refused(FV_MALFORMED, "a.npz: 'labels.txt' is not an array (NAME.npy)");
    read_data("numpy.npz");
    rename_array("flag.npy", "flg.npy/");
    refused(FV_MALFORMED, "a.npz: 'flg.npy/' is not an array (NAME.npy)");
}

static void test_sizes(void **state)
{
    (void)state;
    needs(ZIP);
    read_data("numpy.npz");
    memcpy(find("(2, 3)", 6, 0), "(9, 9)", 6);
    refused(FV_MALFORMED, "a.npz: array 'weight': 152 bytes, f32 [9, 9] needs "
                          "452");
    read_data("numpy.npz");
    unsigned char *element = find("\0\0\x80\x3e", 4, 0); /* 0.25 */
    element[3] = 0x3f;
    refused(FV_MALFORMED, "a.npz: array 'weight': zip: CRC error");
}

/* States the size of the first array, in the directory and before the array. */
static void set_size(uint32_t value)
{
    unsigned char *const at[] = { find("PK\1\2", 4, 0) + 24,
                                  find("PK\3\4", 4, 0) + 22 };
    for (int i = 0; i < 4; i++)
        at[0][i] = at[1][i] = (unsigned char)(value >> 8 * i);
}

/* Sizes that memory is not taken for, since the array does not have them. */
static void test_bombs(void **state)
{
    (void)state;
    needs(ZIP);
    read_data("numpy_compressed.npz");
    set_size(4000000000U);
    refused(FV_MALFORMED, "a.npz: array 'weight': 86 compressed bytes cannot "
                          "hold 4000000000");
    set_size(50000);
    refused(FV_MALFORMED, "a.npz: array 'weight': ends 9860 bytes early");
}

/* One to four bytes changed: refused or loaded, never worse. */
static void test_random_bytes_changed(void **state)
{
    (void)state;
    needs(ZIP);
    uint64_t dice = 7;
    int loaded = 0;
    for (int round = 0; round < 1500; round++) {
        read_data(round % 2 ? "numpy.npz" : "numpy_compressed.npz");
        for (int i = 0; i <= round % 4; i++) {
            dice = dice * 6364136223846793005ULL + 1442695040888963407ULL;
            size_t at = (size_t)(dice >> 33) % size;
            bytes[at] = (unsigned char)(bytes[at] ^ (1 + (dice >> 20) % 255));
        }
        fv_context *ctx;
        fv_named_tensors arrays = load(&ctx);
        loaded += arrays.at != NULL;
        assert_int_equal(!arrays.at, fv_failed(ctx) != FV_OK);
        assert_true(fv__is_utf8(fv_error(ctx)));
        fv_clear_error(ctx);
        fv_named_tensors_free(ctx, &arrays);
        assert_int_equal(fv_context_memory(ctx).data_bytes, 0);
        fv_context_free(ctx);
    }
    assert_true(loaded > 0 && loaded < 750);
}

/* ---- what is written ----------------------------------------------------- */

static const float numbers[] = { 1, 2, 3, 4, 5, 6 };

/* A tensor, its transposed view, one without elements, a number. */
static void fill(fv_named_tensor out[4])
{
    fv_tensor all = FV_TENSOR((void *)(uintptr_t)numbers, FV_F32, 2, 3);
    out[0] = (fv_named_tensor){ "conv1.weight", all };
    out[1] = (fv_named_tensor){ "turned", all };
    out[1].tensor.shape[0] = out[1].tensor.stride[1] = 3;
    out[1].tensor.shape[1] = 2;
    out[1].tensor.stride[0] = 1;
    out[2] = (fv_named_tensor){ "none", FV_TENSOR(NULL, FV_I64, 0, 3) };
    out[3] =
        (fv_named_tensor){ "../one", fv_tensor_of((void *)(uintptr_t)numbers,
                                                  FV_F32, 0, NULL) };
}

/* The file into `bytes`. */
static void read_written(void)
{
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    size = fread(bytes, 1, sizeof bytes, stream);
    fclose(stream);
}

static void test_there_and_back(void **state)
{
    (void)state;
    needs(ZIP);
    fv_named_tensor tensors[4];
    fill(tensors);
    fv_context *ctx = fv_context_new(NULL);
    assert_int_equal(fv_npz_save(ctx, path, 4, tensors), FV_OK);
    read_written();
    const uint32_t first = fv__crc32(0, bytes, size);
    assert_int_equal(fv_npz_save(ctx, path, 4, tensors), FV_OK);
    read_written();
    assert_int_equal(fv__crc32(0, bytes, size), first);
    fv_named_tensors arrays = fv_npz_load(ctx, path);
    assert_ok(ctx);
    assert_int_equal(arrays.count, 4);
    assert_array(ctx, &arrays.at[0], "conv1.weight", FV_F32,
                 "[[1, 2, 3],\n [4, 5, 6]]");
    assert_array(ctx, &arrays.at[1], "turned", FV_F32,
                 "[[1, 4],\n [2, 5],\n [3, 6]]");
    assert_string_equal(arrays.at[2].name, "none");
    assert_true(fv_tensor_same_shape(&arrays.at[2].tensor, &tensors[2].tensor));
    assert_array(ctx, &arrays.at[3], "../one", FV_F32, "1");
    fv_context_free(ctx);
}

static void test_misuse(void **state)
{
    (void)state;
    needs(ZIP);
    fv_named_tensor tensors[4];
    fv_context *ctx = fv_context_new(NULL);
    assert_int_equal(fv_npz_save(ctx, path, 0, tensors), FV_MISUSE);
    assert_error(ctx, "npz: no tensors");
    fill(tensors);
    tensors[3].name = "turned";
    fv_npz_save(ctx, "/nowhere/at.npz", 4, tensors);
    assert_error(ctx, "/nowhere/at.npz: array 'turned' is given twice");
    tensors[3].name = "\xff";
    fv_npz_save(ctx, path, 4, tensors);
    assert_error(ctx, "npz: tensor 3 has no name in UTF-8");
    tensors[1].name = "";
    fv_npz_save(ctx, path, 4, tensors);
    assert_error(ctx, "npz: tensor 1 has no name in UTF-8");
    fv_named_tensors_free(ctx, NULL);
    /* of a list of views, the list */
    fv_network *net = fv_network_parse(ctx, "input 2\nlinear 2\n", "n");
    fv_named_tensors weights = fv_network_weights(net, 0);
    assert_int_equal(weights.count, 2);
    fv_named_tensors_free(ctx, &weights);
    assert_null(weights.at);
    assert_non_null(fv_variable_value(fv_network_variables(net).at[0])->data);
    assert_ok(ctx);
    fv_npz_load(ctx, "/nowhere/at.npz");
    assert_int_equal(fv_failed(ctx), FV_IO);
    fv_context_free(ctx);
}

/* Every allocation fails once: a failure, and nothing left. */
static void test_allocations(void **state)
{
    (void)state;
    needs(ZIP);
    bool reached = true;
    size_t k = 1;
    for (; reached && k < 200; k++) {
        faults_memory memory = { .fail_at = k };
        fv_allocator allocator = faults_allocator(&memory);
        fv_context *ctx = fv_context_new(FV_OPTIONS(
            fv_context_options, .threads = 1, .allocator = &allocator));
        fv_named_tensor tensors[4];
        fill(tensors);
        fv_npz_save(ctx, path, 4, tensors);
        fv_named_tensors arrays = fv_npz_load(ctx, path);
        reached = memory.calls >= k;
        if (ctx) assert_int_equal(fv_failed(ctx) != FV_OK, reached);
        assert_int_equal(arrays.count, reached ? 0 : 4);
        fv_context_free(ctx);
        assert_int_equal(memory.blocks, 0);
    }
    assert_true(k > 20 && k < 200);
}

/* A build without libzip says so. */
static void test_without(void **state)
{
    (void)state;
    if (TEST_HAS_ZIP) skip();
    fv_context *ctx = fv_context_new(NULL);
    fv_npz_load(ctx, "a.npz");
    assert_error(ctx, "a.npz: this build of Fovea has no NumPy archives "
                      "(libzip)");
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_of_numpy),
        cmocka_unit_test(test_no_archives),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_random_bytes_changed),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_without),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
