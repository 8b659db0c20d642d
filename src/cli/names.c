/* Names of options as users guess them: other spellings, single letters, and
 * what a misspelt word was meant to be. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

/* Other names of an option; a name of one character is a short option. */
typedef struct alias {
    int key;
    const char *name;
} alias;

static const alias aliases[] = {
    { CLI_DATA, "d" },
    { CLI_DATA, "dataset" },
    { CLI_DATA, "data-dir" },
    { CLI_DATA, "data_dir" },
    { CLI_EPOCHS, "e" },
    { CLI_EPOCHS, "num-epochs" },
    { CLI_EPOCHS, "num_epochs" },
    { CLI_BATCH, "b" },
    { CLI_BATCH, "batch-size" },
    { CLI_BATCH, "batch_size" },
    { CLI_LR, "learning-rate" },
    { CLI_LR, "learning_rate" },
    { CLI_WEIGHT_DECAY, "wd" },
    { CLI_WEIGHT_DECAY, "weight_decay" },
    { CLI_SEED, "s" },
    { CLI_SEED, "random-seed" },
    { CLI_SEED, "random_seed" },
    { CLI_THREADS, "t" },
    { CLI_THREADS, "num-threads" },
    { CLI_THREADS, "num_threads" },
    { CLI_LIMIT, "n" },
    { CLI_LIMIT, "num-images" },
    { CLI_LIMIT, "num_images" },
    { CLI_INDEX, "i" },
    { CLI_OUT, "o" },
    { CLI_OUT, "output" },
    { CLI_FORCE, "f" },
    { CLI_FORCE, "overwrite" },
    { CLI_DROP_LAST, "drop_last" },
    { CLI_CLASSES, "num-classes" },
    { CLI_CLASSES, "num_classes" },
};
enum { ALIASES = sizeof aliases / sizeof *aliases, LONGEST = 32 };

int cli_option_key(int key)
{
    for (int i = 0; i < ALIASES; i++)
        if (!aliases[i].name[1] && aliases[i].name[0] == key)
            return aliases[i].key;
    return key;
}

/* Appends a name of the option before it. */
static void add_name(struct argp_option **to, const char *name)
{
    const bool letter = name && !name[1];
    *(*to)++ = (struct argp_option){
        .name = letter ? NULL : name,
        .key = letter ? name[0] : 0,
        .flags = OPTION_ALIAS | (letter ? 0 : OPTION_HIDDEN),
    };
}

void cli_add_aliases(const struct argp_option *options, struct argp_option *all)
{
    for (; options->name; options++) {
        *all++ = *options;
        for (int k = 0; k < ALIASES; k++)
            if (aliases[k].key == options->key) add_name(&all, aliases[k].name);
    }
    *all = (struct argp_option){ 0 };
}

/* ---- words that are nearly right ---------------------------------------- */

static int lower(char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; }

bool cli_same_word(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b)) a++, b++;
    return lower(*a) == lower(*b);
}

static int least(int a, int b) { return a < b ? a : b; }

/* Letters to insert, drop, replace or swap with the next to turn a into b
 * (optimal string alignment); LONGEST for long words. The program uses the
 * library's public interface only, so it does not share the distance of
 * src/network/suggest.c. */
static int distance(const char *a, const char *b)
{
    const size_t m = strlen(a), n = strlen(b);
    int row[3][LONGEST + 1] = { { 0 } };
    if (m >= LONGEST || n >= LONGEST) return LONGEST;
    for (size_t j = 0; j <= n; j++) row[0][j] = (int)j;
    for (size_t i = 1; i <= m; i++) {
        int *now = row[i % 3], *before = row[(i + 2) % 3];
        const int *two_before = row[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= n; j++) {
            const int differ = lower(a[i - 1]) != lower(b[j - 1]);
            now[j] =
                least(before[j - 1] + differ, 1 + least(before[j], now[j - 1]));
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2])
                && lower(a[i - 2]) == lower(b[j - 1]))
                now[j] = least(now[j], two_before[j - 2] + 1);
        }
    }
    return row[m % 3][n];
}

const char *cli_meant(const char *word, const char *const words[])
{
    const char *best = NULL;
    const size_t length = strlen(word);
    int least_distance = length < 3 ? 1 : length < 6 ? 2 : 3;
    for (; *words; words++) {
        const int d = distance(word, *words);
        if (d >= (int)length || d > least_distance) continue;
        if (best && d == least_distance) continue; /* the first is listed */
        best = *words;
        least_distance = d;
    }
    return best;
}

/* The option that a word of the command line names, "--" being left out and
 * the last letters of a name, too, if need be; NULL if there is none. */
static const struct argp_option *find_long(const struct argp_option *options,
                                           const char *word, size_t length)
{
    const struct argp_option *owner = options;
    for (; options->name || options->key; options++) {
        if (!(options->flags & OPTION_ALIAS)) owner = options;
        if (options->name && strncmp(options->name, word, length) == 0)
            return owner;
    }
    return NULL;
}

/* The option of one letter, or NULL. */
static const struct argp_option *find_short(const struct argp_option *options,
                                            char letter)
{
    const struct argp_option *owner = options;
    for (; options->name || options->key; options++) {
        if (!(options->flags & OPTION_ALIAS)) owner = options;
        if (options->key == letter) return owner;
    }
    return NULL;
}

/* Whether the word behind this one is its argument. */
static bool takes_next(const struct argp_option *options, const char *word)
{
    for (word++; *word; word++) {
        const struct argp_option *option = find_short(options, *word);
        if (option && option->arg) return !word[1];
    }
    return false;
}

static void refuse_unknown(const struct argp_option *options,
                           const char *command, const char *word, int length)
{
    const char *names[2 * ALIASES + 1] = { NULL };
    char name[LONGEST] = "";
    int count = 0;
    for (; options->name || options->key; options++)
        if (options->name && !strchr(options->name, '_') && count < 2 * ALIASES)
            names[count++] = options->name;
    if (length < LONGEST) memcpy(name, word, (size_t)length);
    const char *meant = cli_meant(name, names);
    cli_refuse(command, "unrecognized option '--%.*s'%s%s%s", length, word,
               meant ? ", did you mean --" : "", meant ? meant : "",
               meant ? "?" : "");
}

void cli_check_names(const struct argp_option *options, int argc, char **argv)
{
    static const char *const standard[] = { "help", "usage" };
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *word = argv[i];
        if (word[0] != '-' || !word[1]) continue;
        if (word[1] != '-') {
            i += takes_next(options, word);
            continue;
        }
        word += 2;
        const size_t length = strcspn(word, "=");
        bool known = false;
        for (int k = 0; k < 2; k++)
            known = known || strncmp(standard[k], word, length) == 0;
        const struct argp_option *option = find_long(options, word, length);
        if (!option && !known)
            refuse_unknown(options, argv[0], word, (int)length);
        i += option && option->arg && !word[length];
    }
}
