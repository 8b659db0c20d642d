/* Weights of other programs' files in a network: which tensor is which
 * parameter, what is accepted, what refused, and copies of such files. */
#include "folder.h"
#include "nets.h"

#include "io/io.h"

static const char net_text[] =
    "input 2 2 2\nconv2d 3 1 bias=no name=stem.conv\nbatchnorm name=stem.bn\n"
    "constant 3 trainable=yes name=scale\nmul from=stem.bn,scale\nflatten\n"
    "linear 4 name=fc\nsoftmax_cross_entropy\n";
enum { PARAMETERS = 8, MOST = 24, NUMBERS = 256 };
static const char *const names[PARAMETERS] = {
    "stem.conv.weight",    "stem.bn.weight",
    "stem.bn.bias",        "stem.bn.running_mean",
    "stem.bn.running_var", "scale.value",
    "fc.weight",           "fc.bias"
};

/* ---- files ----------------------------------------------------------------
 */

static float numbers[NUMBERS];
static int64_t whole[4] = { 9, 8, 7, 6 };
static fv_named_tensor entries[MOST];
static size_t count;

static void add(const char *name, int32_t rank, const int64_t shape[])
{
    entries[count] =
        (fv_named_tensor){ name, fv_tensor_of(numbers + 8 * count, FV_F32, rank,
                                              shape) };
    count++;
}

#define ADD(name, ...)                                                         \
    add((name), sizeof(int64_t[]){ __VA_ARGS__ } / sizeof(int64_t),            \
        (const int64_t[]){ __VA_ARGS__ })

/* The network's parameters as PyTorch has them: a parameter that is no layer's,
 * the weight of a linear layer of pixels, a count of batches. */
static void begin_state_dict(void)
{
    count = 0;
    for (int i = 0; i < NUMBERS; i++) numbers[i] = (float)net_number(i);
    ADD("stem.conv.weight", 3, 2);
    ADD("stem.bn.weight", 3);
    ADD("stem.bn.bias", 3);
    ADD("stem.bn.running_mean", 3);
    ADD("stem.bn.running_var", 3);
    ADD("scale", 3, 1, 1);
    ADD("fc.bias", 4);
    ADD("fc.weight", 4, 12);
    entries[count++] =
        (fv_named_tensor){ "stem.bn.num_batches_tracked",
                           fv_tensor_of(whole, FV_I64, 0, NULL) };
}

static void write_entries(fv_context *ctx)
{
    const fv__pair pair = { "format", "pt" };
    fv__safetensors_write(ctx, path, count, entries, 1, &pair);
    assert_ok(ctx);
}

/* Begins the names of all tensors with that text. */
static void put_before(const char *text)
{
    static char room[MOST][64];
    for (size_t i = 0; i < count; i++) {
        snprintf(room[i], sizeof room[i], "%s%s", text, entries[i].name);
        entries[i].name = room[i];
    }
}

/* ---- reports --------------------------------------------------------------
 */

static char seen[4096];

/* "r stem.bn.weight=a.stem.bn.weight" */
static void note(void *user, const fv_weight_match *match)
{
    static const char letters[] = "rmunlx";
    const size_t used = strlen(seen);
    assert_ptr_equal(user, seen);
    assert_int_equal(match->parameter.name ? match->parameter.tensor.rank >= 0
                                           : match->parameter.tensor.rank,
                     match->parameter.name ? 1 : -1);
    snprintf(seen + used, sizeof seen - used, "%c %s%s%s\n",
             letters[match->match],
             match->parameter.name ? match->parameter.name : "",
             match->tensor.name ? "=" : "",
             match->tensor.name ? match->tensor.name : "");
}

static fv_network *new_network(fv_context *ctx, const char *text)
{
    fv_network *net = fv_network_parse(ctx, text, "net");
    fv_network_variables(net);
    assert_ok(ctx);
    seen[0] = '\0';
    return net;
}

#define MATCH(net, ...)                                                        \
    fv_network_match_weights((net), path, .report = note, .user = seen,        \
                             __VA_ARGS__)

/* The parameter's number i is that of the file's entry, counted in both as they
 * lie in files. */
