/* Random words as a pure function of seed, stream and index. */
#include "base/base.h"

#include <Random123/philox.h>

void fv__philox(uint64_t seed, uint64_t stream, uint64_t index,
                uint32_t words[4])
{
    philox4x32_ctr_t counter = { { (uint32_t)index, (uint32_t)(index >> 32),
                                   (uint32_t)stream,
                                   (uint32_t)(stream >> 32) } };
    philox4x32_key_t key = { { (uint32_t)seed, (uint32_t)(seed >> 32) } };
    philox4x32_ctr_t result = philox4x32_R(10, counter, key);
    for (int i = 0; i < 4; i++) words[i] = result.v[i];
}
