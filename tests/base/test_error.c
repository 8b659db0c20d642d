/* Failures and their sentences, options of a context, what it owns. */
#include "bare.h"

#include <errno.h>
#include <wchar.h>

static void test_first_error_wins(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    assert_int_equal(fv_failed(context), FV_OK);
    assert_string_equal(fv_error(context), "");
    assert_int_equal(fv_fail(context, FV_IO, "one: %d of %s", 3, "four"),
                     FV_IO);
    assert_int_equal(fv_fail(context, FV_MISUSE, "two"), FV_IO);
    assert_int_equal(fv_failed(context), FV_IO);
    assert_error(context, "one: 3 of four");
    assert_int_equal(fv_failed(context), FV_OK);
    assert_string_equal(fv_error(context), "");
    assert_int_equal(fv_fail(context, FV_OK, "nothing"), FV_OK);
    assert_string_equal(fv_error(context), "");
    bare_free(context);
}

static void test_no_context(void **state)
{
    (void)state;
    assert_int_equal(fv_failed(NULL), FV_NO_MEMORY);
    assert_int_equal(fv_fail(NULL, FV_IO, "lost"), FV_NO_MEMORY);
    assert_string_equal(fv_error(NULL), "context: out of memory");
    assert_int_equal(fv_context_memory(NULL).bytes, 0);
    assert_string_equal(fv_context_isa(NULL), "");
    assert_int_equal(fv_context_threads(NULL), 0);
    assert_int_equal(fv_context_dtype(NULL), FV_F32);
    assert_int_equal(fv_context_layout(NULL), FV_NHWC);
    assert_null(fv__allocate(NULL, FV__RUN, 1));
    assert_int_equal(fv__file_probe(NULL, "/"), -ENOENT);
    fv_clear_error(NULL);
    bare_free(NULL);
}

