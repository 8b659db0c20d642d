/* The ONNX project's own cases, of libonnx-testdata, where it is installed:
 *
 *     test_onnx_conformance [FOLDER [WORD]]
 *
 * runs those whose name contains WORD and prints what became of each. Without
 * WORD it checks that all cases pass but those of tests/data/onnx/left_out.txt:
 * a reason in a line, the names of its cases in lines that begin with blanks.
 */
#include "onnx/cases.h"

#include <dirent.h>

static const char *const suites[] = { "node", "simple", "pytorch-converted",
                                      "pytorch-operator" };

/* A context for each case, so that a failure of one is not that of another. */
static int run_case(const char *folder, char why[256])
{
    int passed = 0;
    /* with inputs as inputs, then with all but the first as constants, then
     * with all of them */
    const int32_t fixed[] = { CASE_MOST, 1, 0 };
    for (int k = 0; k < 3 && !passed; k++) {
        char reason[256] = "";
        fv_context *context = fv_context_new(
            FV_OPTIONS(fv_context_options, .layout = FV_NCHW, .threads = 1));
        passed = case_run(context, folder, fixed[k], 1e-3, reason);
        if (!k || !strncmp(why, folder, strlen(folder)))
            snprintf(why, 256, "%s", reason);
        fv_context_free(context);
    }
    return passed;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the cases of a suite, sorted. */
static size_t list(const char *folder, char *names[], size_t most)
{
    DIR *open = opendir(folder);
    size_t count = 0;
    for (struct dirent *e; open && (e = readdir(open));)
        if (e->d_name[0] != '.' && count < most)
            names[count++] = strdup(e->d_name);
    if (open) closedir(open);
    qsort(names, count, sizeof *names, by_text);
    return count;
}

/* Whether a line of the list is that name. */
static int is_left_out(const char *list_text, const char *name)
{
    char line[400];
    snprintf(line, sizeof line, "\n    %s\n", name);
    return strstr(list_text, line) != NULL;
}

static char *read_list(void)
{
    FILE *file = fopen(FOVEA_TEST_DATA "/onnx/left_out.txt", "r");
    char *text = calloc(1, 1 << 18);
    text[0] = '\n';
    if (file) {
        size_t used = fread(text + 1, 1, (1 << 18) - 2, file);
        text[used + 1] = '\0';
        fclose(file);
    }
    return text;
}

int main(int argc, char **argv)
{
    const char *data = argc > 1 ? argv[1] : "/usr/share/libonnx-testdata/data";
    const char *word = argc > 2 ? argv[2] : NULL;
    char *left_out = read_list();
    static char *names[4096];
    int passed = 0, expected = 0, wrong = 0;
    for (size_t s = 0; s < sizeof suites / sizeof *suites; s++) {
        char folder[512], path[1024], name[300];
        snprintf(folder, sizeof folder, "%s/%s", data, suites[s]);
        const size_t count = list(folder, names, 4096);
        for (size_t i = 0; i < count; i++) {
            char why[256] = "";
            snprintf(path, sizeof path, "%s/%s", folder, names[i]);
            snprintf(name, sizeof name, "%s/%s", suites[s], names[i]);
            free(names[i]);
            if (word && !strstr(name, word)) continue;
            const int out = is_left_out(left_out, name);
            const int good = run_case(path, why);
            passed += good;
            expected += !good && out;
            wrong += good == out;
            if (word || (good && out))
                printf("%s: %s\n", name, good ? "passes" : why);
            else if (!good && !out)
                printf("%s %s\n", name, why);
        }
    }
    free(left_out);
    printf("%d cases pass, %d are left out, %d are not as the list says\n",
           passed, expected, word ? 0 : wrong);
    if (!passed && !expected && !wrong) return 77;
    return !word && wrong;
}