static void expect_read(fv_network *net, const char *parameter,
                        const char *tensor)
{
    const fv_named_tensors list = fv_network_weights(net, 0);
    const fv_tensor *to = NULL, *from = NULL;
    for (int64_t i = 0; i < list.count; i++)
        if (!strcmp(list.at[i].name, parameter)) to = &list.at[i].tensor;
    for (size_t i = 0; i < count; i++)
        if (!strcmp(entries[i].name, tensor)) from = &entries[i].tensor;
    assert_true(to && from && fv_tensor_count(to) == fv_tensor_count(from));
    for (int64_t i = 0; i < fv_tensor_count(to); i++) {
        int64_t rest = i, at = 0;
        for (int32_t axis = to->rank - 1; axis >= 0; axis--) {
            at += rest % to->shape[axis] * to->stride[axis];
            rest /= to->shape[axis];
        }
        assert_true(((const float *)to->data)[at]
                    == ((const float *)from->data)[i]);
    }
}

/* ---- tests ----------------------------------------------------------------
 */

static void test_a_state_dict(void **state)
{
    (void)state;
    needs(JANSSON);
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    begin_state_dict();
    write_entries(ctx);
    fv_network *net = new_network(ctx, net_text);
    assert_int_equal(MATCH(net, .prefix = NULL), FV_OK);
    assert_string_equal(seen, "r stem.conv.weight=stem.conv.weight\n"
                              "r stem.bn.weight=stem.bn.weight\n"
                              "r stem.bn.bias=stem.bn.bias\n"
                              "r stem.bn.running_mean=stem.bn.running_mean\n"
                              "r stem.bn.running_var=stem.bn.running_var\n"
                              "r scale.value=scale\n"
                              "r fc.weight=fc.weight\n"
                              "r fc.bias=fc.bias\n"
                              "x =stem.bn.num_batches_tracked\n");
    for (int i = 0; i < PARAMETERS; i++)
        expect_read(net, names[i],
                    strcmp(names[i], "scale.value") ? names[i] : "scale");
    net = new_network(ctx, net_text);
    assert_int_equal(fv_network_load_weights(net, path), FV_OK);
    expect_read(net, "fc.weight", "fc.weight");
    fv_context_free(ctx);
}

/* The file's names have a prefix, or the network's have. */
static void test_prefixes(void **state)
{
    (void)state;
    needs(JANSSON);
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    begin_state_dict();
    put_before("net.");
    ADD("decoder.weight", 5);
    ADD("nest.weight", 5);
    write_entries(ctx);
    fv_network *net = new_network(ctx, net_text);
    assert_int_equal(MATCH(net, .prefix = "net."), FV_OK);
    assert_non_null(strstr(seen, "r scale.value=net.scale\n"));
    assert_non_null(strstr(seen, "r fc.bias=net.fc.bias\n"
                                 "x =net.stem.bn.num_batches_tracked\n"
                                 "x =decoder.weight\nx =nest.weight\n"));
    expect_read(net, "stem.conv.weight", "net.stem.conv.weight");

    begin_state_dict();
    count = 6; /* up to "scale" */
    for (size_t i = 0; i < count; i++)
        if (i < 5) entries[i].name += strlen("stem.");
    count = 5;
    write_entries(ctx);
    net = new_network(ctx, net_text);
    assert_int_not_equal(MATCH(net, .prefix = "stem."), FV_OK);
    char sentence[512];
    snprintf(sentence, sizeof sentence,
             "%s: does not fit the network: scale.value is missing; fc.weight "
             "is missing; fc.bias is missing",
             path);
    assert_error(ctx, sentence);
    assert_int_equal(MATCH(net, .prefix = "stem.", .partial = 1), FV_OK);
    expect_read(net, "stem.bn.running_var", "bn.running_var");
    assert_int_not_equal(MATCH(net, .prefix = "body."), FV_OK);
    snprintf(sentence, sizeof sentence,
             "%s: no tensor there, and no parameter of the network, has a name "
             "that begins with \"body.\"",
             path);
    assert_error(ctx, sentence);
    fv_context_free(ctx);
}

/* Where nothing is read for lack of a prefix, the sentence has it. */
static void test_a_prefix_is_suggested(void **state)
{
    (void)state;
    needs(JANSSON);
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    begin_state_dict();
    put_before("a.b.");
    write_entries(ctx);
    fv_network *net = new_network(ctx, net_text);
    for (int32_t partial = 0; partial < 2; partial++) {
        assert_int_not_equal(MATCH(net, .partial = partial), FV_OK);
        assert_non_null(
            strstr(fv_error(ctx), "; with the prefix \"a.b.\" 8 of 8 match"));
        fv_clear_error(ctx);
    }
    begin_state_dict();
    for (size_t i = 0; i < 5; i++) entries[i].name += strlen("stem.");
    count = 5;
    write_entries(ctx);
    assert_int_not_equal(MATCH(net, .partial = 1), FV_OK);
    assert_non_null(
        strstr(fv_error(ctx), "; with the prefix \"stem.\" 5 of 8 match"));
    fv_clear_error(ctx);
    /* no prefix would help: none ends at a dot */
    begin_state_dict();
    put_before("a");
    write_entries(ctx);
    assert_int_not_equal(MATCH(net, .partial = 1), FV_OK);
    assert_null(strstr(fv_error(ctx), "prefix"));
    fv_clear_error(ctx);
    fv_context_free(ctx);
}

