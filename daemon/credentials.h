// Who may call the daemon, and over what.
#pragma once

#include <grpcpp/security/server_credentials.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/result.h"
#include "http/tls_files.h"

namespace stillwatch::daemon {

// Knows bearer tokens by their SHA-256, so that whoever reads the file still has no token.
// Threading: immutable once made.
class TokenVerifier {
 public:
  // Reads lines of `HASH [NAME]`: 64 hexadecimal digits, then words for people; `#` begins a comment line.
  // Errors: kInvalidArgument names the file, and the line that is wrong; also if there is no token at all.
  static Result<TokenVerifier> Load(const std::string& path);
  static Result<TokenVerifier> Parse(std::string_view text);

  // Takes the same time whichever token it is and however much of it is right.
  bool IsKnown(std::string_view token) const;

 private:
  using Hash = std::array<unsigned char, 32>;

  std::vector<Hash> hashes_;
};

enum class Transport : uint8_t { kPlaintext, kTls };
enum class Authentication : uint8_t { kNone, kTokens };

// Errors: kInvalidArgument, naming the flags, if callers could reach `address` (HOST:PORT) without protection: beyond
// the loopback it takes both TLS and tokens, and tokens are never taken in the clear.
Status CheckExposure(std::string_view address, Transport transport, Authentication authentication);

// Plain syslog knows neither TLS nor tokens: whoever reaches it may send.
enum class SyslogExposure : uint8_t { kLoopbackOnly, kAnyone };

// Errors: kInvalidArgument if `address` is beyond the loopback and that was not allowed.
Status CheckSyslogExposure(std::string_view address, SyslogExposure allowed);

// Makes the credentials of a gRPC listener: plaintext without `tls`; with it and `tokens`, a call without a known
// `authorization: Bearer TOKEN` ends with UNAUTHENTICATED. Errors: kInvalidArgument names the file that cannot be used.
Result<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(const std::optional<http::TlsFiles>& tls,
                                                                       std::shared_ptr<const TokenVerifier> tokens);

}  // namespace stillwatch::daemon
