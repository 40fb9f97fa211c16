// Compressed bodies.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "proto/result.h"

namespace stillwatch::http {

// Decodes a body by its Content-Encoding: gzip (several members too), deflate (with zlib's header or bare) or identity.
// Stops as soon as `bytes_max` is exceeded, so that a bomb costs no more than a body of that size.
// Errors: kUnimplemented for another coding, kResourceExhausted for too many bytes, kInvalidArgument for damaged ones.
Result<std::string> DecodeContent(std::string_view coding, std::string body, size_t bytes_max);

}  // namespace stillwatch::http
