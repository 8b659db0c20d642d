/* Nothing depends on the host's locale: numbers, names, messages and files are
 * the same under a comma and ISO 8859-1. Needs `localedef` and its sources, and
 * is skipped where they are lacking. */
#include "nets.h"

#include "base/internal.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <unistd.h>

static char folder[64], path[96];
static bool foreign; /* whether the locale is set */

/* Makes German in ISO 8859-1, in a folder of its own, and sets it. */
static int set_locale(void **state)
{
    (void)state;
    char command[256];
    snprintf(folder, sizeof folder, "/tmp/fovea-locale-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/m.safetensors", folder);
    snprintf(command, sizeof command,
             "localedef -i de_DE -f ISO-8859-1 %s/xx_fovea >/dev/null 2>&1",
             folder);
    if (system(command) != 0) return 0;
    if (setenv("LOCPATH", folder, 1) != 0) return -1;
    foreign = setlocale(LC_ALL, "xx_fovea") != NULL;
    return 0;
}

static int remove_locale(void **state)
{
    (void)state;
    char command[128];
    setlocale(LC_ALL, "C");
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

#define NEEDS_LOCALE()                                                         \
    do {                                                                       \
        if (!foreign) skip();                                                  \
    } while (0)

/* That the locale is what the tests below believe. */
static void test_the_locale(void **state)
{
    (void)state;
    NEEDS_LOCALE();
    char text[32];
    snprintf(text, sizeof text, "%.1f", 1.5);
    assert_string_equal(text, "1,5");
    assert_true(isalnum(0xe4));
    assert_true(strtod("1.5", NULL) == 1);
}

static void test_numbers(void **state)
{
    (void)state;
    NEEDS_LOCALE();
    char text[FV__NUMBER_BYTES];
    double value = 0;
    assert_string_equal(fv__number_text(-1.5e-7, text), "-1.5e-07");
    assert_string_equal(fv__number_text(0.30000000000000004, text),
                        "0.30000000000000004");
    assert_string_equal(fv__number_text_f32(0.1F, text), "0.1");
    assert_true(fv__number_read("0.30000000000000004", 19, &value));
    assert_true(value == 0.30000000000000004);
    assert_false(fv__number_read("1,5", 3, &value));
    for (uint64_t i = 0; i < 1000; i++) {
        uint32_t words[4];
        fv__philox(1, 2, i, words);
        const double one = ((double)words[0] + words[1] * 0x1p-32) * 1e-5;
        fv__number_text(one, text);
        assert_true(fv__number_read(text, strlen(text), &value));
        assert_true(value == one);
    }
}

static void test_tensors_as_text(void **state)
{
    (void)state;
    NEEDS_LOCALE();
    double numbers[] = { 1.5, -0.25, 1e-9 };
    float single[] = { 1.5F, 0.1F };
    char text[64];
    fv_tensor tensor = fv_tensor_of(numbers, FV_F64, 1, (int64_t[]){ 3 });
    fv_tensor_format(&tensor, text, sizeof text);
    assert_string_equal(text, "[1.5, -0.25, 1e-09]");
    tensor = fv_tensor_of(single, FV_F32, 1, (int64_t[]){ 2 });
    fv_tensor_format(&tensor, text, sizeof text);
    assert_string_equal(text, "[1.5, 0.1]");
}

static void test_network_text(void **state)
{
    (void)state;
    NEEDS_LOCALE();
    static const char *const text =
        "input 4\ndropout 0.25\nelu 1.5\nlinear 2\n";
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, text, "net");
    assert_ok(ctx);
    assert_string_equal(fv_network_text(net), text);
    assert_null(fv_network_parse(ctx, "input 4\ndropout 0,25\n", "net"));
    assert_error(ctx, "net:2:9: probability \"0,25\" is no number");
    fv_context_free(ctx);
}

/* A letter of ISO 8859-1 is none in a name: the file could not be written. */
static void test_names(void **state)
{
    (void)state;
    NEEDS_LOCALE();
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    assert_null(fv_network_parse(ctx, "input 4\nrelu name=\xe4\n", "net"));
    assert_error(ctx,
                 "net:2:1: network: \"\\xe4\" is no name: letters, digits, "
                 "_ . - / and at most 255 of them");
    fv_context_free(ctx);
}

static void test_sentences(void **state)
{
    (void)state;
    NEEDS_LOCALE();
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    fv_sgd(net, -0.5);
    assert_error(ctx, "sgd: learning_rate -0.5 is not a number of at least 0");
    fv_adam(net, 0.1, .betas = { 1.5, 0.9 });
    assert_error(ctx, "adam: beta1 1.5 is not at least 0 and below 1");
    assert_null(fv_network_parse(ctx, "input 4\ndropout 1.5\n", "net"));
    assert_error(ctx, "net:2:1: dropout1: probability 1.5 is not in 0..1");
    double number[] = { 300.5 };
    const fv_tensor tensor = fv_tensor_of(number, FV_F64, 1, (int64_t[]){ 1 });
    fv_tensor_convert(ctx, &tensor, FV_U8);
    assert_int_not_equal(fv_failed(ctx), FV_OK);
    assert_non_null(strstr(fv_error(ctx), "is 300.5,"));
    fv_clear_error(ctx);
    assert_null(fv_network_load(ctx, "/nowhere"));
    assert_error(ctx, "/nowhere: cannot open: No such file or directory");
    fv_context_free(ctx);
}

/* Trains an epoch in one locale and the next in the other, both ways; the same
 * bits as in one. */
static uint64_t train(int64_t epochs, char error[1024])
{
    fv_context *ctx = NET_CONTEXT(.threads = 1, .seed = 3);
    fv_network *net = fv_network_parse(ctx, net_dropout, "net");
    fv_optimizer *adam = fv_adam(net, 0.0125);
    fv_fit(net, adam, net_dataset(ctx, 10), .epochs = epochs, .batch = 4,
           .checkpoint = path, .resume = 1);
    snprintf(error, 1024, "%s", fv_error(ctx));
    fv_clear_error(ctx);
    const uint64_t digest = net_digest(net);
    fv_context_free(ctx);
    return digest;
}

static void test_checkpoints(void **state)
{
    (void)state;
    needs(JANSSON);
    NEEDS_LOCALE();
    char error[1024];
    setlocale(LC_ALL, "C");
    unlink(path);
    const uint64_t digest = train(2, error);
    for (int first = 0; first < 2; first++) {
        unlink(path);
        setlocale(LC_ALL, first ? "xx_fovea" : "C");
        train(1, error);
        assert_string_equal(error, "");
        setlocale(LC_ALL, first ? "C" : "xx_fovea");
        assert_true(train(2, error) == digest);
        assert_string_equal(error, "");
    }
    unlink(path);
    setlocale(LC_ALL, "xx_fovea");
}

/* The words of an error number are the same in every language, and those that
 * the C library has in English. */
static void test_system_words(void **state)
{
    (void)state;
    char words[32];
    const int errors[] = { ENOENT, EACCES,  EISDIR, ENOSPC, EIO,     EROFS,
                           EMFILE, ENOTDIR, ELOOP,  EDQUOT, ENOTSUP, ESTALE };
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        assert_string_equal(fv__system_words(errors[i], words),
                            strerror(errors[i]));
    assert_string_equal(fv__system_words(99999, words), "error 99999");
    assert_string_equal(fv__system_words(0, words), "error 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_system_words),
        cmocka_unit_test(test_the_locale),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_tensors_as_text),
        cmocka_unit_test(test_network_text),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_checkpoints),
    };
    return cmocka_run_group_tests(tests, set_locale, remove_locale);
}
