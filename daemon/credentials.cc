#include "daemon/credentials.h"

#include <arpa/inet.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <utility>

#include "http/host_port.h"

namespace stillwatch::daemon {
namespace {

constexpr std::string_view kSpace = " \t\r";
constexpr std::string_view kScheme = "Bearer ";

Result<std::string> ReadWholeFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file || content.empty()) return Status(Code::kInvalidArgument, path + ": cannot be read, or is empty");
  return content;
}

std::string_view TakeLine(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// The first word of a line, empty for a blank line.
std::string_view FirstWord(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(kSpace), line.size()));
  return line.substr(0, line.find_first_of(kSpace));
}

template <size_t kBytes>
bool ParseHex(std::string_view digits, std::array<unsigned char, kBytes>& out) {
  if (digits.size() != 2 * kBytes) return false;
  for (size_t i = 0; i < kBytes; ++i) {
    const char* const begin = digits.data() + 2 * i;
    const auto [end, error] = std::from_chars(begin, begin + 2, out[i], 16);
    if (error != std::errc() || end != begin + 2) return false;
  }
  return true;
}

bool IsLoopback(const std::string& host) {
  in_addr v4{};
  in6_addr v6{};
  if (host == "localhost") return true;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

// Lets OpenSSL read the files: gRPC would only fail to listen, and not say why.
Status CheckTlsFiles(const http::TlsFiles& files) {
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate_chain.c_str()) != 1) {
    return {Code::kInvalidArgument, files.certificate_chain + ": not a certificate chain in PEM"};
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), files.private_key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return {Code::kInvalidArgument, files.private_key + ": not the private key, in PEM, of the certificate"};
  }
  return {};
}

// Lets calls through that show a known token, and takes it out of what the services see.
class TokenProcessor final : public grpc::AuthMetadataProcessor {
 public:
  explicit TokenProcessor(std::shared_ptr<const TokenVerifier> tokens) : tokens_(std::move(tokens)) {}

  bool IsBlocking() const override { return false; }
  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* /*context*/, OutputMetadata* consumed,
                       OutputMetadata* /*response*/) override {
    const auto found = metadata.find("authorization");
    if (found != metadata.end()) {
      const std::string_view value(found->second.data(), found->second.size());
      if (value.starts_with(kScheme) && tokens_->IsKnown(value.substr(kScheme.size()))) {
        consumed->emplace("authorization", std::string(value));
        return grpc::Status::OK;
      }
    }
    return {grpc::StatusCode::UNAUTHENTICATED, "a bearer token is required"};
  }

 private:
  const std::shared_ptr<const TokenVerifier> tokens_;
};

}  // namespace

Result<TokenVerifier> TokenVerifier::Load(const std::string& path) {
  const Result<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  Result<TokenVerifier> tokens = Parse(text.value());
  if (!tokens.ok()) return {tokens.status().code(), path + ", " + tokens.status().message()};
  return tokens;
}

Result<TokenVerifier> TokenVerifier::Parse(std::string_view text) {
  TokenVerifier out;
  for (size_t number = 1; !text.empty(); ++number) {
    const std::string_view word = FirstWord(TakeLine(text));
    if (word.empty() || word.front() == '#') continue;
    if (!ParseHex(word, out.hashes_.emplace_back())) {
      return {Code::kInvalidArgument,
              "line " + std::to_string(number) + ": expected 64 hexadecimal digits, the SHA-256 of a token"};
    }
  }
  if (out.hashes_.empty()) return {Code::kInvalidArgument, "line 1: no token"};
  return out;
}

bool TokenVerifier::IsKnown(std::string_view token) const {
  Hash hash;
  if (EVP_Digest(token.data(), token.size(), hash.data(), nullptr, EVP_sha256(), nullptr) != 1) return false;
  bool is_known = false;
  for (const Hash& known : hashes_) is_known |= CRYPTO_memcmp(known.data(), hash.data(), hash.size()) == 0;
  return is_known;
}

Status CheckExposure(std::string_view address, Transport transport, Authentication authentication) {
  const Result<http::HostPort> parsed = http::ParseHostPort(address);
  if (!parsed.ok()) return parsed.status();
  if (authentication == Authentication::kTokens && transport == Transport::kPlaintext) {
    return {Code::kInvalidArgument,
            "--token-file: tokens would cross the network in the clear; give --tls-cert and --tls-key"};
  }
  const bool is_protected = transport == Transport::kTls && authentication == Authentication::kTokens;
  if (is_protected || IsLoopback(parsed.value().host)) return {};
  return {Code::kInvalidArgument,
          "address " + std::string(address) + " is not on the loopback: give --tls-cert, --tls-key and --token-file"};
}

Status CheckSyslogExposure(std::string_view address, SyslogExposure allowed) {
  const Result<http::HostPort> parsed = http::ParseHostPort(address);
  if (!parsed.ok()) return parsed.status();
  if (allowed == SyslogExposure::kAnyone || IsLoopback(parsed.value().host)) return {};
  return {Code::kInvalidArgument,
          "address " + std::string(address) +
              " is not on the loopback, and whoever reaches plain syslog may send: allow it with "
              "--syslog-beyond-loopback, or put rsyslog in between"};
}

Result<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(const std::optional<http::TlsFiles>& tls,
                                                                       std::shared_ptr<const TokenVerifier> tokens) {
  if (!tls) return grpc::InsecureServerCredentials();
  STILLWATCH_RETURN_IF_ERROR(CheckTlsFiles(*tls));
  Result<std::string> certificate_chain = ReadWholeFile(tls->certificate_chain);
  if (!certificate_chain.ok()) return certificate_chain.status();
  Result<std::string> private_key = ReadWholeFile(tls->private_key);
  if (!private_key.ok()) return private_key.status();
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({std::move(private_key).value(), std::move(certificate_chain).value()});
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::SslServerCredentials(options);
  if (tokens != nullptr) credentials->SetAuthMetadataProcessor(std::make_shared<TokenProcessor>(std::move(tokens)));
  return credentials;
}

}  // namespace stillwatch::daemon
