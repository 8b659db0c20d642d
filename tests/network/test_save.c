/* Models in files: save, load and save again; types, names, order of filters,
 * and everything that does not fit. */
#include "folder.h"
#include "nets.h"

#include "io/io.h"

#include <sys/stat.h>
#include <sys/wait.h>

static size_t read_file(const char *name, char *out, size_t room)
{
    FILE *file = fopen(name, "rb");
    assert_non_null(file);
    size_t size = fread(out, 1, room, file);
    fclose(file);
    assert_true(size > 0 && size < room);
    return size;
}

static void test_save_load_save(void **state)
{
    (void)state;
    needs(JANSSON);
    static char a[1 << 16], b[1 << 16];
    const char *const nets[] = { net_plain, net_residual, net_branches,
                                 net_dropout, "input 4\nrelu\nmse\n" };
    for (int n = 0; n < 10; n++) {
        fv_layout layout = n % 2 ? FV_NCHW : FV_NHWC;
        fv_context *ctx = NET_CONTEXT(.layout = layout, .seed = 4);
        fv_network *net = fv_network_parse(ctx, nets[n / 2], "net");
        assert_int_equal(fv_network_save(net, path), FV_OK);
        uint64_t digest = net_digest(net);
        fv_context_free(ctx);
        /* the layout is the reader's business */
        ctx = NET_CONTEXT(.seed = 5);
        net = fv_network_load(ctx, path);
        assert_ok(ctx);
        assert_true(net_digest(net) == digest);
        assert_string_equal(
            fv_network_text(net),
            fv_network_text(fv_network_parse(ctx, nets[n / 2], "net")));
        assert_int_equal(fv_network_save(net, other_path), FV_OK);
        assert_int_equal(fv_context_memory(ctx).data_bytes > 1 << 16, 0);
        fv_context_free(ctx);
        size_t size = read_file(path, a, sizeof a);
        assert_int_equal(read_file(other_path, b, sizeof b), size);
        assert_memory_equal(a, b, size);
    }
}

/* Names of classes go with the model; a file of others is refused. */
static void test_names_of_classes(void **state)
{
    (void)state;
    needs(JANSSON);
    static const char *const names[] = { "T-shirt/top", "\"\\\n", "\xc3\xa9",
                                         "" };
    fv_context *ctx = NET_CONTEXT(.seed = 4);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    fv_network_set_class_names(net, 4, names);
    fv_network_save(net, path);
    fv_network *loaded = fv_network_load(ctx, path);
    assert_ok(ctx);
    for (int i = 0; i < 4; i++)
        assert_string_equal(fv_network_class_name(loaded, i), names[i]);
    fv_network_set_class_names(net, 0, NULL);
    fv_network_save(net, path);
    assert_null(fv_network_class_name(fv_network_load(ctx, path), 0));
    static const char *const wrong[] = {
        "",       "a",    "{}",       "[1]", "[\"a\",2]", "[\"a\\u0000\"]",
        "[\"a\"", "[[]]", "[\"a\"] x"
    };
    char sentence[256];
    fv__archive *archive = fv__safetensors_read(ctx, path);
    fv__pair pairs[] = { { "fovea.network", fv_network_text(net) },
                         { "fovea.classes", NULL } };
    for (size_t i = 0; i <= sizeof wrong / sizeof *wrong; i++) {
        const bool many = i == sizeof wrong / sizeof *wrong;
        pairs[1].value = many ? "[\"\",\"\",\"\",\"\",\"\"]" : wrong[i];
        fv__safetensors_write(ctx, path, archive->num_entries, archive->entries,
                              2, pairs);
        assert_null(fv_network_load(ctx, path));
        snprintf(sentence, sizeof sentence, "%s: %s", path,
                 many ? "network: 5 names for 4 classes"
                      : "\"fovea.classes\" is no list of names");
        assert_error(ctx, sentence);
    }
    fv__archive_free(archive);
    fv_context_free(ctx);
}

static void test_running_statistics_are_kept(void **state)
{
    (void)state;
    needs(JANSSON);
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_residual, "net");
    fv_tensor images = net_images(ctx, 4), labels = net_labels(ctx, 4);
    fv_train_step(net, fv_sgd(net, 0.1), &images, &labels);
    float a[4 * NET_CLASSES], b[4 * NET_CLASSES];
    fv_tensor out = FV_TENSOR(a, FV_F32, 4, NET_CLASSES);
    fv_tensor again = FV_TENSOR(b, FV_F32, 4, NET_CLASSES);
    fv_network_predict(net, &images, &out);
    fv_network_save(net, path);
    fv_network_predict(fv_network_load(ctx, path), &images, &again);
    assert_ok(ctx);
    assert_memory_equal(a, b, sizeof a);
    fv_context_free(ctx);
}