static void test_long_sentence_is_cut(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    char text[3000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    fv_fail(context, FV_MISUSE, "%s", text);
    const char *sentence = fv_error(context);
    size_t length = strlen(sentence);
    assert_int_equal(length, sizeof context->message - 1);
    assert_string_equal(sentence + length - 4, "a...");
    fv_clear_error(context);
    text[sizeof context->message - 1] = '\0';
    fv_fail(context, FV_MISUSE, "%s", text);
    assert_error(context, text);
    bare_free(context);
}

/* A place in front of a sentence that fills the room leaves less of it. */
static void test_place_before_a_long_sentence(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    char text[sizeof context->message];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    fv_fail(context, FV_MISUSE, "%s", text);
    fv__fail_at(context, "%s:%d: ", "x.net", 7);
    const char *sentence = fv_error(context);
    const size_t length = strlen(sentence);
    assert_int_equal(length, sizeof text - 1);
    assert_memory_equal(sentence, "x.net:7: aaa", 12);
    assert_string_equal(sentence + length - 4, "a...");
    fv_clear_error(context);
    bare_free(context);
}

/* A character that the locale has not makes printf() fail: the format is all
 * that is left to show. */
static void test_what_cannot_be_printed(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    fv_fail(context, FV_MISUSE, "sign %lc", (wint_t)0x20ac);
    assert_error(context, "sign %lc");
    fv__text text = { .context = context, .account = FV__DATA };
    fv__text_add(&text, "sign %lc", (wint_t)0x20ac);
    assert_error(context, "text: cannot format \"sign %lc\"");
    fv__text_free(&text);
    bare_free(context);
}

static char logged[2048];

static void note(void *user, const char *line)
{
    (*(int *)user)++;
    snprintf(logged, sizeof logged, "%s", line);
}

static void test_log(void **state)
{
    (void)state;
    int lines = 0;
    fv_context *context = bare_new(
        FV_OPTIONS(fv_context_options, .log = note, .log_user = &lines));
    fv__log(context, "pool: %d threads", 7);
    assert_int_equal(lines, 1);
    assert_string_equal(logged, "pool: 7 threads");
    bare_free(context);
    fv__log(NULL, "nobody hears");
    context = bare_new(NULL);
    fv__log(context, "nobody hears");
    bare_free(context);
    assert_int_equal(lines, 1);
}

static void test_printable(void **state)
{
    (void)state;
    char out[20];
    assert_string_equal(fv__printable("a\nb\x80\0zz", 7, out, 16),
                        "a\\x0ab\\x80...");
    assert_string_equal(fv__printable("a\nb\0z", 5, out, 16), "a\\x0ab\\x00z");
    assert_string_equal(fv__printable("123456789012345", 15, out, 16),
                        "123456789012345");
    assert_string_equal(fv__printable("1234567890123456", 16, out, 16),
                        "123456789012...");
    assert_string_equal(fv__printable("", 0, out, 16), "");
    assert_string_equal(fv__printable("\x1b[31m", 5, out, 16), "\\x1b[31m");
    assert_string_equal(fv__printable("abcdef", 6, out, 3), "..");
    assert_string_equal(fv__printable("abcdef", 6, out, 1), "");
    /* UTF-8 stays: two, three and four bytes, cut between characters */
    assert_string_equal(fv__printable("\xc3\xa9\xe2\x82\xac", 5, out, 16),
                        "\xc3\xa9\xe2\x82\xac");
    assert_string_equal(fv__printable("\xf0\x9f\x99\x82", 4, out, 16),
                        "\xf0\x9f\x99\x82");
    assert_string_equal(fv__printable("12345678901\xc3\xa9xyz", 16, out, 16),
                        "12345678901...");
    assert_string_equal(fv__printable("\xc3\xa9", 1, out, 16), "\\xc3");
    /* what is no character: too long, a surrogate, above U+10FFFF, cut */
    assert_string_equal(fv__printable("\xc0\x80", 2, out, 16), "\\xc0\\x80");
    assert_string_equal(fv__printable("\xed\xa0\x80", 3, out, 16),
                        "\\xed\\xa0\\x80");
    assert_string_equal(fv__printable("\xf4\x90", 2, out, 16), "\\xf4\\x90");
    assert_string_equal(fv__printable("\xf4\x90\x80\x80", 4, out, 20),
                        "\\xf4\\x90\\x80\\x80");
    assert_string_equal(fv__printable("\xc3z", 2, out, 16), "\\xc3z");
    /* the last characters before and the first after those without width */
    assert_string_equal(fv__printable("\xe2\x80\x8a\xe2\x80\x8b", 6, out, 20),
                        "\xe2\x80\x8a\\xe2\\x80\\x8b");
    assert_string_equal(fv__printable("\xe2\x80\x8f\xe2\x80\x90", 6, out, 20),
                        "\\xe2\\x80\\x8f\xe2\x80\x90");
    /* C1 controls, line separators, marks that reorder text */
    assert_string_equal(fv__printable("\xc2\x9b", 2, out, 16), "\\xc2\\x9b");
    assert_string_equal(fv__printable("\xe2\x80\xae", 3, out, 16),
                        "\\xe2\\x80\\xae");
    assert_string_equal(fv__printable("\xe2\x81\xa6", 3, out, 16),
                        "\\xe2\\x81\\xa6");
    /* first and last of what is not shown, and their neighbours, which are */
    static const struct {
        const char *text;
        int shown;
    } ends[] = {
        { "\x1f", 0 },
        { " ", 1 },
        { "~", 1 },
        { "\x7f", 0 },
        { "\xc2\x9f", 0 },
        { "\xc2\xa0", 1 },
        { "\xe2\x80\x8a", 1 },
        { "\xe2\x80\x8b", 0 },
        { "\xe2\x80\x8f", 0 },
        { "\xe2\x80\x90", 1 },
        { "\xe2\x80\xa7", 1 },
        { "\xe2\x80\xa8", 0 },
        { "\xe2\x80\xae", 0 },
        { "\xe2\x80\xaf", 1 },
        { "\xe2\x81\x9f", 1 },
        { "\xe2\x81\xa0", 0 },
        { "\xe2\x81\xaf", 0 },
        { "\xe2\x81\xb0", 1 },
        { "\xef\xbb\xbe", 1 },
        { "\xef\xbb\xbf", 0 },
        { "\xef\xbc\x80", 1 },
        { "\xed\x9f\xbf", 1 },
        { "\xed\xa0\x80", 0 },
        { "\xed\xbf\xbf", 0 },
        { "\xee\x80\x80", 1 },
        { "\xf4\x8f\xbf\xbf", 1 },
        { "\xf4\x90\x80\x80", 0 },
    };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const char *text = ends[i].text;
        fv__printable(text, strlen(text), out, sizeof out);
        assert_int_equal(strcmp(out, text) == 0, ends[i].shown);
    }
    out[0] = 'k';
    fv__printable("abcdef", 6, out, 0);
    assert_int_equal(out[0], 'k');
}

static void refused(const fv_context_options *options, const char *sentence)
{
    fv_context *context = bare_new(options);
    assert_non_null(context);
    assert_error(context, sentence);
    assert_true(fv_context_threads(context) >= 1);
    assert_true(fv_context_dtype(context) <= FV_F64);
    void *memory = fv__allocate(context, FV__RUN, 10);
    assert_non_null(memory);
    fv__release(context, memory);
    bare_free(context);
}

