/* Schedules: phases read from words, written, and asked for a rate. */
#include "train/schedule.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MOST_TYPES = 32 };

/* ---- reading ------------------------------------------------------------- */

static const fv__schedule_type *find_type(fv_context *context,
                                          const fv__token *name)
{
    const char *names[MOST_TYPES + 1] = { NULL };
    fv__text list = { .context = context, .account = FV__DATA };
    for (int i = 0; i < MOST_TYPES && fv__schedule_types[i]; i++) {
        names[i] = fv__schedule_types[i]->name;
        if (fv__token_is(name, names[i])) {
            fv__text_free(&list);
            return fv__schedule_types[i];
        }
        fv__text_add(&list, "%s%s", i ? ", " : "", names[i]);
    }
    char shown[64], guess[64];
    fv__printable(name->at, name->length, shown, sizeof shown);
    fv__token_fail(context, name,
                   "there is no schedule \"%s\" (there are %s)%s", shown,
                   list.at ? list.at : "", fv__suggestion(name, names, guess));
    fv__text_free(&list);
    return NULL;
}

/* Reads "for N then" behind a phase; `end` stays if there is nothing. */
static fv_status read_link(fv__words *words, int64_t begin, int64_t *end)
{
    fv__token word, number, then;
    char shown[64];
    int64_t steps = 0;
    if (!fv__words_next(words, &word)) return FV_OK;
    if (!fv__token_is(&word, "for"))
        return fv__token_fail(
            words->context, &word, "\"%s\" is neither an option nor \"for\"",
            fv__printable(word.at, word.length, shown, sizeof shown));
    fv__words_next(words, &number);
    if (!fv__whole_read(number.at, number.length, &steps) || steps < 1
        || steps >= INT64_MAX / 2 - begin)
        return fv__token_fail(
            words->context, &number, "for \"%s\", expected a number of updates",
            fv__printable(number.at, number.length, shown, sizeof shown));
    fv__words_next(words, &then);
    if (!fv__token_is(&then, "then"))
        return fv__token_fail(
            words->context, &then, "\"%s\", expected \"then\"",
            fv__printable(then.at, then.length, shown, sizeof shown));
    *end = begin + steps;
    return FV_OK;
}

static fv_status read_phase(fv__words *words, fv__phase *phase)
{
    fv_context *context = words->context;
    fv__token name;
    fv__words_next(words, &name);
    phase->type = find_type(context, &name);
    if (!phase->type) return fv_failed(context);
    const fv__schedule_type *type = phase->type;
    if (fv__fields_read(words, type->name, type->fields, &phase->options)
            != FV_OK
        || fv__fields_check(context, type->name, type->fields, &phase->options)
               != FV_OK)
        return fv_failed(context);
    if (type->check) type->check(context, &phase->options);
    return fv_failed(context);
}

fv_status fv__schedule_parse(fv_context *context, const char *text,
                             fv__schedule *out)
{
    fv__schedule made = { 0 };
    fv__words words = {
        .context = context, .file = "schedule", .begin = text, .at = text
    };
    int64_t begin = 0;
    for (;; made.count++) {
        if (made.count == FV__MOST_PHASES)
            return fv_fail(context, FV_LIMIT, "schedule: more than %d phases",
                           FV__MOST_PHASES);
        fv__phase *phase = &made.phases[made.count];
        phase->begin = begin;
        phase->end = INT64_MAX;
        if (read_phase(&words, phase) != FV_OK
            || read_link(&words, begin, &phase->end) != FV_OK)
            return fv_failed(context);
        begin = phase->end;
        if (begin == INT64_MAX) break;
    }
    made.count++;
    *out = made;
    return FV_OK;
}

/* ---- writing ------------------------------------------------------------- */

void fv__schedule_text(const fv__schedule *schedule, fv__text *out)
{
    for (int32_t i = 0; i < schedule->count; i++) {
        const fv__phase *phase = &schedule->phases[i];
        fv__text_add(out, "%s%s", i ? " then " : "", phase->type->name);
        for (const fv__field *s = phase->type->fields; s->key; s++)
            fv__field_write(out, s, &phase->options);
        if (phase->end != INT64_MAX)
            fv__text_add(out, " for %" PRId64, phase->end - phase->begin);
    }
}

void fv__schedule_state(const fv__schedule *schedule, fv__text *out)
{
    for (int32_t i = 0; i < schedule->count; i++) {
        const fv__plateau *p = &schedule->phases[i].plateau;
        if (schedule->phases[i].type->watches)
            fv__text_add(out, "%d %s %" PRId64 " %" PRId64 " %" PRId64 " ",
                         p->seen, FV__NUMBER(p->best), p->bad, p->cooling,
                         p->reductions);
    }
}

static bool read_plateau(fv__words *words, fv__plateau *p)
{
    int64_t seen, *const counts[] = { &p->bad, &p->cooling, &p->reductions };
    fv__token token;
    fv__words_next(words, &token);
    if (!fv__whole_read(token.at, token.length, &seen) || seen > 1)
        return false;
    p->seen = seen != 0;
    fv__words_next(words, &token);
    if (!fv__number_read(token.at, token.length, &p->best)) return false;
    for (int i = 0; i < 3; i++) {
        fv__words_next(words, &token);
        if (!fv__whole_read(token.at, token.length, counts[i])) return false;
    }
    return true;
}

bool fv__schedule_restore(fv__schedule *schedule, const char *state)
{
    fv__schedule read = *schedule;
    fv__words words = { .begin = state, .at = state };
    for (int32_t i = 0; i < read.count; i++)
        if (read.phases[i].type->watches
            && !read_plateau(&words, &read.phases[i].plateau))
            return false;
    fv__token rest;
    if (fv__words_next(&words, &rest)) return false;
    *schedule = read;
    return true;
}

/* ---- asking -------------------------------------------------------------- */

static int32_t phase_at(const fv__schedule *schedule, int64_t updates)
{
    int32_t i = 0;
    while (updates >= schedule->phases[i].end) i++;
    return i;
}

double fv__schedule_rate(const fv__schedule *schedule, double base,
                         int64_t updates, int64_t run_end)
{
    if (!schedule->count) return base;
    const fv__phase *phase = &schedule->phases[phase_at(schedule, updates)];
    const int64_t end = phase->end == INT64_MAX ? run_end : phase->end;
    fv__moment moment = { .base = base,
                          .step = updates - phase->begin,
                          .steps = phase->options.first.steps,
                          .reductions = phase->plateau.reductions };
    if (phase->type->whole && !moment.steps) {
        if (end <= phase->begin) return (double)NAN;
        moment.steps = end - phase->begin;
    }
    return phase->type->rate(&phase->options, &moment);
}

void fv__schedule_observe(fv__schedule *schedule, int64_t updates, double loss,
                          double accuracy)
{
    if (!schedule->count) return;
    fv__phase *phase = &schedule->phases[phase_at(schedule, updates)];
    if (phase->type->watches)
        fv__plateau_observe(&phase->options, &phase->plateau, loss, accuracy);
}