static void test_filters_are_stored_as_pytorch_has_them(void **state)
{
    (void)state;
    needs(JANSSON);
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(
        ctx,
        "input 8 8 4\nconv2d 6 3 2 groups=2 name=stem.conv\nflatten\n"
        "linear 5\n",
        "net");
    fv_network_save(net, path);
    fv__archive *archive = fv__safetensors_read(ctx, path);
    assert_ok(ctx);
    assert_int_equal(archive->num_entries, 4);
    const fv_tensor *w = fv__archive_find(archive, "stem.conv.weight");
    assert_true(w && w->rank == 4 && w->shape[0] == 6 && w->shape[1] == 2
                && w->shape[2] == 3 && w->shape[3] == 2);
    const fv_tensor *own = fv_variable_value(fv_network_variables(net).at[0]);
    for (int64_t i = 0; i < 72; i++) {
        int64_t to[] = { i / 12, i / 6 % 2, i / 2 % 3, i % 2 };
        int64_t from[] = { to[0], to[2], to[3], to[1] };
        assert_true(fv_tensor_get(ctx, w, to) == fv_tensor_get(ctx, own, from));
    }
    const fv_tensor *bias = fv__archive_find(archive, "stem.conv.bias");
    assert_true(bias && bias->rank == 1 && bias->shape[0] == 6);
    const fv_tensor *linear = fv__archive_find(archive, "linear1.weight");
    assert_true(linear && linear->shape[0] == 5 && linear->shape[1] == 252);
    assert_string_equal(fv__archive_value(archive, "format"), "pt");
    fv__archive_free(archive);
    fv_context_free(ctx);
}

static void test_f32_file_in_an_f64_context(void **state)
{
    (void)state;
    needs(JANSSON);
    for (int wide = 0; wide < 2; wide++) {
        fv_context *from =
            NET_CONTEXT(.dtype = wide ? FV_F64 : FV_F32, .threads = 1);
        fv_context *to =
            NET_CONTEXT(.dtype = wide ? FV_F32 : FV_F64, .threads = 1);
        fv_network *a = fv_network_parse(from, net_plain, "net");
        fv_network_save(a, path);
        fv_network *b = fv_network_load(to, path);
        assert_ok(to);
        fv_variables x = fv_network_variables(a), y = fv_network_variables(b);
        assert_int_equal(x.count, y.count);
        for (int64_t i = 0; i < x.count; i++) {
            const fv_tensor *p = fv_variable_value(x.at[i]);
            const fv_tensor *q = fv_variable_value(y.at[i]);
            for (int64_t k = 0; k < fv_tensor_count(p); k++) {
                double u = wide ? ((const double *)p->data)[k]
                                : (double)((const float *)p->data)[k];
                double v = wide ? (double)((const float *)q->data)[k]
                                : ((const double *)q->data)[k];
                assert_true(wide ? (double)(float)u == v : u == v);
            }
        }
        fv_context_free(from);
        fv_context_free(to);
    }
}

/* Every difference is listed, not only the first. */
static void test_a_model_that_does_not_fit(void **state)
{
    (void)state;
    needs(JANSSON);
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    float numbers[12] = { 0 };
    int32_t whole[3] = { 0 };
    const fv_named_tensor entries[] = {
        { "conv1.weight", FV_TENSOR(numbers, FV_F32, 2, 3, 1, 1) },
        { "conv1.bias", FV_TENSOR(whole, FV_I32, 2) },
        { "head.weight", FV_TENSOR(numbers, FV_F32, 1) },
    };
    const fv__pair pairs[] = {
        { "fovea.network",
          "input 4 4 1\nconv2d 2 1 1\nflatten\nlinear 3 bias=no\n" }
    };
    fv__safetensors_write(ctx, path, 3, entries, 1, pairs);
    assert_ok(ctx);
    assert_null(fv_network_load(ctx, path));
    char sentence[512];
    snprintf(sentence, sizeof sentence,
             "%s: does not fit the network: conv1.weight has shape [2, 3, 1, "
             "1], expected [2, 1, 1, 1]; conv1.bias has type i32; "
             "linear1.weight is missing; head.weight belongs to no layer",
             path);
    assert_error(ctx, sentence);
    assert_int_equal(fv_context_memory(ctx).data_bytes, 0);
    fv_context_free(ctx);
}

