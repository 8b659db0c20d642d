/* Names of layers. */
#include "network/network.h"

#include <string.h>

bool fv__name_character(char c)
{
    static const char legal[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_.-/";
    return c && strchr(legal, c);
}

bool fv__name_is_legal(const char *name)
{
    if (!*name || strlen(name) > 255) return false;
    for (; *name; name++)
        if (!fv__name_character(*name)) return false;
    return true;
}

uint64_t fv__name_digest(const char *name, size_t length)
{
    uint64_t digest = 14695981039346656037u;
    for (size_t i = 0; i < length; i++)
        digest = (digest ^ (unsigned char)name[i]) * 1099511628211u;
    return digest;
}

int32_t fv__network_find(const fv_network *network, int32_t count,
                         const char *name, size_t length)
{
    const uint64_t digest = fv__name_digest(name, length);
    for (int32_t i = 0; i < count; i++) {
        if (network->places[i].digest != digest) continue;
        const char *other = network->places[i].layer->name;
        if (strlen(other) == length && !memcmp(other, name, length)) return i;
    }
    return -1;
}
