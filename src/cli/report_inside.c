/* Pictures in a report: examples of right and wrong answers, samples of the
 * training data, and what layers have learnt. */
#include "cli/report.h"

enum { EXAMPLES = 22, SAMPLES = 22, ROW = 11, MAPS = 10, SHOWN_CHANNELS = 32 };

/* Says that there are no pictures; false if there are. */
static bool without_pictures(cli_report *r)
{
    const bool images = fv_network_input_shape(r->network).rank == 3;
    if (r->pictures) return false;
    cli_put(&r->page, "<p class=\"note\">Not here: %s.</p>\n",
            images ? "this build of Fovea has no PNG"
                   : "the network does not take pictures");
    cli_section_end(&r->page);
    return true;
}

static void put_gallery(cli_report *r, const char *title, const char *none,
                        bool mistakes)
{
    int64_t picked[EXAMPLES];
    const int count =
        cli_answers_pick(&r->answers, mistakes, mistakes, EXAMPLES, picked);
    cli_put(&r->page, "<h3>%s</h3>\n", title);
    if (!count) cli_put(&r->page, "<p class=\"note\">%s</p>\n", none);
    cli_put(&r->page, "<div class=\"gallery\">\n");
    for (int i = 0; i < count && !fv_failed(r->context); i++)
        cli_put_answer(r, picked[i], 84);
    cli_put(&r->page, "</div>\n");
}

void cli_report_examples(cli_report *r)
{
    cli_section(&r->page, "examples", "Examples", NULL);
    if (without_pictures(r)) return;
    if (r->answers.count) {
        put_gallery(r, "The most certain mistakes", "There are no mistakes.",
                    true);
        cli_forgive(r);
        put_gallery(r, "The least certain right answers",
                    "There are no right answers.", false);
        cli_forgive(r);
    } else {
        cli_put(&r->page, "<p class=\"note\">Not here: the images of this data "
                          "set do not have one class each.</p>\n");
    }
    cli_section_end(&r->page);
}

/* One image of the training data, as it is in an epoch. */
static void put_sample(cli_report *r, const fv_dataset *data, int64_t index,
                       int64_t epoch)
{
    char text[CLI_CELL];
    fv_tensor picture =
        cli_report_picture(r, data, index, CLI_AS_TRAINED, epoch);
    picture = cli_picture_shrink(r->context, &picture, 84);
    snprintf(text, sizeof text, "image %lld, epoch %lld", (long long)index,
             (long long)epoch + 1);
    if (!fv_failed(r->context)) cli_put_picture(r, &picture, 84, text);
}

void cli_report_samples(cli_report *r)
{
    const fv_dataset *data = r->train ? r->train : r->test;
    const bool changed = *fv_network_augment_text(r->network);
    const int64_t images = fv_dataset_count(data);
    const int64_t epochs = changed ? ROW : 1; /* an image in so many */
    const int64_t count = SAMPLES / epochs;
    cli_section(&r->page, "samples", "Samples",
                changed ? "Training images as the network sees them, each in "
                          "several epochs."
                        : "Training images as the network sees them.");
    if (without_pictures(r)) return;
    cli_put(&r->page, "<div class=\"gallery\">\n");
    for (int64_t i = 0; i < count && i < images; i++)
        for (int64_t k = 0; k < epochs && !fv_failed(r->context); k++)
            put_sample(r, data, i * images / count, k);
    cli_put(&r->page, "</div>\n");
    cli_forgive(r);
    cli_section_end(&r->page);
}

/* ---- what layers have learnt ------------------------------------------------
 */

/* A large picture, drawn no larger than it is but for small ones. */
static void put_wide(cli_report *r, fv_tensor *picture, const char *text)
{
    const int64_t rows = picture->shape[0], columns = picture->shape[1];
    int64_t size = rows > columns ? rows : columns;
    while (size && 2 * size <= 520) size *= 2;
    cli_put_picture(r, picture, (int)size, text);
}

static void put_filters(cli_report *r)
{
    cli_put(&r->page, "<div><h3>Filters of the first convolution</h3>\n");
    fv_tensor picture = fv_filters(
        r->network, FV_OPTIONS(fv_explain_options, .most = SHOWN_CHANNELS));
    if (!fv_failed(r->context))
        put_wide(r, &picture, "filters of the first convolution");
    cli_forgive(r);
    cli_put(&r->page, "</div>\n");
}