/* The list of differences ends where nobody reads on; an optimizer's state
 * belongs to checkpoints only. */
static void test_many_differences(void **state)
{
    (void)state;
    needs(JANSSON);
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    float numbers[4] = { 0 };
    enum { MANY = 60 };
    char names[MANY][32];
    fv_named_tensor entries[MANY];
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i],
                 i ? "somebody.else.%d" : "optimizer.%d", i);
        entries[i] =
            (fv_named_tensor){ names[i], FV_TENSOR(numbers, FV_F32, 4) };
    }
    const fv__pair pairs[] = { { "fovea.network", "input 4\nrelu\n" } };
    fv__safetensors_write(ctx, path, MANY, entries, 1, pairs);
    assert_null(fv_network_load(ctx, path));
    const char *sentence = fv_error(ctx);
    assert_non_null(strstr(sentence, "optimizer.0 belongs to no layer; "
                                     "somebody.else.1 belongs to no layer; "));
    assert_null(strstr(sentence, "somebody.else.59"));
    const size_t length = strlen(sentence), end = strlen("; and 43 more");
    assert_string_equal(sentence + length - end, "; and 43 more");
    assert_true(strlen(sentence) < 800);
    fv_clear_error(ctx);
    fv_context_free(ctx);
}

static void test_a_damaged_model(void **state)
{
    (void)state;
    needs(JANSSON);
    static char content[1 << 16];
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network_save(fv_network_parse(ctx, net_plain, "net"), path);
    assert_ok(ctx);
    size_t size = read_file(path, content, sizeof content);
    for (size_t at = 0; at < size; at += size / 97) {
        content[at] = (char)(content[at] ^ 4);
        FILE *file = fopen(path, "wb");
        assert_int_equal(fwrite(content, 1, size, file), size);
        fclose(file);
        content[at] = (char)(content[at] ^ 4);
        assert_null(fv_network_load(ctx, path));
        assert_int_not_equal(fv_failed(ctx), FV_OK);
        fv_clear_error(ctx);
    }
    fv_context_free(ctx);
}

/* PyTorch counts the batches of each batch normalisation; of others nobody
 * knows. */
static void test_counts_of_batches(void **state)
{
    (void)state;
    needs(JANSSON);
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    float numbers[8] = { 0.5F, 1, 2, 3, 4, 5, 6, 7 };
    int64_t batches = 1234567;
    const fv_named_tensor entries[] = {
        { "bn.weight", FV_TENSOR(numbers, FV_F32, 2) },
        { "bn.bias", FV_TENSOR(numbers + 2, FV_F32, 2) },
        { "bn.running_mean", FV_TENSOR(numbers + 4, FV_F32, 2) },
        { "bn.running_var", FV_TENSOR(numbers + 6, FV_F32, 2) },
        { "bn.num_batches_tracked", fv_tensor_of(&batches, FV_I64, 0, NULL) },
        { "b.num_batches_tracked", fv_tensor_of(&batches, FV_I64, 0, NULL) },
        { "num_batches_tracked", fv_tensor_of(&batches, FV_I64, 0, NULL) },
        { ".num_batches_tracked", fv_tensor_of(&batches, FV_I64, 0, NULL) },
        { "bn.weight.num_batches_tracked",
          fv_tensor_of(&batches, FV_I64, 0, NULL) },
    };
    const fv__pair pairs[] = { { "fovea.network",
                                 "input 4 4 2\nbatchnorm name=bn\n" } };
    fv__safetensors_write(ctx, path, 5, entries, 1, pairs);
    fv_network *net = fv_network_load(ctx, path);
    assert_ok(ctx);
    assert_int_equal(fv_network_has_weights(net), 1);
    fv_variables found = fv_network_variables(net);
    assert_int_equal(found.count, 2);
    assert_memory_equal(fv_variable_value(found.at[0])->data, numbers, 8);
    assert_memory_equal(fv_variable_value(found.at[1])->data, numbers + 2, 8);
    fv__safetensors_write(ctx, path, 9, entries, 1, pairs);
    assert_null(fv_network_load(ctx, path));
    char sentence[512];
    snprintf(sentence, sizeof sentence,
             "%s: does not fit the network: b.num_batches_tracked belongs to "
             "no layer; num_batches_tracked belongs to no layer; "
             ".num_batches_tracked belongs to no layer; "
             "bn.weight.num_batches_tracked belongs to no layer",
             path);
    assert_error(ctx, sentence);
    fv_context_free(ctx);
}

