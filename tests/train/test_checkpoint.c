/* Stopping and going on: the same bits as a run that was never stopped, and
 * checkpoints of other runs refused. */
#include "nets.h"

#include "io/io.h"

#include <signal.h>
#include <unistd.h>

static char folder[64], path[96];

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

static const setting usual = {
    .threads = 1,
    .seed = 9,
    .images = 10,
    .batch = 4,
    .epochs = 3,
    .rate = 0.02,
    .decay = 1e-3,
};

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
    unlink(path);
    uint64_t digest = run(&s, &whole, error);
    assert_string_equal(error, "");
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
        assert_true(run(&second, &part, error) == digest);
        assert_string_equal(error, "");
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
        setting s = usual;
        s.net = *runs[i].net;
        s.rule = runs[i].rule;
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
    setting s = usual;
    s.net = net_plain;
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
    setting s = usual;
    s.net = net_residual;
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
    char error[1024], line[256];
    run(s, NULL, error);
    assert_string_equal(error, "");
    snprintf(line, sizeof line, "%s: %s\n", path, rest);
    assert_string_equal(logged, line);
}

static void test_where_it_goes_on_is_logged(void **state)
{
    (void)state;
    needs(JANSSON);
    setting s = usual;
    s.net = net_plain;
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
    setting s = usual;
    s.net = net_plain;
    char error[1024], line[256];
    for (s.rule = 0; s.rule < 4; s.rule++) {
        const uint64_t expected = run_in_parts(&s);
        unlink(path);
        setting part = s;
        part.epochs = 1;
        const uint64_t first = run(&part, NULL, error);
        part.rate = 0.3;
        assert_true(run(&part, NULL, error) == first); /* nothing to train */
        assert_string_equal(error, "");
        part.epochs = 3;
        assert_true(run(&part, NULL, error) == expected);
        assert_string_equal(error, "");
        snprintf(line, sizeof line,
                 "%s: going on with learning_rate 0.3 instead of 0.02\n", path);
        assert_memory_equal(logged, line, strlen(line));
        /* and once more in parts, from the checkpoint of them all */
        assert_true(run(&part, NULL, error) == expected);
    }
}

/* The other options of the rule are this call's, too. */
static void test_other_options_go_on(void **state)
{
    (void)state;
    needs(JANSSON);
    setting s = usual, more;
    char error[1024], line[256];
    s.net = net_plain;
    s.rule = 1;
    s.epochs = 1;
    unlink(path);
    run(&s, NULL, error);
    more = s;
    more.epochs = 2;
    more.decay = 0.25;
    const uint64_t changed = run(&more, NULL, error);
    assert_string_equal(error, "");
    snprintf(line, sizeof line,
             "%s: going on with momentum 0.9 weight_decay 0.25 nesterov 0 "
             "dampening 0 "
             "instead of momentum 0.9 weight_decay 0.001 nesterov 0 "
             "dampening 0\n",
             path);
    assert_memory_equal(logged, line, strlen(line));
    unlink(path);
    run(&s, NULL, error);
    more.decay = s.decay;
    assert_true(run(&more, NULL, error) != changed);
}

/* Stopped after every single batch, and once more at the end. */
static void test_many_stops(void **state)
{
    (void)state;
    needs(JANSSON);
    setting s = usual;
    s.net = net_dropout;
    s.rule = 2;
    fv_fit_report whole = { .epochs = 0 }, part = { .epochs = 0 };
    char error[1024];
    unlink(path);
    uint64_t digest = run(&s, &whole, error), last = 0;
    unlink(path);
    for (int i = 0; i < 9; i++) {
        s.stop_after = 1;
        last = run(&s, &part, error);
    }
    assert_string_equal(error, ""); /* the last batch ends the run */
    assert_true(last == digest);
    assert_same_report(&part, &whole);
    s.stop_after = 0;
    assert_true(run(&s, &part, error) == digest); /* nothing left to do */
    assert_string_equal(error, "");
    assert_same_report(&part, &whole);
    /* more epochs than before are no other run */
    s.epochs = 4;
    run(&s, &part, error);
    assert_string_equal(error, "");
    assert_int_equal(part.epochs, 4);
}

static void test_without_a_checkpoint(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    stop = 1;
    fv_fit_report report = { .epochs = 0 };
    assert_int_equal(fv_fit(net, optimizer_of(net, 0, 0.1, 0),
                            net_dataset(ctx, 10), .batch = 4, .stop = &stop,
                            .report = &report),
                     FV_INTERRUPTED);
    assert_error(ctx, "train: stopped in epoch 1 after batch 1 of 3");
    assert_int_equal(report.epochs, 0);
    fv_context_free(ctx);
}

