// The hash of a name, on which partitions, dictionaries and observations agree.
#pragma once

#define XXH_INLINE_ALL  // Names are short: the call would cost as much as the hash.
#include <xxhash.h>

#include <cstdint>
#include <string_view>

namespace stillwatch {

// XXH3 (64 bits) of the bytes; 0 for an empty name, which is an unknown one. An account's partition is the highest bits.
inline uint64_t HashName(std::string_view name) { return name.empty() ? 0 : XXH3_64bits(name.data(), name.size()); }

}  // namespace stillwatch