/* What is missing, left over or does not fit is refused with nothing changed,
 * or accepted. */
static void test_partial(void **state)
{
    (void)state;
    needs(JANSSON);
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    begin_state_dict();
    entries[1].tensor = fv_tensor_of(whole, FV_I64, 1, (int64_t[]){ 3 });
    entries[2].name = "stem.bn.bias2";
    entries[7].tensor = FV_TENSOR(numbers, FV_F32, 12, 4);
    write_entries(ctx);
    fv_network *net = new_network(ctx, net_text);
    const uint64_t digest = net_digest(net);
    assert_int_not_equal(MATCH(net, .partial = 0), FV_OK);
    char sentence[512];
    snprintf(sentence, sizeof sentence,
             "%s: does not fit the network: stem.bn.weight has type i64; "
             "stem.bn.bias is missing; fc.weight has shape [12, 4], expected "
             "[4, 12]; stem.bn.bias2 belongs to no layer",
             path);
    assert_error(ctx, sentence);
    assert_true(net_digest(net) == digest);
    seen[0] = '\0';
    assert_int_equal(MATCH(net, .partial = 1), FV_OK);
    assert_non_null(strstr(seen, "u stem.bn.weight=stem.bn.weight\n"
                                 "m stem.bn.bias\nr "));
    assert_non_null(strstr(seen, "u fc.weight=fc.weight\n"));
    assert_non_null(strstr(seen, "l =stem.bn.bias2\n"));
    expect_read(net, "fc.bias", "fc.bias");
    const fv_named_tensors list = fv_network_weights(net, 0);
    assert_true(((const float *)list.at[1].tensor.data)[0] == 1); /* kept */
    fv_context_free(ctx);
}

/* The new head keeps its values, whatever the file has for it. */
static void test_a_new_head(void **state)
{
    (void)state;
    needs(JANSSON);
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    begin_state_dict();
    write_entries(ctx);
    fv_network *net = fv_network_with_head(new_network(ctx, net_text), 6);
    assert_ok(ctx);
    assert_int_equal(MATCH(net, .new_head = 1), FV_OK);
    assert_non_null(strstr(seen, "r scale.value=scale\n"
                                 "n fc.weight=fc.weight\nn fc.bias=fc.bias\n"
                                 "x "));
    const fv_named_tensors list = fv_network_weights(net, 0);
    assert_string_equal(list.at[7].name, "fc.bias");
    assert_int_equal(list.at[7].tensor.shape[0], 6);
    assert_true(((const float *)list.at[7].tensor.data)[0] == 0);
    expect_read(net, "stem.bn.weight", "stem.bn.weight");
    /* files without it are as good */
    count = 6;
    write_entries(ctx);
    assert_int_equal(MATCH(net, .new_head = 1), FV_OK);
    assert_non_null(strstr(seen, "n fc.weight\nn fc.bias\n"));
    /* all of the network is its head */
    net = new_network(ctx, "input 3\nlinear 2\n");
    count = 0;
    ADD("other", 3);
    write_entries(ctx);
    assert_int_not_equal(MATCH(net, .new_head = 1), FV_OK);
    snprintf(seen, sizeof seen,
             "%s: does not fit the network: other belongs to no layer", path);
    assert_error(ctx, seen);
    net = new_network(ctx, "input 3\nlinear 2 name=a\nlinear 2 from=a name=b\n"
                           "add from=a,b\n");
    assert_int_not_equal(MATCH(net, .new_head = 1), FV_OK);
    assert_error(ctx, "network: no layer is the head: add1, on the way to the "
                      "output, reads 2 others");
    fv_context_free(ctx);
}