/* The name of the first convolution; NULL if there is none. */
static const char *first_convolution(cli_report *r)
{
    for (size_t i = 0; i < fv_network_count(r->network); i++) {
        const fv_layer_info info = fv_network_layer_info(r->network, i);
        if (info.convolution) return info.name;
    }
    return NULL;
}

static void put_features(cli_report *r, const char *layer, int64_t index)
{
    fv_decision decision = { 0 };
    char text[CLI_TEXT];
    fv_tensor input = cli_report_input(r, r->test, index);
    fv_tensor picture = { .rank = -1 };
    if (!fv_failed(r->context))
        picture = fv_feature_maps(r->network, &input,
                                  FV_OPTIONS(fv_explain_options, .layer = layer,
                                             .decision = &decision,
                                             .most = SHOWN_CHANNELS));
    fv_tensor_free(r->context, &input);
    cli_put(&r->page, "<div>");
    if (!fv_failed(r->context)) {
        snprintf(text, sizeof text, "channels of %s",
                 decision.layer ? decision.layer : "a layer");
        cli_put(&r->page, "<h3>Feature maps of ");
        cli_put_text(&r->page, decision.layer);
        cli_put(&r->page, "</h3>\n");
        put_wide(r, &picture, text);
    }
    cli_forgive(r);
    cli_put(&r->page, "</div>\n");
}

/* An image beside the map of what its answer depends on. */
static void put_map(cli_report *r, int64_t index)
{
    char name[CLI_CELL], text[CLI_TEXT];
    fv_decision decision = { 0 };
    fv_context *context = r->context;
    fv_tensor input = cli_report_input(r, r->test, index);
    fv_tensor picture =
        cli_report_picture(r, r->test, index, CLI_AS_EVALUATED, 0);
    fv_tensor map = { .rank = -1 }, over = map;
    if (!fv_failed(context))
        map =
            fv_grad_cam(r->network, &input, FV_PREDICTED,
                        FV_OPTIONS(fv_explain_options, .decision = &decision));
    if (!fv_failed(context)) over = fv_overlay(context, &picture, &map, 0.6);
    fv_tensor_free(context, &map);
    fv_tensor_free(context, &input);
    if (fv_failed(context)) return;
    cli_report_class(r, decision.class_index, name);
    snprintf(text, sizeof text, "what the answer %s depends on", name);
    picture = cli_picture_shrink(context, &picture, 112);
    over = cli_picture_shrink(context, &over, 112);
    cli_put(&r->page, "<figure class=\"pair\">");
    if (!fv_failed(context)) cli_put_picture(r, &picture, 84, "an image");
    if (!fv_failed(context)) cli_put_picture(r, &over, 84, text);
    cli_put(&r->page, "<figcaption><b>");
    cli_put_text(&r->page, name);
    cli_put(&r->page, "</b>");
    if (decision.probability == decision.probability)
        cli_put(&r->page, " <span>%.1f %%</span>", 100 * decision.probability);
    cli_put(&r->page, "</figcaption></figure>\n");
}

static void put_maps(cli_report *r)
{
    int64_t picked[MAPS] = { 0 };
    const int64_t images = fv_dataset_count(r->test);
    int count = 0;
    /* mistakes and, spread over the data set, other images */
    if (r->answers.count)
        count = cli_answers_pick(&r->answers, true, true, MAPS / 2, picked);
    const int mistakes = count;
    for (int i = 0; i < count; i++)
        picked[i] = cli_answer_image(&r->answers, picked[i]);
    for (int64_t i = 0; count < MAPS && i < MAPS && i < images; i++)
        picked[count++] = i * images / MAPS;
    cli_put(&r->page,
            "<h3>What answers depend on</h3>\n<p class=\"note\">Grad-CAM: "
            "bright parts speak for the answer.%s</p>\n"
            "<div class=\"gallery pairs\">\n",
            mistakes ? " The most certain mistakes come first." : "");
    for (int i = 0; i < count && !fv_failed(r->context); i++)
        put_map(r, picked[i]);
    cli_put(&r->page, "</div>\n");
    cli_forgive(r);
}

void cli_report_inside(cli_report *r)
{
    cli_section(&r->page, "inside", "Inside the network", NULL);
    if (without_pictures(r)) return;
    put_maps(r);
    cli_put(&r->page, "<div class=\"panels\">\n");
    if (!fv_failed(r->context)) put_filters(r);
    const char *layer = first_convolution(r);
    if (!fv_failed(r->context) && layer) put_features(r, layer, 0);
    if (!fv_failed(r->context)) put_features(r, NULL, 0);
    cli_put(&r->page, "</div>\n");
    cli_section_end(&r->page);
}
