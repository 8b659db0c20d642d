/* JSON on standard output with jansson, which only this file uses. */
#include "cli/cli.h"

#include <math.h>
#include <stdio.h>

#ifdef FOVEA_WITH_JANSSON
#include <jansson.h>

/* A cli_json is a json_t; after a failure it is NULL, which jansson accepts. */
static json_t *inside(cli_json *json) { return (json_t *)(void *)json; }

static void put(cli_json *at, const char *key, json_t *value)
{
    if (key)
        json_object_set_new(inside(at), key, value);
    else
        json_array_append_new(inside(at), value);
}

bool cli_json_there(void) { return true; }

cli_json *cli_json_new(void) { return (cli_json *)(void *)json_object(); }

void cli_json_number(cli_json *at, const char *key, double value)
{
    put(at, key, isfinite(value) ? json_real(value) : json_null());
}

void cli_json_integer(cli_json *at, const char *key, int64_t value)
{
    put(at, key, json_integer(value));
}

void cli_json_text(cli_json *at, const char *key, const char *value)
{
    json_t *text = json_string(value);
    put(at, key, text ? text : json_null());
}

void cli_json_flag(cli_json *at, const char *key, bool value)
{
    put(at, key, json_boolean(value));
}

cli_json *cli_json_object(cli_json *at, const char *key)
{
    json_t *object = json_object();
    put(at, key, object);
    return (cli_json *)(void *)object;
}

cli_json *cli_json_array(cli_json *at, const char *key)
{
    json_t *array = json_array();
    put(at, key, array);
    return (cli_json *)(void *)array;
}

static int write_text(const char *text, size_t bytes, void *file)
{
    return fwrite(text, 1, bytes, file) == bytes ? 0 : -1;
}

void cli_json_print(cli_json *json, fv_context *context)
{
    if (!fv_failed(context)) {
        const int failed =
            json_dump_callback(inside(json), write_text, stdout,
                               JSON_COMPACT | JSON_REAL_PRECISION(17));
        putchar('\n');
        if (failed && !ferror(stdout))
            fv_fail(context, FV_NO_MEMORY, "json: out of memory");
    }
    json_decref(inside(json));
}

cli_json *cli_json_parse(const char *text)
{
    return (cli_json *)(void *)json_loads(text, JSON_REJECT_DUPLICATES, NULL);
}

static json_t *member(const cli_json *json, const char *key)
{
    return json_object_get((const json_t *)(const void *)json, key);
}

double cli_json_get(const cli_json *json, const char *key)
{
    const json_t *value = member(json, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

const char *cli_json_get_text(const cli_json *json, const char *key)
{
    return json_string_value(member(json, key));
}

void cli_json_free(cli_json *json) { json_decref(inside(json)); }

#else

bool cli_json_there(void) { return false; }

cli_json *cli_json_parse(const char *text)
{
    (void)text;
    return NULL;
}

double cli_json_get(const cli_json *json, const char *key)
{
    (void)json, (void)key;
    return (double)NAN;
}

const char *cli_json_get_text(const cli_json *json, const char *key)
{
    (void)json, (void)key;
    return NULL;
}

void cli_json_free(cli_json *json) { (void)json; }

cli_json *cli_json_new(void) { return NULL; }

void cli_json_number(cli_json *at, const char *key, double value)
{
    (void)at, (void)key, (void)value;
}

void cli_json_integer(cli_json *at, const char *key, int64_t value)
{
    (void)at, (void)key, (void)value;
}

void cli_json_text(cli_json *at, const char *key, const char *value)
{
    (void)at, (void)key, (void)value;
}

void cli_json_flag(cli_json *at, const char *key, bool value)
{
    (void)at, (void)key, (void)value;
}

cli_json *cli_json_object(cli_json *at, const char *key)
{
    (void)at, (void)key;
    return NULL;
}

cli_json *cli_json_array(cli_json *at, const char *key)
{
    (void)at, (void)key;
    return NULL;
}

void cli_json_print(cli_json *json, fv_context *context)
{
    (void)json, (void)context;
}

#endif

void cli_json_bytes(cli_json *at, const char *key, size_t bytes)
{
    cli_json_integer(at, key, bytes < INT64_MAX ? (int64_t)bytes : INT64_MAX);
}

void cli_json_shape(cli_json *at, const char *key, const fv_shape *shape)
{
    cli_json *array = cli_json_array(at, key);
    for (int32_t i = 0; i < shape->rank; i++)
        cli_json_integer(array, NULL, shape->extent[i]);
}
