/* Stopping and going on: the same bits as a run that was never stopped, and
 * checkpoints of other runs refused. */
#include "folder.h"
#include "nets.h"

#include "io/io.h"

#include <signal.h>
#include <unistd.h>

typedef struct setting {
    const char *net;
    int rule;
    int32_t threads;
    uint64_t seed;
    int64_t images, batch, epochs;
    int64_t stop_after; /* batches of this process; 0: never */
    double rate;
    fv_dtype dtype;
    bool schedule; /* the progress function lowers the learning rate */
    bool thaw;     /* it lets the first variables be trained after an epoch */
    bool thawed;   /* they are trained from the beginning */
    int32_t drop_last;
    double decay; /* weight decay of the momentum's rule */
} setting;

static setting usual(const char *net, int rule)
{
    return (setting){ .net = net,
                      .rule = rule,
                      .threads = 1,
                      .seed = 9,
                      .images = 10,
                      .batch = 4,
                      .epochs = 3,
                      .rate = 0.02,
                      .decay = 1e-3 };
}

static volatile sig_atomic_t stop;
static int64_t batches_left;

/* What the progress function may change. */
typedef struct running {
    const setting *setting;
    fv_network *net;
    fv_optimizer *optimizer;
} running;

static void thaw(fv_network *net, bool trained)
{
    fv_variables list = fv_network_variables(net);
    for (int i = 0; i < 2; i++)
        fv_variable_set_requires_grad(list.at[i], trained);
}

static void look(void *user, const fv_progress *progress)
{
    const running *r = user;
    const double rate = fv_learning_rate(r->optimizer);
    if (r->setting->schedule)
        fv_set_learning_rate(r->optimizer, rate * (progress->test ? 0.5 : 0.9));
    if (r->setting->thaw && progress->test) thaw(r->net, true);
    if (!progress->test && --batches_left == 0) stop = 1;
}

static char logged[2048];

static void keep_line(void *user, const char *line)
{
    (void)user;
    snprintf(logged + strlen(logged), sizeof logged - strlen(logged), "%s\n",
             line);
}

static fv_optimizer *optimizer_of(fv_network *net, int rule, double rate,
                                  double decay)
{
    switch (rule) {
    case 0:
        return fv_sgd(net, rate);
    case 1:
        return fv_sgd(net, rate, .momentum = 0.9, .weight_decay = decay);
    case 2:
        return fv_adam(net, rate);
    default:
        return fv_adamw(net, rate, 0.01);
    }
}

/* Runs with the checkpoint; the digest of the weights. What went wrong goes to
 * `error` if it is not NULL. */
static uint64_t run(const setting *s, fv_fit_report *report, char error[1024])
{
    fv_context *ctx = NET_CONTEXT(.threads = s->threads, .seed = s->seed,
                                  .dtype = s->dtype, .log = keep_line);
    fv_network *net = fv_network_parse(ctx, s->net, "net");
    fv_optimizer *optimizer = optimizer_of(net, s->rule, s->rate, s->decay);
    running r = { s, net, optimizer };
    /* the program knows in which epoch it thaws: with a checkpoint of one */
    if (s->thaw) thaw(net, s->thawed);
    logged[0] = '\0';
    fv_dataset *data = net_dataset(ctx, s->images);
    assert_ok(ctx);
    stop = 0;
    batches_left = s->stop_after;
    fv_fit(net, optimizer, data, .test = data, .epochs = s->epochs,
           .batch = s->batch, .checkpoint = path, .drop_last = s->drop_last,
           .resume = 1, .stop = &stop, .progress = look, .user = &r,
           .report = report);
    if (error) snprintf(error, 1024, "%s", fv_error(ctx));
    fv_clear_error(ctx);
    uint64_t digest = net_digest(net);
    fv_context_free(ctx);
    return digest;
}

/* Nothing goes wrong. */
static uint64_t finish(const setting *s, fv_fit_report *report)
{
    char error[1024];
    const uint64_t digest = run(s, report, error);
    assert_string_equal(error, "");
    return digest;
}

/* The same, and there is no checkpoint before. */
static uint64_t begin(const setting *s, fv_fit_report *report)
{
    unlink(path);
    return finish(s, report);
}

static void assert_same_report(const fv_fit_report *a, const fv_fit_report *b)
{
    assert_int_equal(a->epochs, b->epochs);
    assert_int_equal(a->train.count, b->train.count);
    assert_true(a->train.loss == b->train.loss);
    assert_true(a->train.accuracy == b->train.accuracy);
    assert_true(a->test.loss == b->test.loss);
}

