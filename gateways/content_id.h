// Ids of events that brought none: the same for the same parts.
#pragma once

#define XXH_INLINE_ALL  // Its state is kept here.
#include <xxhash.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace stillwatch::gateways {

// Hashes parts, in their order and with their bounds, to an id of 32 hexadecimal digits (XXH3, 128 bits).
class ContentId {
 public:
  ContentId() { XXH3_128bits_reset(&state_); }

  ContentId& Add(std::string_view text) {
    XXH3_128bits_update(&state_, text.data(), text.size());
    return Add(uint64_t{text.size()});
  }
  ContentId& Add(uint64_t number) {
    XXH3_128bits_update(&state_, &number, sizeof(number));
    return *this;
  }
  std::string Finish() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(&state_);
    std::string out;
    for (const uint64_t half : {hash.high64, hash.low64}) {
      for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[half >> shift & 15];
    }
    return out;
  }

 private:
  XXH3_state_t state_;
};

}  // namespace stillwatch::gateways