static void test_a_checkpoint_that_cannot_be_written(void **state)
{
    (void)state;
    needs(JANSSON);
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    stop = 1;
    assert_int_equal(fv_fit(net, optimizer_of(net, 0, 0.1, 0),
                            net_dataset(ctx, 10), .batch = 4, .stop = &stop,
                            .checkpoint = "/nowhere/at/all"),
                     FV_IO);
    assert_error(ctx, "/nowhere/at/all: cannot write: No such file or "
                      "directory");
    fv_context_free(ctx);
}

/* A checkpoint is a model, the optimizer's state being left out. */
static void test_a_checkpoint_as_a_model(void **state)
{
    (void)state;
    needs(JANSSON);
    setting s = usual;
    s.net = net_plain;
    for (s.rule = 0; s.rule < 4; s.rule++) {
        unlink(path);
        uint64_t digest = run(&s, NULL, NULL);
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
    setting s = usual;
    s.net = net_plain;
    s.rule = 1;
    unlink(path);
    s.epochs = 1;
    run(&s, NULL, NULL);
    setting other = s;
    other.seed = 10;
    refuse(&other, "the checkpoint is of another run, its seed is 9, not 10");
    other = s;
    other.batch = 5;
    refuse(&other, "the checkpoint is of another run, its batch is 4, not 5");
    other = s;
    other.images = 11;
    refuse(&other, "the checkpoint is of another run, its number of images is "
                   "10, not 11");
    other = s;
    other.drop_last = 1;
    refuse(&other,
           "the checkpoint is of another run, its drop_last is 0, not 1");
    other = s;
    other.rule = 0;
    refuse(&other, "the checkpoint is of another run, its optimizer is sgd "
                   "with momentum, not sgd");
    other.rule = 3;
    refuse(&other, "the checkpoint is of another run, its optimizer is sgd "
                   "with momentum, not adamw");
    other = s;
    other.net = net_residual;
    refuse(&other,
           "the checkpoint is of another run, its network is different");
    other = s;
    other.dtype = FV_F64;
    refuse(&other, "the checkpoint is of another run, its element type is "
                   "f32, not f64");
}

static void test_a_model_is_no_checkpoint(void **state)
{
    (void)state;
    needs(JANSSON);
    setting s = usual;
    s.net = net_plain;
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
    setting s = usual;
    s.net = net_plain;
    s.rule = 2;
    s.epochs = 1;
    unlink(path);
    const uint64_t digest = run(&s, NULL, NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        alter("fovea.learning_rate", wrong[i]);
        refuse(&s, "the position in training is damaged");
    }
    alter_both("fovea.learning_rate", "0.0625 0", -1);
    refuse(&s, "the position in training is damaged");
    alter_both("fovea.learning_rate", "0.0625 0", INT64_MAX);
    refuse(&s, "the position in training is damaged");
    alter_both("fovea.learning_rate", "0.0625 0", 3);
    char error[1024];
    assert_true(run(&s, NULL, error) == digest);
    assert_string_equal(error, "");
    alter("fovea.learning_rate", NULL);
    refuse(&s, "the position in training is damaged");
}

/* Cut anywhere, the file is refused and nothing of it is used. */
static void test_truncated_checkpoints(void **state)
{
    (void)state;
    needs(JANSSON);
    setting s = usual;
    s.net = net_plain;
    s.epochs = 1;
    unlink(path);
    run(&s, NULL, NULL);
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
    setting s = usual;
    s.net = net_plain;
    s.rule = 1;
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
    setting s = usual;
    s.net = net_plain;
    s.rule = 1;
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
    setting s = usual;
    s.net = net_plain;
    s.rule = 1;
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
    setting s = usual;
    s.net = net_plain;
    s.rule = 1;
    char error[1024];
    unlink(path);
    uint64_t digest = run(&s, NULL, NULL);
    put_checkpoint(false);
    alter("fovea.epoch", "2");
    alter("fovea.epoch", "1");
    assert_true(run(&s, NULL, error) == digest);
    assert_string_equal(error, "");
    put_checkpoint(true);
    alter("fovea.network_steps", "1000"); /* steps before the run are legal */
    run(&s, NULL, error);
    assert_string_equal(error, "");
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fovea-checkpoint-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/c.safetensors", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
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