static void put_text(const void *content, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void refuse_text(const void *content, size_t size, const char *why)
{
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    char sentence[512];
    put_text(content, size);
    assert_null(fv_network_load(ctx, path));
    snprintf(sentence, sizeof sentence, "%s:%s", path, why);
    assert_error(ctx, sentence);
    assert_int_equal(fv_context_memory(ctx).data_bytes, 0);
    fv_context_free(ctx);
}

/* What editors of other systems write. */
static void test_encodings(void **state)
{
    (void)state;
    static const char text[] = "input 4\nrelu\n", mark[] = "\xef\xbb\xbf";
    char wide[2 + 2 * sizeof text];
    const size_t length = sizeof text - 1;
    for (int big = 0; big < 2; big++) {
        wide[0] = (char)(big ? 0xfe : 0xff);
        wide[1] = (char)(big ? 0xff : 0xfe);
        for (size_t i = 0; i < length; i++) {
            wide[2 + 2 * i + (size_t)!big] = 0;
            wide[2 + 2 * i + (size_t)big] = text[i];
        }
        char why[128];
        snprintf(why, sizeof why,
                 " this is UTF-16 text (%s-endian; Fovea reads UTF-8), not a "
                 "network or a model",
                 big ? "big" : "little");
        refuse_text(wide, 2 + 2 * length, why);
        refuse_text(wide + 2, 2 * length, why);
    }
    refuse_text("input 4\n\0relu\n", 14, " byte 8 is zero, not text");
    refuse_text("input 4\rrelu\r", 13,
                "1:8: a carriage return (CR) without a line feed; lines end "
                "with LF or CR LF");
    refuse_text("", 0, " 0 layers, expected an input and at least one more");
    memcpy(wide, mark, 3);
    memcpy(wide + 3, text, length);
    put_text(wide, 3 + length);
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_load(ctx, path);
    assert_ok(ctx);
    assert_string_equal(fv_network_text(net), text);
    assert_int_equal(fv_network_has_weights(net), 0);
    assert_int_equal(fv_network_has_weights(NULL), 0);
    fv_context_free(ctx);
}

/* Loads what a child writes into a pipe, a few bytes at a time. */
static fv_network *load_from_a_pipe(fv_context *ctx, const char *content,
                                    size_t size)
{
    unlink(other_path);
    assert_int_equal(mkfifo(other_path, 0600), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        FILE *file = fopen(other_path, "wb");
        for (size_t i = 0; file && i < size; i++) {
            fputc(content[i], file);
            if (i % 777 == 5) fflush(file);
        }
        _exit(!file || fclose(file) != 0);
    }
    fv_network *net = fv_network_load(ctx, other_path);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return net;
}

static void test_pipes(void **state)
{
    (void)state;
    static char content[1 << 16];
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = load_from_a_pipe(ctx, net_residual, strlen(net_residual));
    assert_ok(ctx);
    if (TEST_HAS_JANSSON) {
        assert_int_equal(fv_network_save(net, path), FV_OK);
        size_t size = read_file(path, content, sizeof content);
        fv_network *again = load_from_a_pipe(ctx, content, size);
        assert_ok(ctx);
        assert_true(net_digest(again) == net_digest(net));
    }
    assert_null(load_from_a_pipe(ctx, "", 0));
    char sentence[512];
    snprintf(sentence, sizeof sentence,
             "%s: 0 layers, expected an input and at least one more",
             other_path);
    assert_error(ctx, sentence);
    fv_context_free(ctx);
}

/* A stream that never ends. */
static void test_endless(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    assert_null(fv_network_load(ctx, "/dev/zero"));
    assert_error(ctx, "/dev/zero: more bytes than the limit of 67108864");
    assert_int_equal(fv_context_memory(ctx).data_bytes, 0);
    assert_null(fv_network_load(ctx, "/"));
    assert_error(ctx, "/: cannot read: Is a directory");
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_save_load_save),
        cmocka_unit_test(test_names_of_classes),
        cmocka_unit_test(test_running_statistics_are_kept),
        cmocka_unit_test(test_filters_are_stored_as_pytorch_has_them),
        cmocka_unit_test(test_f32_file_in_an_f64_context),
        cmocka_unit_test(test_a_model_that_does_not_fit),
        cmocka_unit_test(test_many_differences),
        cmocka_unit_test(test_a_damaged_model),
        cmocka_unit_test(test_counts_of_batches),
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_pipes),
        cmocka_unit_test(test_endless),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