static void test_wrong_options(void **state)
{
    (void)state;
    refused(FV_OPTIONS(fv_context_options, .dtype = FV_U8),
            "context: dtype 2 is neither FV_F32 nor FV_F64");
    refused(FV_OPTIONS(fv_context_options, .layout = (fv_layout)5),
            "context: layout 5 is neither FV_NHWC nor FV_NCHW");
    refused(FV_OPTIONS(fv_context_options, .threads = -1),
            "context: threads -1 is not in 0..1024");
    refused(FV_OPTIONS(fv_context_options, .threads = 1025),
            "context: threads 1025 is not in 0..1024");
    refused(FV_OPTIONS(fv_context_options, .strict = 2),
            "context: strict 2 is neither 0 nor 1");
    refused(&(fv_context_options){ .threads = 1 },
            "context: size of the options is 0, FV_OPTIONS sets it");
    refused(&(fv_context_options){ .size = 7 },
            "context: size of the options is 7, FV_OPTIONS sets it");
    refused(&(fv_context_options){ .size = SIZE_MAX },
            "context: size of the options is 18446744073709551615, "
            "FV_OPTIONS sets it");
    fv_allocator allocator = { 0 };
    refused(FV_OPTIONS(fv_context_options, .allocator = &allocator),
            "context: allocator lacks a function");
    allocator = fv__allocator_standard;
    allocator.release = NULL;
    refused(FV_OPTIONS(fv_context_options, .allocator = &allocator),
            "context: allocator lacks a function");
    const fv_io whole = fv__io_posix;
    for (size_t at = 0; at < offsetof(fv_io, user); at += sizeof whole.open) {
        fv_io io = whole;
        memset((char *)&io + at, 0, sizeof io.open);
        refused(FV_OPTIONS(fv_context_options, .io = &io),
                "context: io lacks a function");
    }
}

static void test_versions_of_options(void **state)
{
    (void)state;
    fv_context_options older = { .size = offsetof(fv_context_options, seed),
                                 .seed = 9,
                                 .layout = FV_NCHW,
                                 .dtype = FV_F64 };
    fv_context *context = bare_new(&older);
    assert_ok(context);
    assert_int_equal(fv_context_dtype(context), FV_F64);
    assert_int_equal(fv_context_layout(context), FV_NCHW);
    assert_int_equal(context->seed, 0);
    bare_free(context);

    struct newer {
        fv_context_options known;
        int option;
    } newer = { .known = { .size = sizeof newer, .threads = 3 } };
    context = bare_new(&newer.known);
    assert_ok(context);
    assert_int_equal(fv_context_threads(context), 3);
    bare_free(context);
    newer.option = 1;
    char sentence[128];
    snprintf(sentence, sizeof sentence,
             "context: an option is newer than fovea %s", fv_version());
    refused(&newer.known, sentence);
}

typedef struct thing {
    fv__object object;
    fv_context *context;
    struct thing *friend; /* goes with it */
    int number, *order;
} thing;

static void destroy_thing(void *object)
{
    thing *self = object;
    int *order = self->order;
    fv__destroy(self->friend);
    while (*order) order++;
    *order = self->number;
    fv__release(self->context, self);
}

static thing *new_thing(fv_context *context, int number, int *order)
{
    thing *self = fv__allocate_zero(context, FV__RUN, sizeof *self);
    assert_non_null(self);
    self->context = context;
    self->number = number;
    self->order = order;
    fv__adopt(context, &self->object, destroy_thing);
    return self;
}

static void test_objects_go_newest_first(void **state)
{
    (void)state;
    int order[8] = { 0 };
    fv_context *context = bare_new(NULL);
    thing *one = new_thing(context, 1, order);
    thing *two = new_thing(context, 2, order);
    new_thing(context, 3, order);
    thing *four = new_thing(context, 4, order);
    four->friend = one;
    fv__destroy(two);
    fv__destroy(NULL);
    bare_free(context);
    const int expected[8] = { 2, 1, 4, 3 };
    assert_memory_equal(order, expected, sizeof order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_error_wins),
        cmocka_unit_test(test_no_context),
        cmocka_unit_test(test_long_sentence_is_cut),
        cmocka_unit_test(test_place_before_a_long_sentence),
        cmocka_unit_test(test_what_cannot_be_printed),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_printable),
        cmocka_unit_test(test_wrong_options),
        cmocka_unit_test(test_versions_of_options),
        cmocka_unit_test(test_objects_go_newest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