/* ---- going on ------------------------------------------------------------ */

/* Stops after each number of batches, goes on with other threads. */
static void check_resume(setting s)
{
    fv_fit_report whole = { .epochs = 0 }, part = { .epochs = 0 };
    char error[1024], expected[1024];
    const uint64_t digest = begin(&s, &whole);
    for (int64_t after = 1; after < 9; after++) {
        unlink(path);
        setting first = s;
        first.stop_after = after;
        run(&first, &part, error);
        snprintf(expected, sizeof expected,
                 "train: stopped in epoch %d after batch %d of 3",
                 (int)(after / 3) + 1, (int)(after % 3));
        assert_string_equal(error, expected);
        assert_int_equal(part.epochs, after / 3);
        setting second = s;
        second.threads = 1 + (int32_t)after % 4;
        second.thawed = part.epochs > 0;
        assert_true(finish(&second, &part) == digest);
        assert_int_equal(part.resumed, 1);
        assert_same_report(&part, &whole);
    }
}

static void test_resume_has_the_same_bits(void **state)
{
    (void)state;
    needs(JANSSON);
    static const struct {
        const char *const *net;
        int rule;
        fv_dtype dtype;
    } runs[] = { { &net_plain, 0, FV_F32 },
                 { &net_residual, 1, FV_F32 },
                 { &net_dropout, 2, FV_F64 },
                 { &net_branches, 3, FV_F32 } };
    for (int i = 0; i < 4; i++) {
        setting s = usual(*runs[i].net, runs[i].rule);
        s.dtype = runs[i].dtype;
        check_resume(s);
    }
}

/* The learning rate that a progress function sets is the checkpoint's, and
 * Adam's counts are those of each variable. */
static void test_resume_with_a_schedule(void **state)
{
    (void)state;
    needs(JANSSON);
    setting s = usual(net_plain, 0);
    s.schedule = true;
    for (s.rule = 0; s.rule < 4; s.rule++) check_resume(s);
    s.rule = 2;
    s.thaw = true;
    check_resume(s);
}

/* The same with the last, short batch left out. */
static void test_resume_without_last_batches(void **state)
{
    (void)state;
    needs(JANSSON);
    setting s = usual(net_residual, 0);
    s.drop_last = 1;
    s.images = 13; /* three batches of four and one more */
    check_resume(s);
}

/* Three epochs in one process: `rate` for the first, 0.3 for the others. */
static uint64_t run_in_parts(const setting *s)
{
    fv_context *ctx = NET_CONTEXT(.threads = 1, .seed = s->seed);
    fv_network *net = fv_network_parse(ctx, s->net, "net");
    fv_optimizer *optimizer = optimizer_of(net, s->rule, s->rate, s->decay);
    fv_dataset *data = net_dataset(ctx, s->images);
    unlink(path);
    for (int64_t epochs = 1; epochs <= 3; epochs += 2) {
        if (epochs == 3) fv_set_learning_rate(optimizer, 0.3);
        fv_fit(net, optimizer, data, .epochs = epochs, .batch = s->batch,
               .checkpoint = path, .resume = 1);
    }
    assert_ok(ctx);
    uint64_t digest = net_digest(net);
    fv_context_free(ctx);
    return digest;
}

static void logs(const setting *s, const char *rest)
{
    char line[256];
    finish(s, NULL);
    snprintf(line, sizeof line, "%s: %s\n", path, rest);
    assert_string_equal(logged, line);
}

static void test_where_it_goes_on_is_logged(void **state)
{
    (void)state;
    needs(JANSSON);
    setting s = usual(net_plain, 0);
    s.epochs = 1;
    unlink(path);
    logs(&s, "no checkpoint there, training starts anew");
    logs(&s, "going on in epoch 1 after batch 0");
    s.epochs = 3;
    logs(&s, "going on in epoch 2 after batch 0");
    logs(&s, "going on in epoch 3 after batch 0");
}

static void test_another_learning_rate_goes_on(void **state)
{
    (void)state;
    needs(JANSSON);
    setting s = usual(net_plain, 0);
    char line[256];
    for (s.rule = 0; s.rule < 4; s.rule++) {
        const uint64_t expected = run_in_parts(&s);
        setting part = s;
        part.epochs = 1;
        const uint64_t first = begin(&part, NULL);
        part.rate = 0.3;
        assert_true(finish(&part, NULL) == first); /* nothing to train */
        part.epochs = 3;
        assert_true(finish(&part, NULL) == expected);
        snprintf(line, sizeof line,
                 "%s: going on with learning_rate 0.3 instead of 0.02\n", path);
        assert_memory_equal(logged, line, strlen(line));
        /* and once more in parts, from the checkpoint of them all */
        assert_true(finish(&part, NULL) == expected);
    }
}

