#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

#include "enforcement/webhook_sender.h"
#include "proto/name_hash.h"

namespace stillwatch::enforcement {
namespace {

constexpr size_t kSecretBytesMin = 16;
constexpr std::string_view kSecretPrefix = "whsec_";

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool IsPort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port != 0;
}

std::string Base64(const unsigned char* bytes, size_t count) {
  std::string text(4 * ((count + 2) / 3) + 1, '\0');
  const int written = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes, static_cast<int>(count));
  text.resize(static_cast<size_t>(written));
  return text;
}

// Empty if it is no base64.
std::string FromBase64(std::string_view text) {
  std::string bytes(3 * (text.size() / 4) + 3, '\0');
  const int written =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (written < 0) return {};
  const auto padding = static_cast<size_t>(std::count(text.begin(), text.end(), '='));
  bytes.resize(static_cast<size_t>(written) - padding);
  return bytes;
}

}  // namespace

Result<WebhookUrl> WebhookUrl::Parse(std::string_view url) {
  const Status wrong(Code::kInvalidArgument, "expected http://HOST[:PORT][/PATH] or https://…");
  WebhookUrl out;
  std::string_view rest = url;
  out.is_tls = TakePrefix(rest, "https://");
  if (!out.is_tls && !TakePrefix(rest, "http://")) return wrong;
  if (rest.find_first_of(" \t\r\n#@") != std::string_view::npos) return wrong;
  const size_t target = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, target);
  out.target = rest.substr(target);
  if (!out.target.starts_with('/')) out.target.insert(0, "/");
  out.port = out.is_tls ? "443" : "80";
  const size_t bracket = authority.find(']');
  const size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    out.port = authority.substr(colon + 1);
    if (!IsPort(out.port)) return wrong;
    authority = authority.substr(0, colon);
  }
  if (TakePrefix(authority, "[")) authority = authority.substr(0, authority.find(']'));
  out.host = authority;
  if (out.host.empty()) return wrong;
  return out;
}

uint64_t WebhookUrl::receiver() const {
  return HashName(std::string(is_tls ? "https" : "http") + "\n" + host + "\n" + port + "\n" + target);
}

Result<std::string> LoadWebhookSecret(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  std::string_view rest = text;
  std::string secret = TakePrefix(rest, kSecretPrefix) ? FromBase64(rest) : text;
  if (!file || secret.size() < kSecretBytesMin) {
    return {Code::kInvalidArgument, path + ": cannot be read, or holds no secret of at least 16 bytes"};
  }
  return secret;
}

std::string SignWebhook(std::string_view secret, std::string_view id, int64_t timestamp_seconds,
                        std::string_view body) {
  std::string text(id);
  text.append(".").append(std::to_string(timestamp_seconds)).append(".").append(body);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int count = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &count);
  return "v1," + Base64(digest, count);
}

}  // namespace stillwatch::enforcement
