// A decoder that is fed with bytes of no sense.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// Reads the bytes; what it does with them must end, without a crash and without reading beyond them. Called by
// libFuzzer or by replay_main.cc.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace stillwatch::fuzz {

// Inputs that are read whole, from which the others are made.
std::vector<std::string> Seeds();

inline std::string TextOf(const uint8_t* data, size_t size) {
  return std::string(reinterpret_cast<const char*>(data), size);
}

}  // namespace stillwatch::fuzz