/* The other options of the rule are this call's, too. */
static void test_other_options_go_on(void **state)
{
    (void)state;
    needs(JANSSON);
    setting s = usual(net_plain, 1), more = s;
    char line[320];
    s.epochs = 1;
    more.epochs = 2;
    more.decay = 0.25;
    begin(&s, NULL);
    const uint64_t changed = finish(&more, NULL);
    snprintf(line, sizeof line,
             "%s: going on with momentum 0.9 weight_decay 0.25 nesterov 0 "
             "dampening 0 "
             "instead of momentum 0.9 weight_decay 0.001 nesterov 0 "
             "dampening 0\n",
             path);
    assert_memory_equal(logged, line, strlen(line));
    begin(&s, NULL);
    more.decay = s.decay;
    assert_true(finish(&more, NULL) != changed);
}

/* Stopped after every single batch, and once more at the end. */
static void test_many_stops(void **state)
{
    (void)state;
    needs(JANSSON);
    setting s = usual(net_dropout, 2);
    fv_fit_report whole = { .epochs = 0 }, part = { .epochs = 0 };
    char error[1024];
    uint64_t digest = begin(&s, &whole), last = 0;
    unlink(path);
    for (int i = 0; i < 9; i++) {
        s.stop_after = 1;
        last = run(&s, &part, error);
    }
    assert_string_equal(error, ""); /* the last batch ends the run */
    assert_true(last == digest);
    assert_same_report(&part, &whole);
    s.stop_after = 0;
    assert_true(finish(&s, &part) == digest); /* nothing left to do */
    assert_same_report(&part, &whole);
    /* more epochs than before are no other run */
    s.epochs = 4;
    finish(&s, &part);
    assert_int_equal(part.epochs, 4);
}

/* Stopped after the first batch. */
static void check_stopped(const char *checkpoint, fv_status status,
                          const char *sentence)
{
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    fv_fit_report report = { .epochs = 0 };
    stop = 1;
    assert_int_equal(fv_fit(net, optimizer_of(net, 0, 0.1, 0),
                            net_dataset(ctx, 10), .batch = 4, .stop = &stop,
                            .checkpoint = checkpoint, .report = &report),
                     status);
    assert_error(ctx, sentence);
    assert_int_equal(report.epochs, 0);
    fv_context_free(ctx);
}

static void test_without_a_checkpoint(void **state)
{
    (void)state;
    check_stopped(NULL, FV_INTERRUPTED,
                  "train: stopped in epoch 1 after batch 1 of 3");
}

static void test_a_checkpoint_that_cannot_be_written(void **state)
{
    (void)state;
    needs(JANSSON);
    check_stopped("/nowhere/at/all", FV_IO,
                  "/nowhere/at/all: cannot write: No such file or directory");
}

/* A checkpoint is a model, the optimizer's state being left out. */
static void test_a_checkpoint_as_a_model(void **state)
{
    (void)state;
    needs(JANSSON);
    setting s = usual(net_plain, 0);
    for (s.rule = 0; s.rule < 4; s.rule++) {
        uint64_t digest = begin(&s, NULL);
        fv_context *ctx = NET_CONTEXT(.threads = 1);
        fv_network *net = fv_network_load(ctx, path);
        assert_ok(ctx);
        assert_true(net_digest(net) == digest);
        fv_context_free(ctx);
    }
}

/* ---- refusals ------------------------------------------------------------ */

static void refuse(const setting *s, const char *expected)
{
    char error[1024], sentence[1200];
    run(s, NULL, error);
    snprintf(sentence, sizeof sentence, "%s: %s", path, expected);
    assert_string_equal(error, sentence);
}

static void test_other_runs_are_refused(void **state)
{
    (void)state;
    needs(JANSSON);
    setting s = usual(net_plain, 1);
    s.epochs = 1;
    begin(&s, NULL);
    setting others[8];
    for (int i = 0; i < 8; i++) others[i] = s;
    others[0].seed = 10;
    others[1].batch = 5;
    others[2].images = 11;
    others[3].drop_last = 1;
    others[4].rule = 0;
    others[5].rule = 3;
    others[6].net = net_residual;
    others[7].dtype = FV_F64;
    static const char *const differences[8] = {
        "its seed is 9, not 10",
        "its batch is 4, not 5",
        "its number of images is 10, not 11",
        "its drop_last is 0, not 1",
        "its optimizer is sgd with momentum, not sgd",
        "its optimizer is sgd with momentum, not adamw",
        "its network is different",
        "its element type is f32, not f64",
    };
    for (int i = 0; i < 8; i++) {
        char sentence[256];
        snprintf(sentence, sizeof sentence,
                 "the checkpoint is of another run, %s", differences[i]);
        refuse(&others[i], sentence);
    }
}

