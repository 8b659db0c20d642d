/* `fovea data`: looks at a data set before anything is trained on it. */
#include "cli/survey.h"

#include <stdio.h>
#include <string.h>

enum { CHUNK = 512 };

static const struct argp_option options[] = {
    { "split", CLI_SPLIT, "SHARES", 0,
      "divide data into parts, as 0.8,0.1,0.1: shares of train, val and test "
      "of each class; for --out",
      0 },
    { "out", CLI_OUT, "FILE", 0,
      "the manifest of the parts (.csv), which training takes as data", 0 },
    { "force", CLI_FORCE, NULL, 0, "replace the manifest", 0 },
    { "sheet", CLI_SHEET, "FILE", 0,
      "a picture (.png) with some images of each class, a row each", 0 },
    { "seed", CLI_SEED, "S", 0, "of the division (0)", 0 },
    { "limit", CLI_LIMIT, "N", 0, "the first N images of each part only", 0 },
    CLI_THREADS_OPTION,
    CLI_JSON_OPTION,
    { 0 },
};

static const struct argp usage = {
    .options = options,
    .args_doc = "NAME",
    .doc = "Look at a data set: images of each part and class, sizes, formats, "
           "mean and deviation; all files that are damaged, all images that "
           "are there twice or look alike, within parts and across them."
           "\vThe exit status is 1 if files are damaged, if images are equal, "
           "or if images of several parts look alike; images of one part that "
           "look alike are only listed.",
};

void *cli_zeros(fv_context *context, int64_t count, size_t bytes)
{
    const int64_t size = count * (int64_t)bytes;
    const fv_tensor memory =
        fv_tensor_new(context, FV_U8, 1, (int64_t[]){ size > 0 ? size : 1 });
    if (memory.rank != 1) return NULL;
    return memset(memory.data, 0, (size_t)memory.shape[0]);
}

/* ---- reading ------------------------------------------------------------- */

static void note_damage(cli_survey *s, const char *sentence)
{
    s->num_damaged++;
    if (s->damaged)
        cli_json_text(s->damaged, NULL, sentence);
    else if (!s->json)
        printf("damaged    %s\n", sentence);
}

/* Lines of the library's log: files that it leaves out are damaged. */
static void log_line(void *user, const char *line)
{
    static const char left_out[] = "left out: ";
    if (strncmp(line, left_out, sizeof left_out - 1) == 0)
        note_damage(user, line + sizeof left_out - 1);
    else
        fprintf(stderr, "%s\n", line);
}

static void open_part(cli_survey *s, const char *part)
{
    char whole[CLI_PATH];
    const cli_options *o = s->options;
    const int length = snprintf(whole, sizeof whole, "%s%s%s", o->data,
                                *part ? ":" : "", part);
    if (length < 0 || (size_t)length >= sizeof whole) {
        fv_fail(s->context, FV_LIMIT, "data: a name of %zu characters",
                strlen(o->data));
        return;
    }
    fv_dataset *set = fv_dataset_open(s->context, whole, .skip_damaged = 1);
    if (set && o->limit) fv_dataset_limit(set, o->limit);
    s->names[s->parts] = part;
    s->sets[s->parts++] = set;
}

/* Opens all parts that there are, or what the name says. */
static void open_parts(cli_survey *s)
{
    static const char *const parts[CLI_PARTS] = { "train", "val", "test" };
    for (int i = 0; i < CLI_PARTS && !fv_failed(s->context); i++)
        if (fv_dataset_has(s->context, s->options->data, parts[i]))
            open_part(s, parts[i]);
    if (!s->parts && !fv_failed(s->context)) open_part(s, "");
}

static void count_side(cli_survey *s, const fv_item_facts *facts)
{
    const int64_t side =
        facts->rows < facts->columns ? facts->rows : facts->columns;
    int i = 0;
    while (i + 1 < CLI_SIDES && side >> (i + 1)) i++;
    s->sides[i]++;
}

static void take(cli_survey *s, int part, const fv_item_facts *facts)
{
    if (facts->status) {
        note_damage(s, facts->sentence);
        return;
    }
    cli_item *item = &s->items[s->count++];
    *item = (cli_item){ .digest = facts->digest,
                        .hash = facts->hash,
                        .part = part,
                        .index = facts->index,
                        .class_index = facts->class_index,
                        .rows = facts->rows,
                        .columns = facts->columns,
                        .channels = facts->channels };
    memcpy(item->thumbnail, facts->thumbnail, sizeof item->thumbnail);
    s->formats[facts->format][facts->channels]++;
    if (part == 0) fv_moments_add(&s->moments, facts);
    if (facts->rows) count_side(s, facts);
}

static void inspect(cli_survey *s)
{
    int64_t all = 0;
    for (int i = 0; i < s->parts; i++) all += fv_dataset_count(s->sets[i]);
    s->items = cli_zeros(s->context, all, sizeof *s->items);
    fv_item_facts *facts = cli_zeros(s->context, CHUNK, sizeof *facts);
    for (int i = 0; i < s->parts; i++) {
        const int64_t n = fv_dataset_count(s->sets[i]);
        for (int64_t at = 0; at < n && !fv_failed(s->context); at += CHUNK) {
            const int64_t part = n - at < CHUNK ? n - at : CHUNK;
            fv_dataset_inspect(s->sets[i], at, part, facts);
            for (int64_t k = 0; k < part && !fv_failed(s->context); k++)
                take(s, i, &facts[k]);
        }
    }
}

int cli_data(int argc, char **argv)
{
    cli_options o = cli_defaults();
    cli_parse(&usage, argc, argv, 1, 1, &o);
    o.data = o.words[0];
    if (!*o.data) cli_refuse(argv[0], "expected NAME");
    if (!o.out != !(o.split[0] + o.split[1] + o.split[2] > 0))
        cli_refuse(argv[0], "--split and --out need each other");
    cli_survey s = { .options = &o };
    s.context = fv_context_new(
        FV_OPTIONS(fv_context_options, .threads = o.threads,
                   .seed = (uint64_t)o.seed, .log = log_line, .log_user = &s));
    if (o.json && !fv_failed(s.context)) {
        s.json = cli_json_new();
        s.damaged = cli_json_array(s.json, "damaged");
    }
    open_parts(&s);
    if (!fv_failed(s.context)) inspect(&s);
    if (!fv_failed(s.context)) cli_find_twins(&s);
    int64_t problems = 0;
    if (!fv_failed(s.context)) problems = cli_survey_print(&s);
    if (!fv_failed(s.context) && o.sheet) cli_sheet_write(&s, o.sheet);
    if (!fv_failed(s.context) && o.out) cli_manifest_write(&s, o.out);
    return cli_end(s.context, problems ? CLI_FAILED : CLI_DONE);
}
