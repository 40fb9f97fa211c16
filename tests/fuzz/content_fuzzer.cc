// Compressed bodies.
#include "http/content_coding.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/http/compression.h"

using namespace stillwatch;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kBytesMax = 1 << 16;
  for (const char* coding : {"gzip", "deflate"}) {
    const Result<std::string> decoded = http::DecodeContent(coding, fuzz::TextOf(data, size), kBytesMax);
    if (decoded.ok() && decoded.value().size() > kBytesMax) __builtin_trap();  // A bomb got through.
  }
  return 0;
}

std::vector<std::string> fuzz::Seeds() {
  const std::string text = R"({"resourceSpans":[],"resourceSpans":[]})";
  const std::string zeros(1 << 20, '\0');
  return {http::Compress(text, http::Coding::kGzip), http::Compress(text, http::Coding::kZlib),
          http::Compress(text, http::Coding::kBare), http::Compress(zeros, http::Coding::kGzip)};
}