static void test_a_model_is_no_checkpoint(void **state)
{
    (void)state;
    needs(JANSSON);
    const setting s = usual(net_plain, 0);
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    assert_int_equal(
        fv_network_save(fv_network_parse(ctx, net_plain, "net"), path), FV_OK);
    fv_context_free(ctx);
    refuse(&s, "this is no checkpoint, it has no \"fovea.seed\"");
}

/* Writes the checkpoint again with another value of one key; NULL leaves the
 * key out; and, unless `updates` is 0, so many updates of its first variable.
 * The digest is right. */
static void alter_both(const char *key, const char *value, int64_t updates)
{
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv__archive *archive = fv__safetensors_read(ctx, path);
    assert_ok(ctx);
    size_t count = 0;
    bool found = false;
    for (size_t i = 0; i < archive->num_pairs; i++) {
        fv__pair pair = archive->pairs[i];
        if (strcmp(pair.key, key) == 0) {
            found = true;
            if (!value) continue;
            pair.value = value;
        }
        archive->pairs[count++] = pair;
    }
    assert_true(found);
    const fv_tensor *counts = fv__archive_find(archive, "optimizer.steps");
    if (updates) *(int64_t *)counts->data = updates;
    fv__safetensors_write(ctx, path, archive->num_entries, archive->entries,
                          count, archive->pairs);
    assert_ok(ctx);
    fv__archive_free(archive);
    fv_context_free(ctx);
}

static void alter(const char *key, const char *value)
{
    alter_both(key, value, 0);
}

static void test_damaged_learning_rates_and_counts(void **state)
{
    (void)state;
    needs(JANSSON);
    static const char *const wrong[] = {
        "",           "0.0625",         "0.0625 ",         "nan 0.0625",
        "0.0625 nan", "0.0625 -0.0625", "inf 0.0625",      "0.0625  0.0625x",
        "-1 0.0625",  "0.0625,0.0625",  "0.0625 0.0625 1", "1.7e308 1.7e308",
    };
    setting s = usual(net_plain, 2);
    s.epochs = 1;
    const uint64_t digest = begin(&s, NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        alter("fovea.learning_rate", wrong[i]);
        refuse(&s, "the position in training is damaged");
    }
    alter_both("fovea.learning_rate", "0.0625 0", -1);
    refuse(&s, "the position in training is damaged");
    alter_both("fovea.learning_rate", "0.0625 0", INT64_MAX);
    refuse(&s, "the position in training is damaged");
    alter_both("fovea.learning_rate", "0.0625 0", 3);
    assert_true(finish(&s, NULL) == digest);
    alter("fovea.learning_rate", NULL);
    refuse(&s, "the position in training is damaged");
}

/* Cut anywhere, the file is refused and nothing of it is used. */
static void test_truncated_checkpoints(void **state)
{
    (void)state;
    needs(JANSSON);
    setting s = usual(net_plain, 0);
    s.epochs = 1;
    begin(&s, NULL);
    FILE *file = fopen(path, "rb");
    static char content[1 << 16];
    size_t size = fread(content, 1, sizeof content, file);
    fclose(file);
    for (size_t cut = 0; cut < size; cut += size / 13) {
        file = fopen(path, "wb");
        assert_int_equal(fwrite(content, 1, cut, file), cut);
        fclose(file);
        char error[1024];
        run(&s, NULL, error);
        assert_memory_equal(error, path, strlen(path));
    }
}

/* Stopped in the second epoch after two of three batches of 4, 4 and 2 images,
 * or after the first epoch: 5 steps, or 3. */
static void put_checkpoint(bool at_an_end)
{
    setting s = usual(net_plain, 1);
    if (at_an_end)
        s.epochs = 1;
    else
        s.stop_after = 5;
    unlink(path);
    run(&s, NULL, NULL);
}

