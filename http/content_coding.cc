#include "http/content_coding.h"

#include <zlib.h>

#include <algorithm>
#include <utility>

namespace stillwatch::http {
namespace {

// zlib's codes: which header is expected before the compressed bytes.
constexpr int kGzipWindowBits = 16 + MAX_WBITS;
constexpr int kZlibWindowBits = MAX_WBITS;
constexpr int kBareWindowBits = -MAX_WBITS;
// Text shrinks to a fifth or so: the room that is made first.
constexpr size_t kUsualRatio = 5;
constexpr size_t kFirstBytes = 1024;

class Inflater {
 public:
  explicit Inflater(int window_bits) { is_open_ = inflateInit2(&stream_, window_bits) == Z_OK; }
  ~Inflater() {
    if (is_open_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  Result<std::string> Run(std::string_view body, size_t bytes_max) {
    if (!is_open_) return Status(Code::kResourceExhausted, "no memory to decompress");
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));  // zlib does not write there.
    stream_.avail_in = static_cast<uInt>(body.size());
    std::string out(std::min(bytes_max + 1, std::max(kFirstBytes, kUsualRatio * body.size())), '\0');
    size_t size = 0;
    for (;;) {
      stream_.next_out = reinterpret_cast<Bytef*>(out.data()) + size;
      stream_.avail_out = static_cast<uInt>(out.size() - size);
      const int code = inflate(&stream_, Z_NO_FLUSH);
      size = out.size() - stream_.avail_out;
      if (size > bytes_max) {
        return Status(Code::kResourceExhausted, "the body has more than " + std::to_string(bytes_max) + " bytes");
      }
      if (code == Z_STREAM_END && stream_.avail_in > 0 && inflateReset(&stream_) == Z_OK) continue;  // Another member.
      if (code == Z_STREAM_END) break;
      if (code != Z_OK || stream_.avail_out > 0)
        return Status(Code::kInvalidArgument, "the compressed body is damaged");
      out.resize(std::min(bytes_max + 1, 2 * out.size()));
    }
    out.resize(size);
    return out;
  }

 private:
  z_stream stream_{};
  bool is_open_ = false;
};

Result<std::string> Inflate(int window_bits, std::string_view body, size_t bytes_max) {
  return Inflater(window_bits).Run(body, bytes_max);
}

}  // namespace

Result<std::string> DecodeContent(std::string_view coding, std::string body, size_t bytes_max) {
  if (coding.empty() || coding == "identity") {
    if (body.size() > bytes_max) {
      return Status(Code::kResourceExhausted, "the body has more than " + std::to_string(bytes_max) + " bytes");
    }
    return body;
  }
  if (coding == "gzip" || coding == "x-gzip") return Inflate(kGzipWindowBits, body, bytes_max);
  if (coding != "deflate") {
    return Status(Code::kUnimplemented,
                  "content encoding \"" + std::string(coding) + "\" is not taken, only gzip and deflate");
  }
  // The standard wants zlib's header; many clients send none.
  Result<std::string> decoded = Inflate(kZlibWindowBits, body, bytes_max);
  if (decoded.ok() || decoded.status().code() != Code::kInvalidArgument) return decoded;
  return Inflate(kBareWindowBits, body, bytes_max);
}

}  // namespace stillwatch::http
