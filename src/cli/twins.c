/* Images that are there twice, or look alike. */
#include "cli/survey.h"

#include <stdlib.h>
#include <string.h>

/* Hashes of images that look alike differ in at most MOST_BITS bits, so one of
 * one more bands of bits is the same. In each band an image is compared with
 * those before it that have the same bits, MOST_COMPARED at most, the latest
 * first, so the time is bounded. Then their small grey pictures, without the
 * difference in brightness, must be alike. */
enum {
    MOST_BITS = 5,
    BANDS = MOST_BITS + 1,
    BAND_BITS = 11,
    BUCKETS = 1 << BAND_BITS,
    MOST_COMPARED = 2048,
    MOST_DIFFERENCE = 3
};

/* ---- images that are equal ----------------------------------------------- */

static int compare(const cli_item *a, const cli_item *b)
{
    if (a->digest != b->digest) return a->digest < b->digest ? -1 : 1;
    if (a->rows != b->rows) return a->rows < b->rows ? -1 : 1;
    if (a->columns != b->columns) return a->columns < b->columns ? -1 : 1;
    if (a->channels != b->channels) return a->channels < b->channels ? -1 : 1;
    return 0;
}

/* Of pointers to items, which lie in the order of the data. */
static int compare_items(const void *first, const void *second)
{
    const cli_item *const *a = first, *const *b = second;
    const int order = compare(*a, *b);
    return order ? order : *a < *b ? -1 : *a > *b;
}

/* Writes the place of the first item that is equal for each. */
static void find_equal(const cli_survey *s, int64_t *equal)
{
    const size_t n = (size_t)s->count;
    const cli_item **sorted = cli_zeros(s->context, s->count, sizeof *sorted);
    if (!sorted) return;
    for (size_t i = 0; i < n; i++) sorted[i] = &s->items[i];
    qsort(sorted, n, sizeof *sorted, compare_items);
    for (size_t i = 0; i < n; i++) {
        const bool new = !i || compare(sorted[i - 1], sorted[i]) != 0;
        equal[sorted[i] - s->items] =
            new ? sorted[i] - s->items : equal[sorted[i - 1] - s->items];
    }
}

/* ---- images that look alike ---------------------------------------------- */

/* Adds the bits of pairs, then of groups of four, then of all bytes. */
static int count_bits(uint64_t x)
{
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (int)(x * 0x0101010101010101u >> 56);
}

/* Whether the mean difference of the parts of two pictures is small. */
static bool alike(const cli_item *a, const cli_item *b)
{
    int sum = 0, differences = 0;
    if (count_bits(a->hash ^ b->hash) > MOST_BITS) return false;
    for (int i = 0; i < FV_ITEM_THUMBNAIL; i++)
        sum += a->thumbnail[i] - b->thumbnail[i];
    const int mean = sum / FV_ITEM_THUMBNAIL;
    for (int i = 0; i < FV_ITEM_THUMBNAIL; i++)
        differences += abs(a->thumbnail[i] - b->thumbnail[i] - mean);
    return differences <= MOST_DIFFERENCE * FV_ITEM_THUMBNAIL;
}

/* The first of the set that an item is in. */
static int64_t find(int64_t *parents, int64_t i)
{
    while (parents[i] != i) i = parents[i] = parents[parents[i]];
    return i;
}

static void join(int64_t *parents, int64_t a, int64_t b)
{
    const int64_t first = find(parents, a), second = find(parents, b);
    if (first < second)
        parents[second] = first;
    else
        parents[first] = second;
}

static void compare_band(const cli_survey *s, int band, int64_t *parents,
                         int64_t *heads, int64_t *before)
{
    for (int64_t i = 0; i < BUCKETS; i++) heads[i] = -1;
    for (int64_t i = 0; i < s->count; i++) {
        const cli_item *item = &s->items[i];
        if (!item->rows || !item->hash) continue; /* one colour, or numbers */
        int64_t *head =
            &heads[item->hash >> (band * BAND_BITS) & (BUCKETS - 1)];
        int64_t k = *head;
        for (int n = 0; k >= 0 && n < MOST_COMPARED; n++, k = before[k])
            if (alike(item, &s->items[k])) join(parents, i, k);
        before[i] = *head;
        *head = i;
    }
}

/* ---- groups -------------------------------------------------------------- */

static void add_group(cli_survey *s, cli_group group)
{
    const cli_item *one = &s->items[s->members[group.first]];
    for (int64_t i = 1; i < group.count; i++) {
        const cli_item *other = &s->items[s->members[group.first + i]];
        group.parts |= other->part != one->part;
        group.conflict |= other->class_index != one->class_index;
    }
    s->groups[s->num_groups++] = group;
}

/* Whether all members of a group are equal. */
static bool all_equal(const cli_survey *s, const cli_group *group,
                      const int64_t *equal)
{
    const int64_t *members = s->members + group->first;
    for (int64_t i = 1; i < group->count; i++)
        if (equal[members[i]] != equal[members[0]]) return false;
    return true;
}

/* Makes groups of the items that have the same first one, by their order;
 * those that look alike only where not all of them are equal. */
static void make_groups(cli_survey *s, const int64_t *firsts,
                        const int64_t *equal, int64_t *starts, int64_t *counts)
{
    int64_t used = firsts == equal ? 0 : s->count;
    memset(counts, 0, (size_t)s->count * sizeof *counts);
    for (int64_t i = 0; i < s->count; i++) counts[firsts[i]]++;
    for (int64_t i = 0; i < s->count; i++) {
        starts[i] = used;
        used += counts[i];
    }
    for (int64_t i = 0; i < s->count; i++) s->members[starts[firsts[i]]++] = i;
    for (int64_t i = 0; i < s->count; i++) {
        const cli_group group = { .first = starts[i] - counts[i],
                                  .count = counts[i],
                                  .equal = firsts == equal };
        if (group.count > 1 && (group.equal || !all_equal(s, &group, equal)))
            add_group(s, group);
    }
}

void cli_find_twins(cli_survey *s)
{
    int64_t *equal = cli_zeros(s->context, s->count, sizeof *equal);
    int64_t *parents = cli_zeros(s->context, s->count, sizeof *parents);
    int64_t *before = cli_zeros(s->context, s->count, sizeof *before);
    int64_t *starts = cli_zeros(s->context, s->count, sizeof *starts);
    int64_t *heads = cli_zeros(s->context, BUCKETS, sizeof *heads);
    s->members = cli_zeros(s->context, 2 * s->count, sizeof *s->members);
    s->groups = cli_zeros(s->context, s->count, sizeof *s->groups);
    if (!fv_failed(s->context)) find_equal(s, equal);
    if (fv_failed(s->context)) return;
    memcpy(parents, equal, (size_t)s->count * sizeof *parents);
    for (int band = 0; band < BANDS; band++)
        compare_band(s, band, parents, heads, before);
    for (int64_t i = 0; i < s->count; i++) parents[i] = find(parents, i);
    make_groups(s, equal, equal, starts, before);
    make_groups(s, parents, equal, starts, before);
}