static void test_every_field_of_the_position(void **state)
{
    (void)state;
    needs(JANSSON);
    static const char *const keys[] = { "fovea.epoch", "fovea.position",
                                        "fovea.network_steps", "fovea.loss_sum",
                                        "fovea.right" };
    static const char *const never[] = { NULL,
                                         "",
                                         "x",
                                         "nan",
                                         "inf",
                                         "-1",
                                         "+1",
                                         " 1",
                                         "1x",
                                         "0x1",
                                         "9223372036854775807",
                                         "99999999999999999999",
                                         "1e999" };
    static const struct {
        const char *key, *value;
        bool at_an_end;
    } cases[] = {
        { "fovea.epoch", "2", false },
        { "fovea.epoch", "2", true },
        { "fovea.epoch", "999999999999999999", false },
        { "fovea.epoch", "1.0", false },
        { "fovea.position", "3", false },
        { "fovea.position", "4", false },
        { "fovea.position", "999999999999999999", false },
        { "fovea.position", "1", false }, /* the sums are of two batches */
        { "fovea.position", "0", false },
        { "fovea.position", "1", true },
        { "fovea.network_steps", "2", true },
        { "fovea.network_steps", "4", false },
        { "fovea.right", "3", false },
        { "fovea.right", "3 ", false },
        { "fovea.right", "3  8", false },
        { "fovea.right", "3 8 ", false },
        { "fovea.right", "3 7", false },
        { "fovea.right", "3 9", false },
        { "fovea.right", "9 8", false },
        { "fovea.right", "-1 8", false },
        { "fovea.right", "1 8", true },
        { "fovea.right", "0 0", true },
    };
    const setting s = usual(net_plain, 1);
    const char *const sentence = "the position in training is damaged";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_checkpoint(cases[i].at_an_end);
        alter(cases[i].key, cases[i].value);
        refuse(&s, sentence);
    }
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
            bool loss = strcmp(keys[k], "fovea.loss_sum") == 0;
            if (loss && i >= 5 && i <= 6) continue; /* they are numbers */
            if (loss && i >= 10 && i <= 11) continue;
            put_checkpoint(false);
            alter(keys[k], never[i]);
            refuse(&s, sentence);
        }
    }
}

/* Every key that tells runs apart, left out or of another run. */
static void test_every_key_of_the_run(void **state)
{
    (void)state;
    needs(JANSSON);
    static const struct {
        const char *key, *value, *sentence;
    } cases[] = {
        { "fovea.seed", "x", "its seed is x, not 9" },
        { "fovea.batch", "5", "its batch is 5, not 4" },
        { "fovea.images", "", "its number of images is , not 10" },
        { "fovea.network", "input 4\nrelu\n", "its network is different" },
        { "fovea.dtype", "f16", "its element type is f16, not f32" },
        { "fovea.optimizer", NULL, NULL },
    };
    const setting s = usual(net_plain, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sentence[256];
        put_checkpoint(true);
        alter(cases[i].key, NULL);
        snprintf(sentence, sizeof sentence,
                 "this is no checkpoint, it has no \"%s\"", cases[i].key);
        refuse(&s, sentence);
        if (!cases[i].value) continue;
        put_checkpoint(true);
        alter(cases[i].key, cases[i].value);
        snprintf(sentence, sizeof sentence,
                 "the checkpoint is of another run, %s", cases[i].sentence);
        refuse(&s, sentence);
    }
}

/* What is altered and put back goes on. */
static void test_altered_and_put_back(void **state)
{
    (void)state;
    needs(JANSSON);
    const setting s = usual(net_plain, 1);
    const uint64_t digest = begin(&s, NULL);
    put_checkpoint(false);
    alter("fovea.epoch", "2");
    alter("fovea.epoch", "1");
    assert_true(finish(&s, NULL) == digest);
    put_checkpoint(true);
    alter("fovea.network_steps", "1000"); /* steps before the run are legal */
    finish(&s, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resume_has_the_same_bits),
        cmocka_unit_test(test_resume_with_a_schedule),
        cmocka_unit_test(test_resume_without_last_batches),
        cmocka_unit_test(test_where_it_goes_on_is_logged),
        cmocka_unit_test(test_another_learning_rate_goes_on),
        cmocka_unit_test(test_other_options_go_on),
        cmocka_unit_test(test_many_stops),
        cmocka_unit_test(test_without_a_checkpoint),
        cmocka_unit_test(test_a_checkpoint_that_cannot_be_written),
        cmocka_unit_test(test_a_checkpoint_as_a_model),
        cmocka_unit_test(test_other_runs_are_refused),
        cmocka_unit_test(test_a_model_is_no_checkpoint),
        cmocka_unit_test(test_damaged_learning_rates_and_counts),
        cmocka_unit_test(test_truncated_checkpoints),
        cmocka_unit_test(test_every_field_of_the_position),
        cmocka_unit_test(test_every_key_of_the_run),
        cmocka_unit_test(test_altered_and_put_back),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