static void test_wrong_calls(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = new_network(ctx, net_text);
    assert_int_equal(fv_network_load_weights(NULL, path), FV_MISUSE);
    assert_int_equal(fv_network_load_weights(net, ""), FV_MISUSE);
    assert_error(ctx, "weights: the path is empty");
    assert_int_equal(fv_network_match_weights_with(net, NULL), FV_MISUSE);
    assert_error(ctx, "weights: the path is NULL");
    assert_int_equal(fv_weights_copy(ctx, NULL, path), FV_MISUSE);
    assert_error(ctx, "weights: the path is NULL");
    assert_int_equal(fv_weights_copy(ctx, path, ""), FV_MISUSE);
    assert_error(ctx, "weights: the path is empty");
    assert_int_equal(fv_weights_copy(ctx, "/nowhere", path), FV_IO);
    fv_clear_error(ctx);
    assert_int_equal(fv_weights_copy(NULL, path, path), fv_failed(NULL));
    fv_context_free(ctx);
}

/* ---- copies ---------------------------------------------------------------
 */

static fv__archive *read_back(fv_context *ctx, const char *name)
{
    fv__archive *archive = fv__safetensors_read(ctx, name);
    assert_ok(ctx);
    return archive;
}

/* A model to NumPy's archive and back: the same tensors, without the network;
 * between safetensors files nothing is lost. */
static void test_copies(void **state)
{
    (void)state;
    needs(JANSSON);
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = new_network(ctx, net_residual);
    fv_network_save(net, path);
    assert_int_equal(fv_weights_copy(ctx, path, other_path), FV_OK);
    fv__archive *a = read_back(ctx, path), *b = read_back(ctx, other_path);
    assert_int_equal(a->num_entries, b->num_entries);
    assert_int_equal(b->num_pairs, 2);
    fv__archive_free(b);
    assert_true(net_digest(fv_network_load(ctx, other_path))
                == net_digest(net));
    if (TEST_HAS_ZIP) {
        char npz[160];
        snprintf(npz, sizeof npz, "%s.npz", other_path);
        assert_int_equal(fv_weights_copy(ctx, path, npz), FV_OK);
        assert_int_equal(fv_weights_copy(ctx, npz, other_path), FV_OK);
        assert_ok(ctx);
        b = read_back(ctx, other_path);
        assert_int_equal(b->num_pairs, 0);
        assert_int_equal(a->num_entries, b->num_entries);
        for (size_t i = 0; i < a->num_entries; i++) {
            const fv_tensor *x = &a->entries[i].tensor;
            const fv_tensor *y = fv__archive_find(b, a->entries[i].name);
            assert_true(y && fv_tensor_same_shape(x, y)
                        && x->dtype == y->dtype);
            assert_memory_equal(x->data, y->data,
                                (size_t)fv_tensor_count(x) * 4);
        }
        fv__archive_free(b);
        fv_network *again = fv_network_parse(ctx, net_residual, "net");
        assert_int_equal(fv_network_load_weights(again, npz), FV_OK);
        assert_true(net_digest(again) == net_digest(net));
        unlink(npz);
    }
    fv__archive_free(a);
    fv_context_free(ctx);
}

/* Of a checkpoint the model is copied. */
static void test_a_copied_checkpoint(void **state)
{
    (void)state;
    needs(JANSSON);
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = new_network(ctx, net_plain);
    fv_tensor images = net_images(ctx, 8), labels = net_labels(ctx, 8);
    fv_dataset *data = fv_dataset_of(ctx, &images, &labels);
    fv_fit(net, fv_sgd(net, 0.1, .momentum = 0.5), data, .epochs = 1,
           .checkpoint = path);
    assert_int_equal(fv_weights_copy(ctx, path, other_path), FV_OK);
    fv__archive *a = read_back(ctx, path), *b = read_back(ctx, other_path);
    assert_true(a->num_entries > b->num_entries);
    assert_non_null(fv__archive_value(a, "fovea.optimizer"));
    assert_null(fv__archive_value(b, "fovea.optimizer"));
    assert_int_equal(b->num_pairs, 2);
    assert_string_equal(fv__archive_value(b, "format"), "pt");
    fv__archive_free(a);
    fv__archive_free(b);
    assert_true(net_digest(fv_network_load(ctx, other_path))
                == net_digest(net));
    fv_network *again = fv_network_parse(ctx, net_plain, "net");
    assert_int_equal(fv_network_load_weights(again, path), FV_OK);
    assert_true(net_digest(again) == net_digest(net));
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_state_dict),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_a_prefix_is_suggested),
        cmocka_unit_test(test_partial),
        cmocka_unit_test(test_a_new_head),
        cmocka_unit_test(test_wrong_calls),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_a_copied_checkpoint),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
